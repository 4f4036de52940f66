"""Cutting regions out and putting them back."""

import pytest
import torch
from mask_guidance.sampler.mask import BLENDS, SPLITS, Frame, crop, distance, stitch, to_grid
from mask_guidance.sampler.mask.harmonic import harmonic, laplacian
from random_masks import random_mask, shapes

PICTURES = torch.rand(3, 3, 60, 90, generator=torch.Generator().manual_seed(0))
FRAMES = [
    Frame(),
    Frame(factor=1.5, size=(16, 16)),
    Frame(factor=3, size=(64, 64)),
    Frame(sides=(7, 0, 40, 3), multiple=16),
    Frame(factor=2, size=(100, 40), enlarge=False),
]


def two_regions() -> torch.Tensor:
    """A box and a stroke far from it in the first picture, a corner in the second, nothing in the third."""
    mask = torch.zeros(3, 60, 90)
    mask[0, 10:20, 8:22] = 1
    mask[0, 40, 55:80] = 1
    mask[1, 50:, 80:] = 1
    return mask


def repainted(crops) -> torch.Tensor:
    return (crops.crops * 0.5 + 0.4).flip(1)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("frame", FRAMES)
def test_crop_then_stitch_without_change_is_the_identity_bit_for_bit(frame, blend, split):
    for mask in (two_regions(), random_mask((3, 60, 90), 0.002, soft=True), torch.zeros(3, 60, 90)):
        crops = crop(PICTURES, mask, frame, split)
        result = stitch(crops, crops.crops.clone(), blend, 6, colour_match=True)
        assert torch.equal(result.pictures, PICTURES)
        assert result.unchanged == len(crops.regions)


@pytest.mark.parametrize("pixels", [0, 1, 6])
@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("frame", FRAMES)
def test_outside_mask_and_band_every_bit_is_the_originals(frame, blend, pixels):
    mask = two_regions()
    crops = crop(PICTURES, mask, frame, merge=0)
    result = stitch(crops, repainted(crops), blend, pixels)
    far = distance(mask > 0) > (0 if blend == "hard" else pixels)
    outside = far[:, None].expand_as(PICTURES)
    assert torch.equal(result.pictures[outside], PICTURES[outside])
    assert not torch.equal(result.pictures, PICTURES)
    assert result.beyond == 0
    assert (result.band > 0) == (pixels > 0 and blend != "hard")


@pytest.mark.parametrize("blend", ["hard", "feathered"])
def test_the_mask_is_all_new_also_at_the_pictures_border(blend):
    masks = shapes(40)
    pictures = torch.zeros(len(masks), 3, 40, 40)
    crops = crop(pictures, masks, Frame(factor=1.4, multiple=1))
    result = stitch(crops, torch.ones_like(crops.crops), blend, 8).pictures
    assert (result[masks[:, None].expand_as(result) == 1] == 1).all()


@pytest.mark.parametrize("blend", BLENDS)
def test_a_full_mask_gives_all_of_the_new_picture(blend):
    crops = crop(PICTURES[:1], torch.ones(1, 60, 90), Frame(multiple=1))
    new = repainted(crops)
    torch.testing.assert_close(stitch(crops, new, blend, 8).pictures, new)


@pytest.mark.parametrize("blend", BLENDS)
def test_several_regions_at_once_equal_region_by_region(blend):
    mask = two_regions()
    together = crop(PICTURES, mask, Frame(factor=1.3, size=(32, 32)))
    assert len(together.regions) == 3
    at_once = stitch(together, repainted(together), blend, 5).pictures
    one_by_one = PICTURES
    for picture, rows in ((0, slice(0, 30)), (0, slice(30, 60)), (1, slice(0, 60))):
        alone = torch.zeros_like(mask)
        alone[picture, rows] = mask[picture, rows]
        crops = crop(one_by_one, alone, Frame(factor=1.3, size=(32, 32)))
        one_by_one = stitch(crops, repainted(crops), blend, 5).pictures
    assert torch.equal(at_once, one_by_one)


def test_soft_masks_mix_in_proportion_when_hard():
    mask = torch.zeros(1, 60, 90)
    mask[:, 10:30, 10:30] = 0.95
    crops = crop(torch.zeros(1, 3, 60, 90), mask, Frame(multiple=1))
    result = stitch(crops, torch.ones_like(crops.crops), "hard").pictures
    torch.testing.assert_close(result, mask[:, None].expand(-1, 3, -1, -1))


@pytest.mark.parametrize(("gap", "merge", "count"), [(10, 9, 2), (10, 10, 1), (0, 0, 1)])
def test_regions_so_close_are_one(gap, merge, count):
    mask = torch.zeros(1, 60, 90)
    mask[:, 10:20, 10:20] = 1
    mask[:, 20:30, 20 + gap : 25 + gap] = 1
    assert len(crop(PICTURES[:1], mask, Frame(), merge=merge).regions) == count


