"""The example workflows, and shorter ones made of them."""

import json
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Run by test_mask_examples.py and test_latent_server.py.
RUN_ELSEWHERE = ("latent_model", "outpaint", "paper_masks", "remove_object", "two_regions")


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


def latent(checkpoint: str, picture: str, prompt: str = "a house", **settings) -> dict:
    """The graph of any text-guided checkpoint: its own loader, text and VAE, our KSampler in the middle."""

    def node(kind: str, **inputs) -> dict:
        return {"class_type": kind, "inputs": inputs}

    values = {"seed": 4, "cfg": 2.0, "preset": "custom", "method": "feedback", "feedback": 1.0, "skip_type": "karras"}
    values |= {"skip_steps": 4, "resample": True, "resample_r": 2, "resample_j": 2, "start_resampling": 10_000}
    values |= {"denoise": 1.0, "var_type": "auto", "soft_mask": "binary", "mask_grid": "any touch", "add_noise": True}
    values |= {"start_at_step": 0, "end_at_step": 10_000, **settings}
    wires = {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["6", 0]}
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "2": node("CLIPTextEncode", clip=["1", 1], text=prompt),
        "3": node("CLIPTextEncode", clip=["1", 1], text=""),
        "4": node("LoadImage", image=picture),
        "5": node("VAEEncode", pixels=["4", 0], vae=["1", 2]),
        "6": node("SetLatentNoiseMask", samples=["5", 0], mask=["4", 1]),
        "7": node("MaskGuidanceKSampler", **wires, **values),
        "8": node("VAEDecode", samples=["7", 0], vae=["1", 2]),
        "9": node("SaveImage", images=["8", 0], filename_prefix="latent"),
        "10": node("PreviewAny", source=["7", 1]),
    }
