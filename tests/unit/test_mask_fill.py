"""Fills, paddings, masks of pictures and of the literature, preparation, batches."""

import pytest
import torch
from mask_guidance.sampler.mask import (
    FILLS,
    PADDINGS,
    PAPER_MASKS,
    Sides,
    at_size,
    fill,
    from_alpha,
    from_channel,
    from_colour,
    from_luminance,
    one_for_each,
    pad,
    paired,
    paper_mask,
    prepare,
    sides_for_ratio,
    sides_for_size,
    sides_in_percent,
    snapped,
)
from random_masks import random_mask

PICTURES = torch.rand(2, 3, 40, 50, generator=torch.Generator().manual_seed(0))


def mask_of(value: float = 1.0) -> torch.Tensor:
    mask = torch.zeros(2, 40, 50)
    mask[:, 10:30, 20:] = value
    return mask


@pytest.mark.parametrize("how", FILLS)
def test_a_fill_changes_what_is_masked_and_no_bit_else(how):
    mask = mask_of()
    filled = fill(PICTURES, mask, how)
    known = (mask == 0)[:, None].expand_as(PICTURES)
    assert torch.equal(filled[known], PICTURES[known])
    assert not torch.equal(filled, PICTURES)
    assert filled.isfinite().all()
    assert filled.min() >= 0
    assert filled.max() <= 1


@pytest.mark.parametrize("how", FILLS)
def test_what_is_under_the_mask_does_not_shine_through(how):
    mask = mask_of()
    other = torch.where(mask[:, None] > 0, 1 - PICTURES, PICTURES)
    torch.testing.assert_close(fill(PICTURES, mask, how), fill(other, mask, how))


