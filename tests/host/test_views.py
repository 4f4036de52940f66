"""What the mask nodes show under themselves, opened from the host's temp folder and compared with what was given."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_mask_nodes import PICTURE, box_mask, defaults, node


@torch.inference_mode()
def shown(host, module: str, name: str, *sockets, **settings) -> tuple[tuple, list[np.ndarray]]:
    """A node's results, and the pictures under it."""
    cls = node(module, name)
    out = cls.execute(*sockets, **{**defaults(cls), **settings})
    views = []
    for file in (out.ui or {"images": []})["images"]:
        assert file["type"] == "temp"
        with Image.open(Path(host.get_temp_directory()) / file["subfolder"] / file["filename"]) as picture:
            assert max(picture.size) <= 1024
            views.append(np.asarray(picture))
    return out.result, views


def in_bytes(image: torch.Tensor) -> np.ndarray:
    return (image * 255).round().byte().numpy()


def enlarged(pixels: np.ndarray, factor: int) -> np.ndarray:
    return pixels.repeat(factor, 0).repeat(factor, 1)


def test_prepare_mask_shows_the_mask_that_it_gives(host):
    (mask, _), (view,) = shown(host, "prepare_mask", "PrepareMask", box_mask(), grow=3, feather=4)
    assert (view == enlarged(in_bytes(mask[0]), 4)[..., None]).all()


def test_a_video_shows_its_first_six_masks(host):
    masks = torch.stack([torch.full((20, 30), i / 10) for i in range(10)])
    _, views = shown(host, "prepare_mask", "PrepareMask", masks)
    assert [int(view.mean()) for view in views] == [0, 26, 51, 76, 102, 128]


def test_mask_from_image_shows_what_is_masked_red_over_the_picture_in_grey(host):
    image = PICTURE.clone() * 0.5
    image[:, 5:9, 5:9] = torch.tensor([1.0, 0.0, 0.0])
    (mask, _), (view,) = shown(host, "mask_from_image", "MaskFromImage", image, colour="#ff0000", tolerance=2)
    reddish = enlarged(mask[0].numpy() == 1, 4)
    spread = view.max(-1).astype(int) - view.min(-1)
    assert mask.sum() == 16
    assert (spread[reddish] > 80).all() and (view[reddish].argmax(-1) == 0).all()
    assert (spread[~reddish] == 0).all()


def test_crop_shows_each_box_with_its_number_and_the_outline_of_the_mask(host):
    mask = torch.zeros(1, 300, 400)
    mask[:, 40:60, 40:70] = mask[:, 200:210, 300:305] = 1
    image = torch.full((1, 300, 400, 3), 0.5)
    (_, _, cut, _), (view,) = shown(host, "crop", "CropForInpainting", image, mask, width=64, height=64)
    yellow = view[..., 0].astype(int) - view[..., 2] > 100
    for region in cut.regions:
        top, left, bottom, right = region.box.top, region.box.left, region.box.bottom, region.box.right
        for line in (yellow[top + 1, left + 1 : right - 1], yellow[top + 1 : bottom - 1, left + 1]):
            assert line.all()
        inside = yellow[top + 3 : bottom - 3, left + 3 : right - 3]
        assert 0 < inside.sum() < inside.size / 4  # the number
        yellow[top:bottom, left:right] = False
    assert yellow.sum() < 60  # a number that has no room in its box hangs over
    assert (view[60, 45:65] == 255).all() and (view[59, 45:65] == 0).all()  # white outside, black inside


def test_crop_shows_only_pictures_that_have_crops_and_at_most_six(host):
    masks = box_mask(9)
    masks[2] = 0
    image = (torch.arange(9) / 10)[:, None, None, None].expand(9, 48, 64, 3)
    _, views = shown(host, "crop", "CropForInpainting", image, masks, width=32, height=32)
    assert [round(view[-1, -1, 0] / 25.5) for view in views] == [0, 1, 3, 4, 5, 6]


