"""The mask nodes on the host's own classes, in this process, called as the host's executor would."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

DOCS = Path(__file__).resolve().parents[2] / "web" / "docs"

PICTURE = torch.rand(1, 48, 64, 3, generator=torch.Generator().manual_seed(1))


def node(module: str, name: str):
    from importlib import import_module

    return getattr(import_module(f"mask_guidance.nodes.{module}"), name)


def defaults(cls) -> dict:
    """What the page would send for a freshly added node, without its sockets."""
    inputs = cls.define_schema().inputs
    return {each.id: each.default for each in inputs if getattr(each, "default", None) is not None}


@torch.inference_mode()
def run(module: str, name: str, *sockets, **settings) -> tuple:
    cls = node(module, name)
    return cls.execute(*sockets, **{**defaults(cls), **settings}).result


def box_mask(count: int = 1, height: int = 48, width: int = 64) -> torch.Tensor:
    mask = torch.zeros(count, height, width)
    mask[:, 16:30, 20:40] = 1
    return mask


MASK_NODES = {
    "prepare_mask": "PrepareMask",
    "mask_from_image": "MaskFromImage",
    "paper_mask": "PaperTestMask",
    "model_view": "ModelView",
    "fill": "FillMaskedArea",
    "crop": "CropForInpainting",
    "stitch": "StitchBack",
    "outpaint": "PadForOutpainting",
}


@pytest.mark.parametrize(("module", "name"), MASK_NODES.items())
def test_every_input_and_the_node_itself_are_explained_and_found_by_other_names(host, module, name):
    schema = node(module, name).define_schema()
    assert all(each.tooltip for each in schema.inputs)
    assert schema.description
    assert schema.search_aliases
    assert schema.category == "mask guidance"


@pytest.mark.parametrize(("module", "name"), MASK_NODES.items())
def test_the_help_page_has_a_picture_and_every_input_as_its_tooltip_says(host, module, name):
    schema = node(module, name).define_schema()
    page = (DOCS / f"{schema.node_id}.md").read_text("utf-8")
    picture = page.split("](", 1)[1].split(")", 1)[0]
    assert (DOCS / picture).stat().st_size > 1000
    assert all(f"- **{each.id}** (" in page and each.tooltip in page for each in schema.inputs)
    assert "## Common mistakes" in page


def test_prepare_mask_does_nothing_by_default(host):
    mask = torch.rand(2, 20, 30)
    prepared, report = run("prepare_mask", "PrepareMask", mask)
    assert torch.equal(prepared, mask)
    assert report.startswith("nothing to do")


def test_prepare_mask_tells_its_order(host):
    prepared, report = run("prepare_mask", "PrepareMask", box_mask(), grow=3, feather=2, invert=True)
    assert report.startswith("inverted, grown by 3 px (round), feathered by 2 px (both)")
    assert prepared.shape == (1, 48, 64)


def test_mask_from_image_finds_a_colour_and_a_brightness(host):
    image = PICTURE.clone() * 0.5
    image[:, 5:9, 5:9] = torch.tensor([1.0, 0.5, 0.0])
    mask, report = run("mask_from_image", "MaskFromImage", image, colour="#ff8000", tolerance=2)
    assert mask.sum() == 16
    assert report == "0.5208 % masked"
    assert run("mask_from_image", "MaskFromImage", image, source="red", colour="#ffffff")[0].shape == (1, 48, 64)
    with pytest.raises(ValueError, match="must look like #ff8000"):
        run("mask_from_image", "MaskFromImage", image, colour="orange")
    with pytest.raises(ValueError, match="no alpha"):
        run("mask_from_image", "MaskFromImage", image, source="transparency")


def test_a_colour_is_picked_in_the_hosts_own_widget_and_stays_text_to_saved_workflows(host):
    for module, name in (("mask_from_image", "MaskFromImage"), ("outpaint", "PadForOutpainting")):
        (colour,) = (each for each in node(module, name).define_schema().inputs if each.id == "colour")
        assert colour.get_io_type() == "STRING"
        assert colour.as_dict()["widgetType"] == "COLOR"
    half_clear, _ = run("mask_from_image", "MaskFromImage", PICTURE, colour="#ff800080", tolerance=99)
    assert torch.equal(half_clear, run("mask_from_image", "MaskFromImage", PICTURE, colour="#ff8000", tolerance=99)[0])
    assert 0 < half_clear.mean() < 1
    for wrong in ("#ff80", "#ff8000ff80", "", "#ff800"):
        with pytest.raises(ValueError, match="must look like #ff8000"):
            run("mask_from_image", "MaskFromImage", PICTURE, colour=wrong)


def test_test_mask_takes_its_size_from_a_picture_and_gives_coverage(host):
    mask, coverage = run("paper_mask", "PaperTestMask", kind="half", image=PICTURE)
    assert mask.shape == (1, 48, 64)
    assert coverage == 0.5
    assert run("paper_mask", "PaperTestMask", kind="all six of RePaint")[0].shape == (6, 256, 256)


@pytest.mark.parametrize("kind", ["random rectangles", "all six of RePaint"])
def test_test_mask_united_with_a_second_kind_is_what_either_paints(host, kind):
    alone, second = (run("paper_mask", "PaperTestMask", kind=each, seed=4)[0] for each in (kind, "box"))
    united, coverage = run("paper_mask", "PaperTestMask", kind=kind, seed=4, united_with="box")
    assert torch.equal(united, torch.maximum(alone, second))
    assert coverage == pytest.approx(united.mean())


def test_fill_takes_one_mask_for_many_pictures_and_many_for_one(host):
    (many,) = run("fill", "FillMaskedArea", PICTURE.repeat(3, 1, 1, 1), box_mask())
    (again,) = run("fill", "FillMaskedArea", PICTURE, box_mask(3))
    assert many.shape == again.shape == (3, 48, 64, 3)
    assert torch.equal(many, again)
    with pytest.raises(ValueError, match="2 masks for 3 pictures"):
        run("fill", "FillMaskedArea", PICTURE.repeat(3, 1, 1, 1), box_mask(2))


def test_fill_with_load_images_empty_mask_changes_nothing(host):
    (filled,) = run("fill", "FillMaskedArea", PICTURE, torch.zeros(1, 64, 64))
    assert torch.equal(filled, PICTURE)


def test_crop_and_stitch_go_round(host):
    crops, masks, plan, report = run("crop", "CropForInpainting", PICTURE, box_mask(), width=32, height=32)
    assert crops.shape == (1, 32, 32, 3)
    assert masks.shape == (1, 32, 32)
    assert report.startswith("1 region at 32x32\n0: picture 0, ")
    same, said, _ = run("stitch", "StitchBack", plan, crops)
    assert torch.equal(same, PICTURE)
    assert "1 came back as they were cut" in said
    other, said, _ = run("stitch", "StitchBack", plan, 1 - crops, blend_pixels=4)
    assert not torch.equal(other, PICTURE)
    assert "0 beyond it" in said


def test_crop_says_when_there_is_nothing_to_crop(host):
    crops, _, _, report = run("crop", "CropForInpainting", PICTURE, torch.zeros(1, 64, 64), fit="multiple")
    assert crops.shape == PICTURE.shape
    assert "nothing is masked" in report
    assert "Load Image gives 64x64 zeros" in report


def test_crop_refuses_a_mask_of_another_picture(host):
    with pytest.raises(ValueError, match="not the same shape"):
        run("crop", "CropForInpainting", PICTURE, torch.ones(1, 64, 64))


def test_outpaint_pads_to_a_ratio_and_snaps(host):
    image, mask, report = run("outpaint", "PadForOutpainting", PICTURE, pad_by="aspect ratio", aspect_ratio="16:9")
    assert image.shape == (1, 48, 88, 3)
    assert report == "64x48 becomes 88x48: 10 px left, 0 top, 14 right, 0 bottom"
    assert torch.equal(image[:, :, 10:74], PICTURE)
    assert mask.mean() == 24 / 88
    for wrong in ("wide", "nan", "inf", "16:9:4", "1e9", "0:1"):
        with pytest.raises(ValueError, match="must look like 16:9"):
            run("outpaint", "PadForOutpainting", PICTURE, pad_by="aspect ratio", aspect_ratio=wrong)


def test_outpaint_minds_its_colour_only_where_it_is_used(host):
    run("outpaint", "PadForOutpainting", PICTURE, fill="smooth", colour="red")
    with pytest.raises(ValueError, match="must look like #ff8000"):
        run("outpaint", "PadForOutpainting", PICTURE, fill="colour", colour="red")


def test_model_view_needs_a_grid(host):
    with pytest.raises(ValueError, match="Connect a model or a VAE"):
        run("model_view", "ModelView", box_mask())


def test_model_view_of_a_pixel_model_is_the_mask_itself(tiny):
    model, vae = tiny
    for sockets in ({"model": model}, {"vae": vae}):
        view, mask, report = run("model_view", "ModelView", box_mask(), image=PICTURE, **sockets)
        assert torch.equal(mask, box_mask())
        assert torch.equal(view[box_mask() == 0], PICTURE[box_mask() == 0])
        assert "the model works on the pixels themselves" in report


def model_of(latent_format) -> SimpleNamespace:
    """A MODEL as far as its grid goes, with a latent format of the host's."""
    return SimpleNamespace(get_model_object={"latent_format": latent_format}.get)