@pytest.mark.parametrize("how", FILLS)
def test_a_mask_of_095_fills_by_95_percent(how):
    soft, hard = fill(PICTURES * 0, mask_of(0.95), how), fill(PICTURES * 0, mask_of(1.0), how)
    torch.testing.assert_close(soft, 0.95 * hard, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("how", FILLS)
def test_a_picture_with_nothing_known_is_filled_with_something_finite(how):
    filled = fill(PICTURES, torch.ones(2, 40, 50), how)
    assert filled.isfinite().all()
    assert abs(float(filled.mean()) - 0.5) < 0.05


@pytest.mark.parametrize("how", FILLS)
def test_picture_k_of_a_batch_is_picture_k_alone(how):
    first = fill(PICTURES[:1], mask_of()[:1], how, seed=4)
    torch.testing.assert_close(fill(PICTURES, mask_of(), how, seed=4)[:1], first)


@pytest.mark.parametrize("how", ["smooth", "edge extend", "mean colour"])
def test_one_colour_is_filled_with_itself(how):
    plain = torch.full((1, 3, 37, 41), 0.3)
    torch.testing.assert_close(fill(plain, random_mask((1, 37, 41), 0.8, soft=False), how), plain)


def test_edge_extend_takes_the_nearest_known_colour():
    picture = torch.arange(20.0).expand(1, 1, 3, 20) / 20
    mask = torch.zeros(1, 3, 20)
    mask[..., 5:11] = 1
    assert (fill(picture, mask, "edge extend")[0, 0, 1] * 20).round().tolist()[4:12] == [4, 4, 4, 4, 11, 11, 11, 11]


@pytest.mark.parametrize("how", PADDINGS)
@pytest.mark.parametrize("sides", [Sides(3, 0, 5, 7), Sides(), Sides(120, 90, 0, 0)])
def test_padding_keeps_the_picture_and_masks_what_is_new(how, sides):
    larger, mask = pad(PICTURES, sides, how)
    inner = (..., slice(sides.top, sides.top + 40), slice(sides.left, sides.left + 50))
    assert larger.shape == (2, 3, 40 + sides.top + sides.bottom, 50 + sides.left + sides.right)
    assert torch.equal(larger[inner], PICTURES)
    assert (mask[inner] == 0).all()
    assert mask[0].sum() == mask[0].numel() - 2000
    assert larger.isfinite().all()


def test_edge_and_mirror_repeat_and_reflect():
    row = torch.arange(4.0).expand(1, 1, 2, 4) / 10
    edge, mirror = (pad(row, Sides(left=5, right=2), how)[0][0, 0, 0] * 10 for how in ("edge", "mirror"))
    assert edge.round().tolist() == [0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3]
    assert mirror.round().tolist() == [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]


def test_overlap_reaches_into_the_picture_on_padded_sides_only():
    _, mask = pad(PICTURES, Sides(left=10), overlap=4)
    assert (mask[:, :, :14] == 1).all()
    assert (mask[:, :, 14:] == 0).all()


def test_colour_padding_is_that_colour_and_opaque():
    larger, _ = pad(torch.zeros(1, 4, 5, 5), Sides(right=2), "colour", colour=(0.1, 0.2, 0.3))
    torch.testing.assert_close(larger[0, :, 0, 6], torch.tensor([0.1, 0.2, 0.3, 1.0]))


def test_sides_by_percent_size_ratio_and_multiple():
    assert sides_in_percent(200, 100, 10, 50, 0, 1) == Sides(10, 100, 0, 2)
    assert sides_for_size(40, 50, (64, 64)) == Sides(7, 12, 7, 12)
    assert sides_for_size(40, 50, (64, 64), "start", "end") == Sides(0, 24, 14, 0)
    assert sides_for_ratio(40, 50, 2.0, "end") == Sides(30, 0, 0, 0)
    assert sides_for_ratio(40, 50, 1.0) == Sides(0, 5, 0, 5)
    assert snapped(40, 50, Sides(right=3), 16) == Sides(0, 0, 14, 8)
    assert snapped(40, 50, Sides(left=3), 16) == Sides(14, 0, 0, 8)
    with pytest.raises(ValueError, match="larger than the 32x64"):
        sides_for_size(40, 50, (64, 32))
    with pytest.raises(ValueError, match="must be 0 or more"):
        Sides(left=-1)
    with pytest.raises(ValueError, match="leaves nothing"):
        pad(PICTURES, Sides(left=1, right=1), overlap=25)


def test_masks_come_from_alpha_channels_colours_and_brightness():
    picture = torch.zeros(1, 4, 2, 2)
    picture[0, :, 0, 0] = torch.tensor([1.0, 0.5, 0.0, 0.25])
    picture[0, :3, 1, 1] = 1
    assert from_alpha(picture)[0].tolist() == [[0.75, 1], [1, 1]]
    assert from_channel(picture, "green")[0].tolist() == [[0.5, 0], [0, 1]]
    assert from_colour(picture, (1.0, 0.45, 0.0), tolerance=0.06)[0].tolist() == [[1, 0], [0, 0]]
    assert from_colour(picture, (1.0, 0.45, 0.0), tolerance=0.01)[0].sum() == 0
    assert 0 < from_colour(picture, (1.0, 0.45, 0.0), tolerance=0.01, softness=0.1)[0, 0, 0] < 1
    assert from_luminance(picture, 0.9, 1.0)[0].tolist() == [[0, 0], [0, 1]]
    with pytest.raises(ValueError, match="no alpha"):
        from_alpha(picture[:, :3])
    with pytest.raises(ValueError, match="swap them"):
        from_luminance(picture, 0.9, 0.1)


def test_every_8_bit_colour_is_found_without_tolerance():
    levels = torch.arange(256.0).reshape(1, 1, 16, 16).expand(1, 3, 16, 16) / 255
    for level in range(0, 256, 15):
        found = from_colour(levels, (level / 255,) * 3, 0)
        assert found.flatten().nonzero().tolist() == [[level]]


@pytest.mark.parametrize("name", PAPER_MASKS)
@pytest.mark.parametrize("size", [(64, 64), (256, 256), (50, 130), (1, 1)])
def test_literature_masks_are_hard_and_the_same_in_any_batch(name, size):
    masks = paper_mask(name, *size, seed=3, count=4)
    assert masks.shape == (4, *size)
    assert set(masks.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(masks[:2], paper_mask(name, *size, seed=3, count=2))


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("half", 1 / 2),
        ("expand", 15 / 16),
        ("every second line", 1 / 2),
        ("super-resolve 2x", 3 / 4),
        ("box", 1 / 4),
        ("everything", 1),
    ],
)
def test_regular_masks_cover_what_the_paper_says(name, share):
    assert paper_mask(name, 256, 256).mean() == share


def test_other_seeds_give_other_strokes():
    assert not torch.equal(paper_mask("wide", 64, 64, seed=1), paper_mask("wide", 64, 64, seed=2))


