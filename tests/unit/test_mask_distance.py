"""Distances equal scipy's, pixel by pixel."""

import numpy as np
import pytest
import torch
from mask_guidance.sampler.mask.distances import distance, nearest_inside, squared_distance
from random_masks import SHARES, SIZES, random_mask, strokes
from scipy import ndimage

ORACLES = {
    "euclidean": ndimage.distance_transform_edt,
    "chessboard": lambda outside: ndimage.distance_transform_cdt(outside, "chessboard"),
    "city-block": lambda outside: ndimage.distance_transform_cdt(outside, "taxicab"),
}


def expected(inside: torch.Tensor, metric: str) -> np.ndarray:
    if not inside.any():
        return np.full(inside.shape, np.inf)
    return ORACLES[metric](~inside.numpy()).astype(np.float32)


@pytest.mark.parametrize("metric", ORACLES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", SHARES)
def test_distances_are_exact(metric, size, share):
    inside = random_mask(size, share, soft=False) > 0
    for mine, one in zip(distance(inside, metric), inside, strict=True):
        assert (mine.numpy() == expected(one, metric)).all()


@pytest.mark.parametrize("metric", ORACLES)
def test_distances_from_a_stroke_at_every_offset_are_exact(metric):
    inside = strokes() > 0
    for mine, one in zip(distance(inside, metric), inside, strict=True):
        assert (mine.numpy() == expected(one, metric)).all()


@pytest.mark.parametrize("within", [0, 1, 3, 10, 300])
def test_distances_are_exact_as_far_as_asked_and_never_below(within):
    inside = random_mask((1, 50, 60), 0.005, soft=False) > 0
    full, near = distance(inside), distance(inside, within=within)
    assert torch.equal(near[full <= within], full[full <= within])
    assert (near[full > within] > within).all()


@pytest.mark.parametrize("share", [0.002, 0.05, 0.9])
def test_the_nearest_pixel_is_in_the_set_and_as_near_as_any(share):
    inside = random_mask((2, 41, 57), share, soft=False) > 0
    inside[:, 7, 11] = True
    index = nearest_inside(inside)
    assert inside.flatten(1).gather(1, index.flatten(1)).all()
    y, x = torch.meshgrid(torch.arange(41), torch.arange(57), indexing="ij")
    assert torch.equal((y - index // 57) ** 2 + (x - index % 57) ** 2, squared_distance(inside).long())


def test_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="must be one of: euclidean, chessboard, city-block"):
        distance(torch.ones(1, 2, 2, dtype=torch.bool), "manhattan")