def test_model_view_of_a_latent_model_loses_no_stroke_and_says_what_others_would(host):
    import comfy.latent_formats

    model = model_of(comfy.latent_formats.SD15())
    stroke = torch.zeros(1, 64, 96)
    stroke[:, 3, 5:80] = 1
    _, mask, report = run("model_view", "ModelView", stroke, model=model)
    assert mask.shape == (1, 8, 12)
    assert mask[0, 0].sum() == 10
    assert "lost" not in report
    assert "1 of 1 stroke would be lost" in run("model_view", "ModelView", stroke, snapping="nearest", model=model)[2]


def test_model_view_of_a_video_model_has_a_cell_for_the_first_frame(host):
    import comfy.latent_formats

    mask = torch.zeros(9, 48, 64)
    mask[6, 16:30, 20:40] = 1
    view, cells, report = run("model_view", "ModelView", mask, model=model_of(comfy.latent_formats.Wan21()))
    assert view.shape == (9, 48, 64, 3)
    assert cells.shape == (3, 6, 8)
    assert cells.flatten(1).any(1).tolist() == [False, False, True]
    assert "8x8 pixels and 4 frames" in report


def test_model_view_takes_load_images_empty_mask_for_a_video(host):
    import comfy.latent_formats

    video, model = torch.rand(9, 48, 64, 3), model_of(comfy.latent_formats.Wan21())
    view, _, report = run("model_view", "ModelView", torch.zeros(1, 64, 64), model=model, image=video)
    assert torch.equal(view, video)
    assert "64x64 zeros for a picture without transparency" in report


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_video_of_81_frames_goes_through_crop_stitch_and_preparation(host):
    frames = torch.rand(81, 480, 832, 3)
    mask = torch.zeros(81, 480, 832)
    for i in range(81):
        mask[i, 100:200, 2 * i : 2 * i + 90] = 1
    prepared, _ = run("prepare_mask", "PrepareMask", mask, grow=8, feather=6)
    assert prepared.shape == mask.shape
    crops, _, plan, _ = run(
        "crop", "CropForInpainting", frames, prepared, split="one box for all", width=128, height=128
    )
    assert crops.shape == (81, 128, 128, 3)
    same, _, _ = run("stitch", "StitchBack", plan, crops)
    assert torch.equal(same, frames)