def test_random_rectangles_have_sides_of_a_fifth_to_four_fifths():
    masks = paper_mask("random rectangles", 50, 100, count=40)
    assert masks.amax(1).sum(1).min() >= 20
    assert masks.amax(2).sum(1).min() >= 10
    assert masks.mean((1, 2)).min() < 0.3 < 0.6 < masks.mean((1, 2)).max() < 1
    alone = [m for m in masks if torch.equal(m, m.amax(1, keepdim=True) * m.amax(0, keepdim=True))]
    assert 0 < len(alone) < 40
    assert all(m.amax(0).sum() <= 80 and m.amax(1).sum() <= 40 for m in alone)


def test_a_random_half_is_each_of_four():
    halves = {tuple(m[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()) for m in paper_mask("random half", 20, 30, count=40)}
    assert halves == {(1, 1, 0, 0), (0, 0, 1, 1), (1, 0, 1, 0), (0, 1, 0, 1)}


def test_a_random_centre_is_a_box_in_the_middle_of_a_quarter_to_half_the_sides():
    masks = paper_mask("random centre", 100, 200, count=40)
    heights, widths = masks.amax(2).sum(1), masks.amax(1).sum(1)
    assert 25 <= heights.min() < 30 and 45 < heights.max() <= 50
    assert ((widths - 2 * heights).abs() <= 2).all()
    for mask, height, width in zip(masks, heights, widths, strict=True):
        top, left = (100 - int(height)) // 2, (200 - int(width)) // 2
        assert mask[top : top + int(height), left : left + int(width)].sum() == height * width == mask.sum()


@pytest.mark.parametrize("first", [kind for kind in PAPER_MASKS if kind != "free-form"])
@pytest.mark.parametrize("second", ["free-form", "expand", "checkerboard"])
def test_kinds_joined_by_plus_paint_what_any_of_them_paints(first, second):
    either = torch.maximum(paper_mask(first, 40, 50, seed=2), paper_mask(second, 40, 50, seed=2))
    assert torch.equal(paper_mask(f"{first}+{second}", 40, 50, seed=2), either)


def test_a_kind_joined_with_itself_is_two_draws_of_it():
    one, two, three = (paper_mask("+".join(["free-form"] * times), 64, 64, seed=2) for times in (1, 2, 3))
    assert ((one <= two) & (two <= three)).all()
    assert one.sum() < two.sum() < three.sum()


def test_preparation_does_nothing_by_default_and_tells_its_order():
    mask = random_mask((2, 30, 30), 0.5, soft=True)
    same, done = prepare(mask)
    assert torch.equal(same, mask)
    assert done == []
    everything = {"invert": True, "threshold": 0.5, "ignore_below": 0.1, "remove_specks": 3, "fill_holes": True}
    everything |= {"grow": -2, "grow_shape": "diamond", "smooth_outline": 1, "feather": 2, "feather_side": "inward"}
    _, done = prepare(mask, **everything)
    assert done == [
        "inverted",
        "threshold 0.5",
        "below 0.1 ignored",
        "specks below 3 px removed",
        "holes filled",
        "shrunk by 2 px (diamond)",
        "outline smoothed over 1 px",
        "feathered by 2 px (inward)",
    ]


def test_a_misspelt_setting_is_named():
    with pytest.raises(ValueError, match="no setting 'growth' of a mask's preparation; there are: invert, "):
        prepare(torch.zeros(1, 4, 4), growth=3)


def test_masks_and_pictures_pair_one_to_many_and_many_to_one():
    mask = torch.zeros(1, 4, 4)
    assert one_for_each(mask, 3).shape == (3, 4, 4)
    pictures, masks = paired(PICTURES[:1], torch.zeros(5, 40, 50))
    assert len(pictures) == len(masks) == 5
    with pytest.raises(ValueError, match="3 masks for 2 pictures"):
        paired(PICTURES, torch.zeros(3, 40, 50))


def test_masks_of_another_size_are_resized_or_refused():
    stroke = torch.zeros(1, 80, 100)
    stroke[0, 41] = 1
    fitted, note = at_size(stroke, 40, 50)
    assert fitted.amax() == 1
    assert note == "mask resized from 100x80 to 50x40"
    assert at_size(fitted, 80, 100)[0].shape == (1, 80, 100)
    with pytest.raises(ValueError, match="64x64 and the picture 50x40"):
        at_size(torch.ones(1, 64, 64), 40, 50)
    empty, note = at_size(torch.zeros(1, 64, 64), 40, 50)
    assert empty.shape == (1, 40, 50)
    assert "Load Image gives 64x64 zeros" in note
