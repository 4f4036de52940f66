"""What other nodes may hand to the mask nodes: NaN, empty batches, half types, linked values beyond their ranges."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_mask_nodes import PICTURE, box_mask, defaults, node, run

NAN, INF = float("nan"), float("inf")


def spoiled(values: torch.Tensor, value: float) -> torch.Tensor:
    """With one bad value in a corner, far from what is masked."""
    values = values.clone()
    values[0, 0, 0] = value
    return values


def pixel_model() -> SimpleNamespace:
    import comfy.latent_formats

    return SimpleNamespace(get_model_object={"latent_format": comfy.latent_formats.SD15()}.get)


def plan():
    return run("crop", "CropForInpainting", PICTURE, box_mask(), width=32, height=32)[2]


# Where masks and pictures come in: the node, and its sockets with one of them to be replaced.
MASKS = {
    "prepare": lambda mask: run("prepare_mask", "PrepareMask", mask),
    "fill": lambda mask: run("fill", "FillMaskedArea", PICTURE, mask),
    "model view": lambda mask: run("model_view", "ModelView", mask, model=pixel_model()),
    "crop": lambda mask: run("crop", "CropForInpainting", PICTURE, mask),
    "context": lambda mask: run("crop", "CropForInpainting", PICTURE, box_mask(), context_mask=mask),
    "stitch": lambda mask: run("stitch", "StitchBack", plan(), torch.rand(1, 32, 32, 3), mask=mask),
}
PICTURES = {
    "fill": lambda image: run("fill", "FillMaskedArea", image, box_mask()),
    "model view": lambda image: run("model_view", "ModelView", box_mask(), model=pixel_model(), image=image),
    "crop": lambda image: run("crop", "CropForInpainting", image, box_mask()),
    "stitch": lambda image: run("stitch", "StitchBack", plan(), image),
    "outpaint": lambda image: run("outpaint", "PadForOutpainting", image),
    "mask from image": lambda image: run("mask_from_image", "MaskFromImage", image),
    "test mask": lambda image: run("paper_mask", "PaperTestMask", image=image),
}


@pytest.mark.parametrize("where", MASKS)
@pytest.mark.parametrize("value", [NAN, INF])
def test_masks_that_are_no_numbers_are_refused(host, where, value):
    with pytest.raises(ValueError, match="mask holds values that are no numbers"):
        MASKS[where](spoiled(box_mask(), value))


@pytest.mark.parametrize("where", PICTURES)
@pytest.mark.parametrize("value", [NAN, INF])
def test_pictures_that_are_no_numbers_are_refused(host, where, value):
    with pytest.raises(ValueError, match="picture holds values that are no numbers"):
        PICTURES[where](spoiled(PICTURE, value))


@pytest.mark.parametrize("where", MASKS)
@pytest.mark.parametrize("shape", [(0, 48, 64), (1, 0, 64), (64,)])
def test_masks_with_nothing_in_them_are_refused(host, where, shape):
    with pytest.raises(ValueError, match=r"mask has the shape .*, but must be"):
        MASKS[where](torch.zeros(shape))


@pytest.mark.parametrize("where", PICTURES)
@pytest.mark.parametrize("shape", [(0, 48, 64, 3), (1, 48, 0, 3), (1, 48, 64, 0), (48, 64, 3)])
def test_pictures_with_nothing_in_them_are_refused(host, where, shape):
    with pytest.raises(ValueError, match=r"picture has the shape .*, but must be"):
        PICTURES[where](torch.zeros(shape))


def test_a_mask_that_is_no_numbers_is_refused_by_the_samplers_too(host):
    from mask_guidance.nodes.convert import known_from_mask

    with pytest.raises(ValueError, match="no numbers"):
        known_from_mask(spoiled(box_mask(), NAN), torch.zeros(1, 3, 48, 64))


@pytest.mark.parametrize(
    ("module", "name", "sockets", "values", "words"),
    [
        ("outpaint", "PadForOutpainting", (PICTURE,), {"multiple": 0}, "multiple is 0, but must be a whole number from 1"),
        ("outpaint", "PadForOutpainting", (PICTURE,), {"pad_by": "furlongs"}, "pad_by is 'furlongs', but must be one of: pix"),
        ("outpaint", "PadForOutpainting", (PICTURE,), {"colour": None}, "colour is None, but must be text"),
        ("crop", "CropForInpainting", (PICTURE, box_mask()), {"context_factor": INF}, "context_factor is inf, but must be a n"),
        ("crop", "CropForInpainting", (PICTURE, box_mask()), {"context_factor": NAN}, "context_factor is nan, but must be a n"),
        ("crop", "CropForInpainting", (PICTURE, box_mask()), {"fit": "glove"}, "fit is 'glove', but must be one of: size, m"),
        ("crop", "CropForInpainting", (PICTURE, box_mask()), {"width": 0}, "width is 0, but must be a whole number from 1"),
        ("crop", "CropForInpainting", (PICTURE, box_mask()), {"width": 8.0}, "width is 8.0, but must be a whole number"),
        ("crop", "CropForInpainting", (PICTURE, box_mask()), {"width": True}, "width is True, but must be a whole number"),
        ("outpaint", "PadForOutpainting", (PICTURE,), {"fill": "colour", "colour": "a\nb"}, r"The colour is 'a\\nb', but must"),
        ("fill", "FillMaskedArea", (PICTURE, box_mask()), {"seed": -1}, "seed is -1, but must be a whole number from 0"),
        ("prepare_mask", "PrepareMask", (box_mask(),), {"threshold": NAN}, "threshold is nan, but must be a number from 0"),
        ("prepare_mask", "PrepareMask", (box_mask(),), {"grow": 10**9}, "grow is 1000000000, but must be a whole number"),
        ("paper_mask", "PaperTestMask", (), {"height": "tall"}, "height is 'tall', but must be a whole number"),
        ("mask_from_image", "MaskFromImage", (PICTURE,), {"source": 3}, "source is 3, but must be one of: colour"),
    ],
)  # fmt: skip
def test_linked_values_keep_to_the_ranges_that_typed_ones_have(host, module, name, sockets, values, words):
    with pytest.raises(ValueError, match=words):
        run(module, name, *sockets, **values)


class Anything:
    """Has whatever a socket asks for."""

    def __getattr__(self, name: str) -> None:
        return None


def test_every_mask_node_checks_its_values(host):
    from test_mask_nodes import MASK_NODES

    for module, name in MASK_NODES.items():
        cls = node(module, name)
        sockets = [each.id for each in cls.define_schema().inputs if each.id not in defaults(cls)]
        for each in defaults(cls):
            wrong = dict.fromkeys(sockets, Anything()) | defaults(cls) | {each: object()}
            with pytest.raises(ValueError, match=f"^{each} is <object object at .*>, but must be"):
                cls.execute(**wrong)


@pytest.mark.parametrize("where", [*MASKS, *PICTURES])
@pytest.mark.parametrize("value", ["text", [torch.zeros(1, 48, 64)], 7, {}])
def test_what_is_no_picture_and_no_mask_is_refused(host, where, value):
    call = {**MASKS, **PICTURES}[where]
    with pytest.raises(
        ValueError, match=r"^(image|mask|context_mask) is .*, but must be (pictures|masks); look at what"
    ):
        call(value)


@pytest.mark.parametrize("where", PICTURES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_pictures_of_other_numbers_are_refused(host, where, dtype):
    with pytest.raises(ValueError, match=r"picture holds \w+ values, but must hold floating-point ones"):
        PICTURES[where](PICTURE.to(dtype))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_pictures_of_any_number_of_channels_go_through_every_node_or_are_told_what_is_missing(host, channels):
    image = torch.rand(1, 48, 64, channels)
    crops, _, cut, _ = run("crop", "CropForInpainting", image, box_mask(), width=32, height=32)
    stitched, _, _ = run("stitch", "StitchBack", cut, 1 - crops)
    (filled,) = run("fill", "FillMaskedArea", image, box_mask())
    larger, _, _ = run("outpaint", "PadForOutpainting", image, fill="colour")
    assert stitched.shape == filled.shape == image.shape
    assert larger.shape[-1] == channels
    assert run("model_view", "ModelView", box_mask(), model=pixel_model(), image=image)[0].shape[-1] == 3
    if channels == 2:
        with pytest.raises(ValueError, match="2 channels, and no colour"):
            run("mask_from_image", "MaskFromImage", image)
    else:
        assert run("mask_from_image", "MaskFromImage", image)[0].shape == (1, 48, 64)


@pytest.mark.parametrize("where", PICTURES)
def test_pictures_whose_squares_overflow_are_refused(host, where):
    with pytest.raises(ValueError, match=r"picture holds values as large as 3e\+38, but must hold ones from 0 to 1"):
        PICTURES[where](spoiled(PICTURE, 3e38))


@pytest.mark.parametrize("where", MASKS)
def test_masks_of_whole_numbers_are_masks_and_sparse_ones_are_not(host, where):
    MASKS[where](box_mask().to(torch.uint8))
    MASKS[where](box_mask().bool())
    for mask in (box_mask().to_sparse(), box_mask().to("meta"), box_mask().to(torch.complex64)):
        with pytest.raises(ValueError, match="is a tensor of another kind"):
            MASKS[where](mask)


def test_numbers_of_thousands_of_digits_and_of_many_lines_are_told_in_one_short_line(host):
    for value, words in ((10**5000, "a number of thousands of digits"), (torch.zeros(9, 9), "tensor")):
        with pytest.raises(ValueError, match=f"^grow is {words}[^\n]*, but must be a whole number") as told:
            run("prepare_mask", "PrepareMask", box_mask(), grow=value)
        assert len(str(told.value)) < 250


def test_numbers_of_numpy_become_pythons_own_before_the_host_writes_them_into_json(host):
    import json

    import comfy.utils

    before, heard = comfy.utils.PROGRESS_BAR_HOOK, []
    comfy.utils.set_progress_bar_global_hook(lambda value, total, *_, **__: heard.append((value, total)))
    try:
        mask, _ = run("paper_mask", "PaperTestMask", width=np.int32(9), height=np.int64(8), batch_size=np.int64(2))
    finally:
        comfy.utils.set_progress_bar_global_hook(before)
    assert mask.shape == (2, 8, 9)
    assert json.loads(json.dumps(heard))[-1] == [2, 2]


@pytest.mark.parametrize(
    ("module", "name", "sockets", "values"),
    [
        ("paper_mask", "PaperTestMask", (), {"width": 16384, "height": 16384}),
        ("paper_mask", "PaperTestMask", (), {"kind": "all six of RePaint", "batch_size": 4096}),
        ("outpaint", "PadForOutpainting", (PICTURE,), {"left": 16384, "top": 16384}),
        ("outpaint", "PadForOutpainting", (PICTURE,), {"pad_by": "percent", "left": 16384, "top": 16384}),
        ("crop", "CropForInpainting", (PICTURE, box_mask()), {"width": 16384, "height": 16384}),
    ],
)
def test_what_would_fill_the_memory_is_refused_before_it_does(host, module, name, sockets, values):
    with pytest.raises(ValueError, match=r"would take [\d.e+]+ GB, more than the 0.25 that are sensible here; "):
        run(module, name, *sockets, **values)


def test_with_half_intermediates_the_nodes_give_half_pictures_and_change_nothing_that_is_known(host):
    image, mask = PICTURE.half(), box_mask().half()
    kept = (box_mask() == 0)[..., None].expand_as(image)
    for fill in ("smooth", "edge extend", "mean colour", "neutral", "noise"):
        (filled,) = run("fill", "FillMaskedArea", image, mask, fill=fill)
        assert filled.dtype == torch.float16
        assert torch.equal(filled[kept], image[kept])
    crops, masks, cut, _ = run("crop", "CropForInpainting", image, mask, width=32, height=32)
    assert crops.dtype == torch.float16
    assert torch.equal(run("stitch", "StitchBack", cut, crops)[0], image)
    for blend in ("feathered", "hard", "multi-band", "poisson"):
        stitched, said, _ = run("stitch", "StitchBack", cut, 1 - crops, blend=blend, blend_pixels=4, colour_match=True)
        assert stitched.dtype == torch.float16
        assert stitched.isfinite().all()
        assert "0 beyond it" in said
    for fill in ("smooth", "noise", "colour", "mirror", "edge"):
        larger, new, _ = run("outpaint", "PadForOutpainting", image, fill=fill)
        assert larger.dtype == torch.float16
        assert larger.isfinite().all()
        assert torch.equal(larger[:, :48, 64:128], image)
    assert masks.isfinite().all() and new.isfinite().all()
    for source in ("colour", "brightness", "red"):
        assert run("mask_from_image", "MaskFromImage", image, source=source)[0].isfinite().all()
    view, cells, _ = run("model_view", "ModelView", mask, model=pixel_model(), image=image)
    assert view.isfinite().all() and cells.isfinite().all()