def test_merging_goes_on_as_boxes_grow():
    mask = torch.zeros(1, 60, 90)
    mask[:, 5, 5:40] = 1  # an L whose box holds the dot that neither arm is close to
    mask[:, 5:50, 5] = 1
    mask[:, 30, 30] = 1
    assert len(crop(PICTURES[:1], mask, Frame(), merge=0).regions) == 1


@pytest.mark.parametrize("frame", FRAMES)
def test_a_crop_holds_its_whole_region_and_lies_in_the_picture_where_it_fits(frame):
    mask = two_regions()
    crops = crop(PICTURES, mask, frame, merge=0)
    for region in crops.regions:
        assert region.mask.shape == (region.box.height, region.box.width)
        if region.box.height <= 60:
            assert 0 <= region.box.top <= region.box.bottom <= 60
        if region.box.width <= 90:
            assert 0 <= region.box.left <= region.box.right <= 90
    assert sum(float(region.mask.sum()) for region in crops.regions) == mask.sum()
    if frame.size:
        assert crops.crops.shape[-2:] == frame.size
    else:
        assert all(side % frame.multiple == 0 for side in crops.crops.shape[-2:])


def test_no_stroke_is_lost_in_a_smaller_crop():
    mask = torch.zeros(1, 60, 90)
    mask[0, 30, 5:85] = 1
    crops = crop(PICTURES[:1], mask, Frame(size=(8, 8)))
    assert crops.masks.amax() == 1


def test_context_mask_shows_more_and_masks_nothing():
    mask = two_regions()[:1]
    context = torch.zeros(1, 60, 90)
    context[0, 18:30, 20:40] = 1  # touches the first region's box only
    plain = crop(PICTURES[:1], mask, Frame(multiple=1))
    more = crop(PICTURES[:1], mask, Frame(multiple=1), context=context)
    assert more.regions[0].box.bottom >= 30
    assert more.regions[0].box.right >= 40
    assert plain.regions[0].box.bottom < 30 or plain.regions[0].box.right < 40
    assert more.regions[0].mask.sum() == plain.regions[0].mask.sum()


def test_one_box_for_all_stands_still():
    mask = torch.zeros(3, 60, 90)
    for i in range(3):
        mask[i, 10 + 5 * i : 20 + 5 * i, 30:40] = 1
    boxes = {region.box for region in crop(PICTURES, mask, Frame(), "one box for all").regions}
    assert len(boxes) == 1


def test_a_stitch_mask_says_where_to_put_back_instead():
    mask, other = two_regions(), torch.zeros(1, 60, 90)
    other[:, 12:15, 10:13] = 1
    crops = crop(PICTURES, mask, Frame(multiple=1))
    result = stitch(crops, repainted(crops), "hard", mask=other).pictures
    changed = (result != PICTURES).any(1)
    assert changed[0].sum() == 9
    of_crops = stitch(crops, repainted(crops), "hard", mask=torch.zeros_like(crops.masks)).pictures
    assert torch.equal(of_crops, PICTURES)


@pytest.mark.parametrize("blend", ["hard", "feathered"])
def test_the_weight_is_how_much_of_each_pixel_is_new_also_where_crops_overlap(blend):
    """New is white and old is black, so that the picture is the weight."""
    mask = random_mask((3, 60, 90), 0.02, soft=True)
    crops = crop(torch.zeros(3, 3, 60, 90), mask, Frame(factor=2, multiple=1), merge=0)
    assert len(crops.regions) > 10
    result = stitch(crops, torch.ones_like(crops.crops), blend, 6)
    torch.testing.assert_close(result.weight, result.pictures[:, 0])


@pytest.mark.parametrize("blend", BLENDS)
def test_where_the_weight_is_zero_every_bit_is_the_originals_and_a_crop_that_came_back_weighs_nothing(blend):
    crops = crop(PICTURES, two_regions(), Frame(factor=2, size=(32, 32)))
    painted = repainted(crops)
    painted[0] = crops.crops[0]
    result = stitch(crops, painted, blend, 5)
    kept = (result.weight == 0)[:, None].expand_as(PICTURES)
    assert torch.equal(result.pictures[kept], PICTURES[kept])
    assert result.weight[two_regions() > 0].count_nonzero() == (two_regions() > 0).sum() - 10 * 14
    assert 0 <= result.weight.min() < result.weight.max() <= 1


@pytest.mark.parametrize("blend", BLENDS)
def test_each_crop_says_which_place_it_has_changed(blend):
    crops = crop(PICTURES, two_regions(), Frame(factor=3, multiple=1), merge=0)
    result = stitch(crops, repainted(crops), blend, 2)
    reach = 0 if blend == "hard" else 2
    boxes = [(0, 10, 8, 20, 22), (0, 40, 55, 41, 80), (1, 50, 80, 60, 90)]
    assert len(crops.regions) == len(boxes)
    for place, (_, top, left, bottom, right) in zip(result.places, boxes, strict=True):
        assert (place.top, place.left) == (top - reach, left - reach)
        assert (place.bottom, place.right) == (min(60, bottom + reach), min(90, right + reach))
    assert stitch(crops, crops.crops.clone(), blend).places == (None, None, None)


