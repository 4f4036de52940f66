"""What was meant to change is found in an edited picture, and only that comes into the original."""

import pytest
import torch
from known_edits import CHANGES, DRIFTS, blob, column, edit, moved, photograph
from mask_guidance.sampler.edit import Cleaning, Comparison, align, composite_edit
from mask_guidance.sampler.mask import BLENDS, distance
from mask_guidance.sampler.mask.resample import resize_picture
from mask_guidance.sampler.mask.source import brightness

SHIFTS = [(0.0, 0.0, 1.0), (2.0, -1.0, 1.0), (0.6, 1.3, 1.0), (-1.6, 2.3, 1.01), (12.0, 5.0, 0.97)]


@pytest.fixture(scope="module")
def pictures():
    return {name: resize_picture(photograph(name), 256, 320) for name in ("astronaut", "coffee", "chelsea")}


@pytest.fixture(scope="module")
def astronaut(pictures):
    return (pictures["astronaut"] * 255).round() / 255


@pytest.fixture(scope="module")
def small(pictures):
    """For what is asked of dozens of edits."""
    return {name: (resize_picture(pictures[name], 192, 240) * 255).round() / 255 for name in ("astronaut", "coffee")}


def overlap(mask, truth):
    inside = mask > 0
    return float((inside & truth).sum() / (inside | truth).sum())


@pytest.mark.parametrize("shift", SHIFTS)
def test_shift_and_scale_are_found_to_a_tenth_of_a_pixel(pictures, shift):
    for name in pictures:
        found = align(pictures[name], moved(pictures[name], *shift))
        assert found.found
        right, down = found.placement.moved((256, 320))
        assert (right, down) == pytest.approx(shift[:2], abs=0.1)
        assert found.placement.scale == pytest.approx((shift[2], shift[2]), abs=0.001)


def test_alignment_goes_by_what_has_not_changed_when_most_of_the_picture_has(pictures):
    drifted = moved(pictures["chelsea"], 2.4, -1.3, 1.01)
    drifted[..., 128:] = pictures["astronaut"][..., 128:]
    found = align(pictures["chelsea"], drifted)
    assert found.placement.moved((256, 320)) == pytest.approx((2.4, -1.3), abs=0.2)


def test_a_picture_cut_to_another_shape_is_laid_where_it_belongs(pictures):
    found = align(pictures["coffee"], pictures["coffee"][..., 10:-10, :])
    assert found.found
    assert found.placement.scale == pytest.approx((1, 256 / 236), abs=0.002)
    assert found.placement.covered((256, 320)).height in (235, 236)


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("change", CHANGES)
def test_the_change_is_found_under_every_drift(small, change, drift):
    given = edit(small["astronaut"], change, drift, 0.06, 3, small["coffee"])
    result = composite_edit(given.original[0], given.edited[0], cleaning=Cleaning(grow=0))
    inside = result.mask > 0
    found = float((inside & given.truth).sum() / given.truth.sum())
    assert found > 0.85
    assert overlap(result.mask, given.truth) > 0.6


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_picture_that_only_drifted_gives_the_original_back_to_the_bit(small, drift):
    drifted = original = small["astronaut"]
    for step in DRIFTS[drift]:
        drifted = step(drifted).clamp(0, 1)
    result = composite_edit(original[0], drifted[0])
    assert torch.equal(result.picture, original[0])
    assert not result.mask.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("blend", BLENDS)
def test_beyond_mask_and_band_every_bit_is_the_originals(small, blend, dtype):
    given = edit(small["astronaut"], "pasted", "tint, shift, vae", 0.06, 3, small["coffee"])
    original = given.original[0].to(dtype)
    before = original.clone()
    result = composite_edit(original, given.edited[0].to(dtype), blend=blend, pixels=6)
    assert result.picture.dtype == dtype
    far = (distance(result.mask[None] > 0)[0] > 6).expand_as(original)
    assert torch.equal(result.picture[far], original[far])
    assert result.beyond == 0
    assert torch.equal(original, before)
    assert not torch.equal(result.picture, original)


def test_the_result_is_far_nearer_to_the_ideal_than_the_edited_picture(pictures, astronaut):
    given = edit(astronaut, "pasted", "all", 0.06, 3, pictures["coffee"])
    result = composite_edit(given.original[0], given.edited[0])
    stretched = resize_picture(given.edited, 256, 320)
    assert (result.picture - given.wanted[0]).abs().mean() < 0.1 * (stretched - given.wanted).abs().mean()


def test_a_tiny_edit_of_a_large_picture_is_found():
    original = resize_picture(photograph("astronaut"), 1024, 1024)
    edited = original.clone()
    edited[..., 700:708, 300:308] = column(0.1, 0.9, 0.2)
    result = composite_edit(original[0], edited[0], cleaning=Cleaning(grow=0))
    assert (result.mask[700:708, 300:308] > 0).all()
    assert result.mask.sum() < 200


