"""Growing, shrinking, holes and specks, against their definitions."""

import numpy as np
import pytest
import torch
from mask_guidance.sampler.mask import SHAPES, fill_holes, grow, remove_specks, shrink
from random_masks import SHARES, SIZES, random_mask, shapes, strokes
from scipy import ndimage
from skimage import morphology

RADII = [1, 2, 5, 9]


def footprint(shape: str, n: int) -> np.ndarray:
    y, x = np.mgrid[-n : n + 1, -n : n + 1]
    return {"round": y * y + x * x <= n * n, "square": np.ones_like(y) > 0, "diamond": abs(y) + abs(x) <= n}[shape]


def assert_grown_and_shrunk_as_defined(mask: torch.Tensor, n: int, shape: str) -> None:
    reach = footprint(shape, n)
    for one, grown, shrunk in zip(mask.numpy(), grow(mask, n, shape), shrink(mask, n, shape), strict=True):
        assert (grown.numpy() == ndimage.grey_dilation(one, footprint=reach, mode="constant", cval=-1)).all()
        assert (shrunk.numpy() == ndimage.grey_erosion(one, footprint=reach, mode="constant", cval=2)).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("size", SIZES)
def test_grow_and_shrink_are_as_defined(size, share, soft, shape):
    for n in RADII:
        assert_grown_and_shrunk_as_defined(random_mask(size, share, soft, seed=n), n, shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("soft", [False, True])
def test_strokes_at_every_offset_grow_by_the_same_on_both_sides(soft, shape):
    assert_grown_and_shrunk_as_defined(strokes(soft=soft), 4, shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_at_every_border_do_not_shrink_from_it(shape):
    assert_grown_and_shrunk_as_defined(shapes(), 6, shape)


@pytest.mark.parametrize("n", [1, 6, 32])
def test_round_growth_is_euclidean_distance_between_centres(n):
    mask = random_mask((1, 90, 80), 0.001, soft=False)
    assert torch.equal(grow(mask, n)[0] > 0, torch.from_numpy(ndimage.distance_transform_edt(mask[0] == 0) <= n))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("soft", [False, True])
def test_shrinking_what_was_grown_contains_the_original(soft, shape):
    for seed in range(5):
        mask = random_mask((1, 40, 50), 0.05, soft, seed)
        assert (shrink(grow(mask, 5, shape), 5, shape) >= mask).all()
        assert (grow(shrink(mask, 5, shape), 5, shape) <= mask).all()


def test_growing_by_zero_is_the_mask_itself():
    mask = random_mask((1, 9, 9), 0.5, soft=True)
    assert torch.equal(grow(mask, 0), mask)
    assert torch.equal(shrink(mask, 0), mask)


@pytest.mark.parametrize(("pixels", "shape", "words"), [(3, "star", "must be one of: round"), (-1, "round", "not -1")])
def test_bad_arguments_are_refused(pixels, shape, words):
    for mask in (torch.zeros(1, 4, 4), torch.ones(1, 4, 4)):
        with pytest.raises(ValueError, match=words):
            grow(mask, pixels, shape)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_holes_fill_to_the_lowest_point_of_their_rim(size, soft, share):
    mask = random_mask(size, share, soft)
    for one, filled in zip(mask.numpy(), fill_holes(mask), strict=True):
        seed = one.copy()
        seed[1:-1, 1:-1] = 1
        expected = morphology.reconstruction(seed, one, "erosion", ndimage.generate_binary_structure(2, 1))
        assert (filled.numpy() == expected).all()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_holes_of_hard_masks_are_scipys(share):
    mask = random_mask((1, 60, 70), share, soft=False)
    assert (fill_holes(mask)[0].numpy() == ndimage.binary_fill_holes(mask[0].numpy() > 0)).all()


def test_nested_rings_fill_and_a_ring_open_at_the_border_does_not():
    mask = torch.zeros(1, 30, 30)
    mask[:, 5:25, 5:25] = 1
    mask[:, 7:23, 7:23] = 0
    mask[:, 12:18, 12:18] = 0.4
    filled = fill_holes(mask)
    assert (filled[:, 5:25, 5:25] == 1).all()
    assert filled.sum() == 400
    mask[:, 15, :10] = 0  # a way out
    assert (fill_holes(mask) == mask).all()


@pytest.mark.parametrize("pixels", [1, 2, 5, 40])
def test_specks_are_areas_below_so_many_pixels(pixels):
    mask = random_mask((2, 50, 60), 0.3, soft=False)
    for one, cleaned in zip(mask.numpy() > 0, remove_specks(mask, pixels), strict=True):
        labels, count = ndimage.label(one, np.ones((3, 3)))
        area = ndimage.sum_labels(one, labels, range(count + 1))
        assert (cleaned.numpy() == (one & (area[labels] >= pixels))).all()


def test_a_faint_speck_counts_by_its_strength():
    mask = torch.zeros(1, 9, 9)
    mask[:, 2:5, 2:5] = 0.3  # 2.7 pixels
    assert remove_specks(mask, 3).sum() == 0
    assert torch.equal(remove_specks(mask, 2.7), mask)
