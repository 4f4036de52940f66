"""Inpaint, the one node, in this process: what it gives is what the nodes that it stands for give, one after the other."""

import pytest
import torch
from nodes_by_hand import FEW_STEPS, ksampler
from test_mask_nodes import run

NODE = ("inpaint", "Inpaint")
HEIGHT, WIDTH = 45, 70  # odd, and no multiple of the model's side
PICTURE = torch.rand(1, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(1))
PICTURE = (255 * PICTURE).round() / 255  # as files are
QUICK = {**FEW_STEPS, "resample_r": 1, "skip_steps": 3, "check_model": False}


def one_hole() -> torch.Tensor:
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, 10:20, 12:26] = 1
    return mask


def two_holes() -> torch.Tensor:
    mask = one_hole()
    mask[:, 30:38, 55:66] = 1
    return mask


def inpaint(tiny, image=PICTURE, mask=None, **settings):
    """IMAGE, MASK, contact sheet, record."""
    mask = one_hole() if mask is None else mask
    from mask_guidance.nodes.class_label import conditioning

    settings = {"positive": conditioning(0), "merge_distance": 4, **QUICK, **settings}
    return run(*NODE, image, mask, *tiny, **settings)


def step_by_step(tiny, image, mask, seed: int, grow: int, feather: int, size: int):
    """The same by hand: Prepare Mask, Crop for Inpainting, VAE Encode, Mask-Guided KSampler, VAE Decode, Stitch Back."""
    from mask_guidance.nodes.class_label import conditioning

    model, vae = tiny
    prepared, _ = run("prepare_mask", "PrepareMask", mask, grow=grow)[:2]
    crops, masks, stitch, _ = run(
        "crop", "CropForInpainting", image, prepared, width=size, height=size, merge_distance=4
    )
    with torch.inference_mode():
        latent = {"samples": vae.encode(crops), "noise_mask": masks[:, None]}
        given = {name: value for name, value in QUICK.items() if name != "check_model"}
        painted, _ = ksampler(model, latent, positive=conditioning(0), seed=seed, **given)
        decoded = vae.decode(painted)
    return run("stitch", "StitchBack", stitch, decoded, blend_pixels=feather)[0]


@pytest.mark.parametrize("mask", [one_hole(), two_holes()], ids=["one hole", "two holes"])
def test_it_is_the_nodes_that_it_stands_for(tiny, mask):
    filled, *_ = inpaint(tiny, mask=mask, seed=5, grow=2, feather=3, size=32)
    assert torch.equal(filled, step_by_step(tiny, PICTURE, mask, seed=5, grow=2, feather=3, size=32))


def test_beyond_the_band_every_byte_is_the_originals_and_the_mask_says_where_it_is_not(tiny):
    filled, changed, _, record = inpaint(tiny, grow=0, feather=3)
    assert filled.shape == PICTURE.shape
    assert changed.shape == (1, HEIGHT, WIDTH)
    assert torch.equal(filled[changed == 0], PICTURE[changed == 0])
    assert (changed[one_hole() == 1] == 1).all()
    assert 0 < float((changed > 0).sum()) <= (10 + 2 * 3) * (14 + 2 * 3)
    assert (filled[one_hole() == 1] != PICTURE[one_hole() == 1]).float().mean() > 0.9
    assert "0 beyond it" in record


def test_a_variation_is_what_its_seed_alone_paints(tiny):
    filled, changed, sheet, record = inpaint(tiny, seed=7, variations=3)
    assert filled.shape == (3, HEIGHT, WIDTH, 3)
    assert changed.shape == (3, HEIGHT, WIDTH)
    assert not torch.equal(filled[0], filled[1])
    assert torch.equal(filled[2:], inpaint(tiny, seed=9)[0])
    assert "seeds 7, 8, 9" in record
    assert sheet.shape[0] == 1 and min(sheet.shape[1:3]) > 384  # two tiles across, two down


def test_the_last_seed_of_all_is_followed_by_the_first(tiny):
    assert "seeds 18446744073709551615, 0" in inpaint(tiny, seed=2**64 - 1, variations=2)[3]


def test_an_empty_mask_costs_no_call_and_says_how_to_paint_one(tiny):
    filled, changed, sheet, record = inpaint(tiny, mask=torch.zeros(1, 64, 64), variations=2)
    assert torch.equal(filled, PICTURE.repeat(2, 1, 1, 1))
    assert not changed.any()
    assert sheet.shape[0] == 1
    assert record.startswith("0 model calls: the mask is empty") and "Mask Editor" in record


