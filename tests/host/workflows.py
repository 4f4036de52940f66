"""The example workflows, and shorter ones made of them."""

import json
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OF_MASKS = ("outpaint", "paper_masks", "remove_object", "two_regions")  # run by test_mask_examples.py


def example(name: str) -> dict:
    """An example workflow in API format."""
    return json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))


def names() -> list[str]:
    return sorted(path.stem for path in EXAMPLES.glob("*.json"))


def tiny(picture: str, model: str = "tiny.safetensors", **settings) -> dict:
    """The first example on the tiny network and another picture, a few steps long."""
    workflow = example("inpaint")
    workflow["1"]["inputs"]["model_name"] = model
    workflow["2"]["inputs"]["image"] = picture
    workflow["6"]["inputs"] |= {"preset": "custom", "method": "repaint", "skip_type": "uniform"}
    workflow["6"]["inputs"] |= {"skip_steps": 6, "resample_r": 2, "resample_j": 2, **settings}
    return workflow
