"""Our nodes and those of other packs in one host and one workflow: where MASK_GUIDANCE_NEIGHBOURS names a folder with theirs.

    MASK_GUIDANCE_NEIGHBOURS=FOLDER python run.py test tests/host/test_other_packs.py

None of them comes with this pack. FOLDER has a checkout of each, and Python what their requirements.txt name. With the same
variable every other test with a host, the page's too, runs beside them.
"""

import numpy as np
import pytest
import workflows
from comfy_client import NEIGHBOURS
from PIL import Image

PACKS = ("ComfyUI-Inpaint-CropAndStitch", "comfyui-inpaint-nodes", "LanPaint", "ComfyUI-KJNodes")
# It fills what a mask covers, as ours does; lists show the pack or the category beside the name.
SHARED_NAMES = {"Fill Masked Area"}

pytestmark = pytest.mark.skipif(
    not NEIGHBOURS, reason=f"set MASK_GUIDANCE_NEIGHBOURS to a folder with checkouts of {', '.join(PACKS)}"
)


@pytest.fixture(scope="module")
def described(comfy) -> dict:
    return comfy.get("/object_info")


@pytest.fixture(scope="module")
def wide(comfy) -> tuple[str, np.ndarray]:
    """Name and pixels of a picture in the input folder, a square in its middle transparent."""
    pixels = np.random.default_rng(1).integers(0, 256, (96, 160, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[40:56, 70:90, 3] = 0
    Image.fromarray(pixels).save(comfy.folder / "input" / "wide.png")
    return "wide.png", pixels


def node(described: dict, kind: str, **inputs) -> dict:
    """Of a workflow in API format: inputs that are not given are as a fresh node has them."""
    values = {}
    for name, (type_, *options) in described[kind]["input"]["required"].items():
        extra = options[0] if options else {}
        choices = type_ if isinstance(type_, list) else extra.get("options")
        values[name] = extra.get("default", choices[0] if choices else None)
    return {"class_type": kind, "inputs": {**values, **inputs}}


def painted(comfy, workflow: dict, original: np.ndarray, reach: int) -> None:
    """Runs it; its picture is the original but for the square and `reach` pixels around it."""
    ((picture,),) = workflows.saved(comfy, workflow).values()
    assert picture.shape == (*original.shape[:2], 3)
    changed = (picture != original[..., :3]).any(-1)
    square = original[..., 3] == 0
    assert changed[square].mean() > 0.9
    rows, columns = np.where(square)
    around = np.zeros_like(square)
    around[rows.min() - reach : rows.max() + reach + 1, columns.min() - reach : columns.max() + reach + 1] = True
    assert not changed[~around].any()


def test_all_load_and_no_name_but_one_is_also_anothers(comfy, described):
    names: dict[str, set[str]] = {}
    for info in described.values():
        names.setdefault(info["python_module"].removeprefix("custom_nodes."), set()).add(info["display_name"])
    assert set(PACKS) <= set(names), comfy.log.read_text()[-3000:]
    ours = {info["display_name"] for kind, info in described.items() if kind.startswith("MaskGuidance")}
    assert names["ComfyUI-Mask-Guidance"] == ours
    assert ours & set.union(*(names[pack] for pack in PACKS)) <= SHARED_NAMES


def test_their_crop_our_sampler_their_stitch(comfy, described, wide):
    """CropAndStitch around, KJNodes' mask between."""
    name, original = wide
    ours = workflows.tiny(name)
    ours["6"]["inputs"]["latent_image"] = ["7", 0]
    crop = {"mask_blend_pixels": 4, "output_target_width": 64, "output_target_height": 64, "output_padding": "0"}
    crop |= {"device_mode": "cpu (compatible)"}
    workflow = {
        **{number: ours[number] for number in ("1", "2", "5", "6")},  # model, picture, label, sampler
        "3": node(described, "InpaintCropImproved", image=["2", 0], mask=["2", 1], **crop),
        "4": node(described, "GrowMaskWithBlur", mask=["3", 2], expand=1),
        "8": node(described, "VAEEncode", pixels=["3", 1], vae=["1", 1]),
        "7": node(described, "SetLatentNoiseMask", samples=["8", 0], mask=["4", 0]),
        "9": node(described, "VAEDecode", samples=["6", 0], vae=["1", 1]),
        "10": node(described, "InpaintStitchImproved", stitcher=["3", 0], inpainted_image=["9", 0]),
        "11": node(described, "SaveImage", images=["10", 0]),
    }
    painted(comfy, workflow, original, reach=12)


def test_our_crop_their_sampler_our_stitch(comfy, described, wide):
    """inpaint-nodes' fill and LanPaint's sampler between."""
    name, original = wide
    ours, label = workflows.tiny(name), {"positive": ["5", 0], "negative": ["5", 0]}
    workflow = {
        **{number: ours[number] for number in ("1", "2", "5")},  # model, picture, label
        "3": node(described, "MaskGuidanceCrop", image=["2", 0], mask=["2", 1], width=64, height=64),
        "4": node(described, "INPAINT_MaskedFill", image=["3", 0], mask=["3", 1]),
        "8": node(described, "VAEEncode", pixels=["4", 0], vae=["1", 1]),
        "7": node(described, "SetLatentNoiseMask", samples=["8", 0], mask=["3", 1]),
        "6": node(described, "LanPaint_KSampler", model=["1", 0], latent_image=["7", 0], steps=4, **label),
        "9": node(described, "VAEDecode", samples=["6", 0], vae=["1", 1]),
        "10": node(described, "MaskGuidanceStitch", stitch=["3", 2], image=["9", 0], blend_pixels=3),
        "11": node(described, "SaveImage", images=["10", 0]),
    }
    painted(comfy, workflow, original, reach=4)