def repaired(host, height: int, width: int, *spots: tuple[slice, slice]) -> list[np.ndarray]:
    """What Stitch Back shows of a grey picture whose spots were painted red."""
    mask = torch.zeros(1, height, width)
    for spot in spots:
        mask[0][spot] = 1
    image = torch.full((1, height, width, 3), 0.5)
    (crops, _, cut, _), _ = shown(host, "crop", "CropForInpainting", image, mask, width=64, height=64)
    return shown(host, "stitch", "StitchBack", cut, crops * 0 + torch.tensor([1.0, 0.0, 0.0]))[1]


def test_stitch_back_shows_a_small_spot_of_a_large_picture_large_before_and_after(host):
    (view,) = repaired(host, 2000, 3000, (slice(300, 360), slice(2000, 2060)))
    before, after = view[:, : view.shape[1] // 2 - 4], view[:, view.shape[1] // 2 + 4 :]
    assert (after[..., 1] < 64).mean() > 0.15
    assert np.isin(before, (0, 128, 255)).all() and (before == 255).all(-1).sum() > 100  # grey, with the outline
    assert view.shape[0] >= 256


def test_stitch_back_shows_a_pair_for_each_region_and_wide_ones_one_above_the_other(host):
    tall, wide = repaired(host, 900, 900, (slice(50, 400), slice(50, 90)), (slice(800, 830), slice(100, 700)))
    red = [(view[..., 1] < 64) & (view[..., 0] > 192) for view in (tall, wide)]
    (height, width), (below, across) = red[0].shape, red[1].shape
    assert red[0][:, width // 2 :].any() and not red[0][:, : width // 2].any() and height > width // 2
    assert red[1][below // 2 :].any() and not red[1][: below // 2].any() and across > below // 2


def test_stitch_back_shows_nothing_where_nothing_was_put_back(host):
    (crops, _, cut, _), _ = shown(host, "crop", "CropForInpainting", PICTURE, box_mask(), width=32, height=32)
    assert shown(host, "stitch", "StitchBack", cut, crops)[1] == []


def test_stitch_back_says_how_much_of_its_stitch_mask_no_crop_reaches(host):
    (crops, _, cut, _), _ = shown(host, "crop", "CropForInpainting", PICTURE, box_mask(), fit="multiple")
    box, whole = cut.regions[0].box, torch.ones(1, 48, 64)
    (_, report, mask), _ = shown(host, "stitch", "StitchBack", cut, 1 - crops, blend="hard", mask=whole)
    assert f"{48 * 64 - box.height * box.width:,} px of the stitch mask lie outside the crops" in report
    assert (mask > 0).sum() <= box.height * box.width
    (_, report, _), _ = shown(host, "stitch", "StitchBack", cut, 1 - crops, mask=box_mask())
    assert "outside the crops" not in report


def test_stitch_back_gives_the_mask_of_what_is_new_as_large_as_the_pictures(host):
    (crops, _, cut, _), _ = shown(host, "crop", "CropForInpainting", PICTURE, box_mask(), width=32, height=32)
    (after, _, mask), _ = shown(host, "stitch", "StitchBack", cut, 1 - crops, blend_pixels=4)
    assert mask.shape == (1, 48, 64)
    assert (mask[box_mask() == 1] == 1).all()
    assert torch.equal(after[mask == 0], PICTURE[mask == 0])
    assert 0 < mask[0, 14, 30] < 1


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_pictures_of_any_number_of_channels_are_shown(host, channels):
    image = torch.rand(1, 48, 64, channels)
    (crops, *_, cut, _), views = shown(host, "crop", "CropForInpainting", image, box_mask(), width=32, height=32)
    assert views[0].shape[-1] == 3
    assert shown(host, "stitch", "StitchBack", cut, 1 - crops)[1][0].shape[-1] == 3


def test_a_view_that_cannot_be_drawn_is_logged_and_the_result_is_there(host, monkeypatch, caplog):
    from mask_guidance.nodes import views

    monkeypatch.setattr(views, "seen", lambda *words: 1 / 0)
    (mask, _), pictures = shown(host, "prepare_mask", "PrepareMask", box_mask())
    assert torch.equal(mask, box_mask())
    assert pictures == []
    assert "division by zero" in caplog.text