def test_an_edit_of_most_of_the_picture_is_taken_whole(pictures, astronaut):
    edited = moved(astronaut, 1.4, -0.8)
    edited[..., 110:] = pictures["chelsea"][..., 110:]
    result = composite_edit(astronaut[0], edited[0])
    assert (result.mask[:, 116:] > 0).float().mean() > 0.97
    assert (result.mask[:, :96] > 0).float().mean() < 0.02


def test_a_wide_picture_cut_to_a_square_is_laid_where_it_belongs(pictures):
    wide = pictures["coffee"][..., 64:208, :]
    found = align(wide, moved(wide, 1.2, -0.7)[..., 88:-88])
    assert found.found
    assert found.placement.scale == pytest.approx((320 / 144, 1), abs=0.01)


def test_unrelated_pictures_of_one_shape_are_not_aligned_and_change_nearly_everywhere(pictures):
    result = composite_edit(pictures["astronaut"][0], pictures["chelsea"][0])
    assert not result.change.alignment.found
    assert result.mask.mean() > 0.8


def test_unrelated_pictures_of_two_shapes_are_refused_in_a_sentence(pictures):
    with pytest.raises(ValueError, match=r"original is 320x256 and the edited picture 320x176.*crop or resize"):
        composite_edit(pictures["astronaut"][0], pictures["chelsea"][0, :, 40:-40])


def test_only_what_a_mask_allows_is_taken_and_the_rest_is_counted(pictures, astronaut):
    given = edit(astronaut, "pasted", "tint", 0.06, 3, pictures["coffee"])
    allowed = torch.zeros(256, 320)
    nothing = composite_edit(
        given.original[0], given.edited[0], allowed=allowed + (blob((256, 320), 0.01, 8) > 0) * ~given.truth
    )
    assert torch.equal(nothing.picture, given.original[0])
    assert nothing.elsewhere == pytest.approx(float(given.truth.float().mean()), rel=0.4)
    all_of_it = composite_edit(given.original[0], given.edited[0], allowed=given.truth.float())
    assert ((all_of_it.mask > 0) <= given.truth).all()
    assert overlap(all_of_it.mask, given.truth) > 0.9


def test_higher_sensitivity_finds_fainter_changes(astronaut):
    edited = astronaut.clone()
    edited[..., 60:120, 200:260] += 0.03
    shares = [
        float(composite_edit(astronaut[0], edited[0].clamp(0, 1), comparison=Comparison(s)).mask.mean())
        for s in (0.5, 3)
    ]
    assert shares[0] == 0 < shares[1]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 3), (9, 200)])
def test_small_pictures_are_compared_as_they_lie(size):
    original = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))
    assert torch.equal(composite_edit(original, original).picture, original)
    other = composite_edit(original, 1 - original, cleaning=Cleaning(0, False, 0))
    assert other.picture.shape == original.shape


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_are_compared_as_they_lie(value):
    original = torch.full((3, 100, 140), value)
    edited = original.clone()
    edited[:, 30:60, 40:90] = 1 - value if value != 0.5 else 0.8
    result = composite_edit(original, edited, cleaning=Cleaning(grow=0))
    assert not result.change.alignment.texture
    assert ((result.mask > 0).sum() / (30 * 50)) == pytest.approx(1, abs=0.3)  # the edge is compared a little blurred


@pytest.mark.parametrize("channels", [(1, 3), (3, 1), (4, 3), (3, 4), (4, 4), (2, 3), (5, 3)])
def test_any_number_of_channels_comes_back_and_alpha_stays(astronaut, channels):
    def with_channels(picture, count):
        grey = brightness(picture[None])
        return grey.expand(count, -1, -1) if count < 3 else torch.cat([picture, grey, grey])[:count]

    edited = astronaut[0].clone()
    edited[:, 60:120, 100:160] = column(0.3, 1.0, 0.3)
    original = with_channels(astronaut[0], channels[0])
    result = composite_edit(original, with_channels(edited, channels[1]))
    assert result.picture.shape == original.shape
    assert torch.equal(result.picture[3:], original[3:])
    assert result.mask[70:110, 110:150].all()


def test_a_black_border_is_no_obstacle(pictures, astronaut):
    framed = astronaut.clone()
    framed[..., :30, :] = framed[..., -30:, :] = 0
    given = edit(framed, "recoloured", "gamma, scale, jpeg", 0.05, 3, pictures["coffee"])
    assert overlap(composite_edit(given.original[0], given.edited[0]).mask, given.truth) > 0.6