def test_a_stitch_mask_of_ones_puts_whole_crops_back():
    crops = crop(PICTURES, two_regions(), Frame(factor=2, multiple=1))
    result = stitch(crops, repainted(crops), "hard", mask=torch.ones(1, 60, 90))
    for region, new in zip(crops.regions, repainted(crops), strict=True):
        box = region.box
        assert torch.equal(result.pictures[region.picture, :, box.top : box.bottom, box.left : box.right], new)


@pytest.mark.parametrize("blend", ["hard", "feathered"])
def test_a_stitch_mask_on_the_models_grid_puts_its_cells_back_whole(blend):
    mask = torch.zeros(1, 60, 90)
    mask[:, 10:33, 18:51] = 1
    crops = crop(PICTURES[:1], mask, Frame(multiple=8, factor=2))
    cells = to_grid(crops.masks, (crops.masks.shape[1] // 8, crops.masks.shape[2] // 8))
    result = stitch(crops, repainted(crops), blend, 0, mask=cells).pictures
    box = crops.regions[0].box
    new = (result != PICTURES[:1]).any(1)[0, box.top : box.bottom, box.left : box.right]
    assert torch.equal(new, cells[0].bool().repeat_interleave(8, 0).repeat_interleave(8, 1))


def test_colour_match_undoes_a_change_of_brightness_and_contrast():
    mask = two_regions()
    crops = crop(PICTURES, mask, Frame(factor=2, multiple=1))
    result = stitch(crops, crops.crops * 0.8 + 0.1, "hard", colour_match=True).pictures
    torch.testing.assert_close(result, PICTURES, atol=1e-5, rtol=0)


def test_colour_match_looks_at_known_pixels_only():
    mask = two_regions()
    crops = crop(PICTURES, mask, Frame(factor=2, multiple=1))
    painted = torch.where(crops.masks[:, None] > 0, 0.9, crops.crops)
    plain = stitch(crops, painted, "hard").pictures
    assert torch.equal(stitch(crops, painted, "hard", colour_match=True).pictures, plain)


def test_poisson_keeps_differences_and_takes_the_originals_level():
    mask = torch.zeros(1, 60, 90)
    mask[:, 20:40, 30:60] = 1
    crops = crop(PICTURES[:1] * 0.5, mask, Frame(factor=1.5, multiple=1))
    result = stitch(crops, crops.crops + 0.3, "poisson", 0).pictures
    torch.testing.assert_close(result, PICTURES[:1] * 0.5, atol=2e-3, rtol=0)


@pytest.mark.parametrize("size", [(5, 5), (30, 41), (64, 100)])
def test_harmonic_fields_solve_laplaces_equation_and_keep_what_is_given(size):
    draw = torch.Generator().manual_seed(1)
    values = torch.rand(2, *size, generator=draw)
    free = torch.rand(size, generator=draw) < 0.7
    field = harmonic(values, free)
    assert torch.equal(field[:, ~free], values[:, ~free])
    assert laplacian(field)[:, free].abs().max() < 1e-4


def test_a_plane_is_continued_as_a_plane():
    y, x = torch.meshgrid(torch.arange(50.0), torch.arange(70.0), indexing="ij")
    plane = (0.003 * x + 0.005 * y)[None]
    free = torch.zeros(50, 70, dtype=torch.bool)
    free[5:45, 5:65] = True
    torch.testing.assert_close(harmonic(plane, free), plane, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("painted", "options", "words"),
    [
        ((1, 3, 8, 8), {}, "3 regions were cut out and 1 painted"),
        ((3, 4, 8, 8), {}, "have 3 channels and the painted pictures 4"),
        ((3, 3, 8, 12), {}, "The crops are 8x8 and the painted pictures 12x8: not the same shape"),
        ((3, 3, 8, 8), {"blend": "glue"}, "must be one of: "),
        ((3, 3, 8, 8), {"mask": torch.zeros(2, 8, 9)}, "The stitch mask is 2 of 9x8"),
        ((3, 3, 8, 8), {"mask": torch.zeros(3, 2, 4)}, "The stitch mask is 3 of 4x2"),
    ],
)
def test_what_does_not_fit_is_refused(painted, options, words):
    crops = crop(PICTURES, two_regions(), Frame(size=(8, 8)))
    with pytest.raises(ValueError, match=words):
        stitch(crops, torch.rand(painted), **options)


def test_masks_of_another_number_are_refused():
    with pytest.raises(ValueError, match="3 pictures of 90x60 came with 2 masks of 90x60"):
        crop(PICTURES, torch.ones(2, 60, 90), Frame())


def test_a_regions_own_mask_is_as_large_as_its_crop_however_large_the_picture():
    """A mask of the picture's size for each of many specks would fill the memory."""
    mask = torch.zeros(1, 60, 90)
    mask[0, ::10, ::10] = 1
    crops = crop(PICTURES[:1], mask, Frame(), merge=0)
    assert len(crops.regions) == 54
    for region in crops.regions:
        assert region.mask.shape == (region.box.height, region.box.width)
        assert region.mask.untyped_storage().nbytes() < mask.untyped_storage().nbytes()
        assert region.mask.sum() == 1
