"""Half pictures (the host's --fp16-intermediates) give what float32 ones give, rounded, and come back as half."""

import pytest
import torch
from mask_guidance.sampler.mask import (
    BLENDS,
    FILLS,
    PADDINGS,
    SNAPPING,
    Frame,
    Sides,
    at_size,
    crop,
    fill,
    pad,
    prepare,
    stitch,
    to_grid,
)

HALVES = [torch.float16, torch.bfloat16]
PICTURES = (
    torch.rand(2, 3, 60, 90, generator=torch.Generator().manual_seed(0)).bfloat16().half()
)  # the same in all types


def soft_mask() -> torch.Tensor:
    mask = torch.zeros(2, 60, 90)
    mask[:, 10:30, 20:50] = 1
    mask[1, 40:, 70:] = 0.5
    return mask


def assert_rounded(half: torch.Tensor, full: torch.Tensor, dtype: torch.dtype) -> None:
    assert half.dtype == dtype
    torch.testing.assert_close(half.float(), full, atol=2 * torch.finfo(dtype).eps, rtol=0)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("how", FILLS)
def test_a_fill_of_half_pictures_is_that_of_full_ones_and_keeps_what_is_known(how, dtype):
    pictures, mask = PICTURES.to(dtype), soft_mask()
    filled = fill(pictures, mask, how)
    assert_rounded(filled, fill(pictures.float(), mask, how), dtype)
    known = (mask == 0)[:, None].expand_as(filled)
    assert torch.equal(filled[known], pictures[known])


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("how", PADDINGS)
def test_half_pictures_are_padded_as_full_ones(how, dtype):
    pictures = PICTURES.to(dtype)
    larger, _ = pad(pictures, Sides(30, 0, 70, 5), how)
    assert_rounded(larger, pad(pictures.float(), Sides(30, 0, 70, 5), how)[0], dtype)
    assert torch.equal(larger[..., :60, 30:120], pictures)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("blend", BLENDS)
def test_half_pictures_are_cropped_and_stitched_as_full_ones(blend, dtype):
    pictures, mask = PICTURES.to(dtype), soft_mask()
    halves, fulls = (crop(p, mask, Frame(factor=1.4, size=(24, 32))) for p in (pictures, pictures.float()))
    assert_rounded(halves.crops, fulls.crops, dtype)
    assert torch.equal(stitch(halves, halves.crops.clone(), blend).pictures, pictures)
    new = (halves.crops * 0.5 + 0.25).flip(1)
    half, full = stitch(halves, new, blend, 5, True), stitch(fulls, new.float(), blend, 5, True)
    assert_rounded(half.pictures, full.pictures, dtype)
    assert half.beyond == 0


@pytest.mark.parametrize("dtype", HALVES)
def test_half_masks_are_resized_snapped_and_prepared_as_full_ones(dtype):
    mask = soft_mask().to(dtype)
    assert_rounded(at_size(mask, 120, 180)[0], at_size(mask.float(), 120, 180)[0], dtype)
    for how in SNAPPING:
        assert_rounded(to_grid(mask, (7, 11), how), to_grid(mask.float(), (7, 11), how), dtype)
    settings = {"remove_specks": 3, "fill_holes": True, "grow": 2, "smooth_outline": 2, "feather": 3}
    assert_rounded(prepare(mask, **settings)[0], prepare(mask.float(), **settings)[0], dtype)
