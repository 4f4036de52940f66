"""Connected regions."""

import numpy as np
import pytest
import torch
from mask_guidance.sampler.mask import label, region_boxes
from mask_guidance.sampler.mask.regions import sizes
from scipy import ndimage

STRUCTURES = {True: np.ones((3, 3)), False: None}


def noise(share: float, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


def spiral(size: int) -> torch.Tensor:
    """A line one pixel wide, winding inwards with a gap of one pixel."""
    inside = torch.zeros(size, size, dtype=torch.bool)
    top, left, bottom, right = 0, 0, size - 1, size - 1
    row = 0
    while right - left > 3:
        inside[top, row : right + 1] = True
        inside[top : bottom + 1, right] = True
        inside[bottom, left : right + 1] = True
        inside[top + 2 : bottom + 1, left] = True
        row = left
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return inside


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 0.5, 0.6, 0.95, 1.0])
@pytest.mark.parametrize("shape", [(3, 40, 57), (1, 1, 30), (1, 30, 1), (2, 1, 1)])
def test_regions_are_scipys_in_every_picture_of_a_batch(shape, share, diagonal):
    inside = noise(share, *shape)
    labels, count = label(inside, diagonal)
    before = 0
    for mine, one in zip(labels, inside, strict=True):
        theirs, found = ndimage.label(one.numpy(), STRUCTURES[diagonal])
        expected = np.where(theirs > 0, theirs + before, 0)
        assert (mine.numpy() == expected).all()  # both number in reading order
        before += found
    assert count == before


def test_a_spiral_is_one_region_and_so_is_the_gap():
    line = spiral(201)
    assert ndimage.label(line.numpy())[1] == label(line[None], diagonal=False)[1]
    assert ndimage.label(~line.numpy())[1] == label(~line[None], diagonal=False)[1]


def test_boxes_and_sizes_are_scipys():
    inside = noise(0.3, 2, 30, 41, seed=4)
    labels, count = label(inside)
    boxes = region_boxes(labels, count)
    area = sizes(labels, count)
    for number in range(1, count + 1):
        picture, y, x = (labels == number).nonzero(as_tuple=True)
        assert boxes[number - 1].tolist() == [picture[0], y.min(), x.min(), y.max() + 1, x.max() + 1]
        assert area[number] == len(y)