def test_opacity_is_kept_and_what_was_painted_is_opaque(tiny):
    see_through = torch.cat([PICTURE, torch.full((1, HEIGHT, WIDTH, 1), 0.2)], -1)
    filled, changed, *_ = inpaint(tiny, image=see_through, grow=0, feather=0)
    assert filled.shape[-1] == 4
    assert torch.equal(filled[changed == 0], see_through[changed == 0])
    assert (filled[changed == 1][:, 3] == 1).all()
    assert torch.equal(filled[..., :3], inpaint(tiny, grow=0, feather=0)[0])


def test_a_grey_picture_stays_grey(tiny):
    filled, *_ = inpaint(tiny, image=PICTURE[..., :1])
    assert filled.shape == (1, HEIGHT, WIDTH, 1)
    assert not torch.equal(filled, PICTURE[..., :1])


def test_a_picture_of_five_channels_is_turned_away(tiny):
    with pytest.raises(ValueError, match="has 5 channels, but must have 1"):
        inpaint(tiny, image=torch.rand(1, HEIGHT, WIDTH, 5))


def test_each_picture_of_a_batch_has_its_own_mask(tiny):
    pictures = torch.cat([PICTURE, PICTURE.flip(2)])
    filled, changed, *_ = inpaint(tiny, image=pictures, mask=torch.cat([one_hole(), two_holes()]), feather=0, grow=0)
    assert filled.shape == pictures.shape
    for before, after, new in zip(pictures, filled, changed, strict=True):
        assert torch.equal(after[new == 0], before[new == 0])
    assert torch.equal(changed, torch.cat([one_hole(), two_holes()]))


def test_crops_painted_a_few_at_a_time_are_the_crops_painted_together(tiny, monkeypatch):
    from mask_guidance.nodes import fills

    together, *_ = inpaint(tiny, mask=two_holes())
    monkeypatch.setattr(fills, "AT_ONCE", 1)
    torch.testing.assert_close(inpaint(tiny, mask=two_holes())[0], together, atol=2 / 255, rtol=0)


def test_a_size_that_the_model_does_not_take_is_told_with_one_that_it_does(tiny):
    with pytest.raises(ValueError, match=r"size is 33, but this model takes multiples of \d+; set it to \d+, or to 0"):
        inpaint(tiny, size=33)


def test_without_a_size_it_is_the_models_own(tiny):
    assert f"at {tiny[0].model.detection.image_size}x" in inpaint(tiny, size=0)[3]


@pytest.mark.parametrize(("name", "side"), [("SD1.5", 512), ("SDXL", 1024), ("Flux", 1024), ("Wan", 640)])
def test_a_latent_models_own_size_is_its_familys(host, name, side):
    from types import SimpleNamespace

    from mask_guidance.nodes.model_size import usual_size
    from tiny_models import tiny

    assert usual_size(tiny(name).model, SimpleNamespace(spacial_compression_encode=lambda: 8)) == side


def test_the_check_of_the_model_says_one_thing_of_the_same_picture_whenever_it_is_asked(tiny):
    first, second = (
        [line for line in inpaint(tiny, check_model=True, seed=seed)[3].split("\n") if "kind of picture" in line]
        for seed in (3, 3)
    )
    assert len(first) == 1
    assert first == second


def test_the_best_of_the_variations_is_one_of_them_and_the_record_says_which(tiny):
    every, *_ = inpaint(tiny, seed=7, variations=3)
    best, changed, _, record = inpaint(tiny, seed=7, variations=3, keep="best")
    assert len(best) == len(changed) == 1
    assert "picture 0, kept: seed" in record
    kept = int(record.split("kept: seed ")[1].split(";")[0])
    assert torch.equal(best[0], every[kept - 7])


def test_the_best_is_the_one_whose_guess_has_the_smallest_error(host):
    """A model that guesses every picture grey believes in the fill that is the nearest to grey."""
    from mask_guidance.nodes.familiarity import disbelief
    from mask_guidance.nodes.painting import Painted, Wanted
    from mask_guidance.sampler import PRESETS
    from oracle_models import oracle

    model = oracle("EPS", lambda x, signal, noise: torch.zeros_like(x))
    wanted = Wanted(PRESETS["draft"], "draft", seed=0, cfg=1.0)
    text = [[torch.zeros(1, 1, 1), {}]]
    greys = torch.tensor([0.5, 0.1, 2.0]).reshape(3, 1, 1, 1).expand(3, 4, 8, 8)
    with torch.inference_mode():
        doubts = disbelief(model, text, text, wanted, Painted(greys.clone(), None, 1.0, "binary", 0, 0.0))
    assert doubts.argsort().tolist() == [1, 0, 2]


def test_the_best_is_not_asked_of_a_distilled_model(tiny):
    with pytest.raises(ValueError, match="set keep to 'all'"):
        inpaint(tiny, method="distilled", keep="best", variations=2)


def test_the_best_of_a_picture_in_a_batch_is_its_best_alone(tiny):
    pictures, masks = torch.cat([PICTURE, PICTURE.flip(2)]), torch.cat([one_hole(), one_hole().flip(2)])
    _, _, _, record = inpaint(tiny, image=pictures, mask=masks, variations=4, keep="best")
    _, _, _, alone = inpaint(tiny, variations=4, keep="best")
    first = [line for line in record.split("\n") if line.startswith("picture 0, kept")]
    assert first[0].split(";")[0] in alone
    assert "picture 1, kept" in record


def test_cells_of_the_latent_are_no_mask_of_a_picture_of_their_size():
    """A picture of 64x64 painted at 512 by a model with cells of 8 pixels."""
    from mask_guidance.sampler.mask import Frame, crop, stitch

    mask = torch.zeros(1, 64, 64)
    mask[:, 8:16, 8:16] = 1
    crops = crop(torch.zeros(1, 3, 64, 64), mask, Frame(1.5, size=(512, 512)))
    box = crops.regions[0].box
    cells = torch.zeros(1, 64, 64)  # of the crop
    scale = 64 / box.width
    top, left = round((8 - box.top) * scale), round((8 - box.left) * scale)
    cells[:, top : top + round(8 * scale), left : left + round(8 * scale)] = 1
    done = stitch(crops, torch.ones_like(crops.crops), blend="hard", pixels=0, cells=cells)
    assert (done.weight[mask == 1] > 0.9).all()
    assert (done.pictures[0, 0][mask[0] == 1] > 0.9).all()


def test_a_check_that_fails_costs_no_fill(tiny, monkeypatch):
    from mask_guidance.nodes import familiarity

    def out_of_memory(*given):
        raise MemoryError("no room")

    filled, *_ = inpaint(tiny)
    monkeypatch.setattr(familiarity, "own_errors", out_of_memory)
    monkeypatch.setattr(familiarity, "usual", {})
    again, *_, record = inpaint(tiny, check_model=True)
    assert torch.equal(again, filled)
    assert "kind of picture" not in record


def test_the_sheet_shows_a_picture_that_is_painted(tiny):
    masks = torch.cat([torch.zeros_like(one_hole()), one_hole()])
    filled, _, sheet, _ = inpaint(tiny, image=torch.cat([PICTURE, PICTURE]), mask=masks, variations=2)
    assert len(filled) == 4
    left, right = sheet[0, :200, 6:200], sheet[0, :200, sheet.shape[2] // 2 + 3 : sheet.shape[2] // 2 + 197]
    assert (left[:64, :64] != right[:64, :64]).any()


def test_a_model_that_another_node_has_changed_is_asked_anew(tiny):
    from mask_guidance.nodes.class_label import conditioning
    from mask_guidance.nodes.familiarity import name_of

    model, _ = tiny
    samples, label = torch.zeros(1, 3, 32, 32), conditioning(0)
    changed = model.clone()
    changed.set_model_sampler_cfg_function(lambda args: args["cond"])
    own_text = [[torch.zeros(1, 1, 1), {"control": object()}]]
    assert name_of(model, (label, label, 1.0), 1.0, samples) == name_of(
        model.clone(), (label, label, 1.0), 1.0, samples
    )
    assert name_of(model, (label, conditioning(1), 1.0), 1.0, samples) != name_of(
        model, (label, label, 1.0), 1.0, samples
    )
    assert name_of(changed, (label, label, 1.0), 1.0, samples) is None
    assert name_of(model, (own_text, label, 1.0), 1.0, samples) is None
