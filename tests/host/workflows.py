"""The example workflows, shorter ones made of them, and what ComfyUI's page makes of a workflow file."""

import io
import json
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Run by test_composite_edit.py, test_mask_examples.py and test_latent_server.py.
RUN_ELSEWHERE = (
    "composite_edit",
    "distilled_model",
    "inpaint_picture",
    "latent_model",
    "outpaint",
    "paper_masks",
    "remove_object",
    "two_regions",
)


def example(name: str) -> dict:
    """An example workflow in API format."""
    return json.loads((EXAMPLES / "api" / f"{name}.json").read_text("utf-8"))


def titles() -> dict[str, str]:
    """Of each example, by its short name: its template, as ComfyUI's page lists it."""
    return json.loads((EXAMPLES / "api" / "names.json").read_text("utf-8"))


def names() -> list[str]:
    return [*titles()]


def template(name: str) -> Path:
    """An example workflow in the page's format."""
    return EXAMPLES / f"{titles()[name]}.json"


def run_once(comfy, workflow: dict):
    """The run of a workflow in API format: one a session, however many tests look at it."""
    return run_text(comfy, json.dumps(workflow, sort_keys=True))


@cache
def run_text(comfy, text: str):
    run = comfy.run(json.loads(text), seconds=600)
    assert run.error is None, run.error
    return run


def pictures(comfy, run, node: str) -> list[np.ndarray]:
    """What a node that shows or saves pictures has put out."""
    return [np.asarray(Image.open(io.BytesIO(comfy.picture(image)))) for image in run.outputs[node]["images"]]


def saved(comfy, workflow: dict) -> dict[str, list[np.ndarray]]:
    """The pictures of each SaveImage node, by its id."""
    run = run_once(comfy, workflow)
    nodes = [node for node, content in workflow.items() if content["class_type"] == "SaveImage"]
    return {node: pictures(comfy, run, node) for node in nodes}


def only_saved(workflow: dict) -> dict:
    """Without the nodes that no saved picture comes of."""
    wanted = [node for node, content in workflow.items() if content["class_type"] == "SaveImage"]
    for node in wanted:
        links = (value[0] for value in workflow[node]["inputs"].values() if isinstance(value, list))
        wanted.extend(origin for origin in links if origin not in wanted)
    return {node: workflow[node] for node in workflow if node in wanted}


def to_api(page: dict, described: dict, whole: bool = False) -> dict:
    """What ComfyUI's page would send for a workflow file; a `whole` one holds a value for each input."""
    links = {link[0]: [str(link[1]), link[2]] for link in page["links"]}
    api = {}
    for node in page["nodes"]:
        if node["type"] not in described:
            assert node["type"] == "MarkdownNote", f"missing node {node['type']}"
            continue
        inputs = widget_values(node, described[node["type"]], whole)
        inputs |= {slot["name"]: links[slot["link"]] for slot in node["inputs"] if slot["link"] is not None}
        api[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return api


def widget_values(node: dict, described: dict, whole: bool = False) -> dict:
    """Values by name: the page stores them in the order of the inputs, with an entry of its own behind some.

    Inputs that a node got after the file was saved take their defaults.
    """
    values, left = {}, list(node["widgets_values"])
    for section in ("required", "optional"):
        for name in described["input_order"].get(section, []):
            kind, *options = described["input"][section][name]
            if not isinstance(kind, list) and kind not in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"):
                continue
            extra = options[0] if options else {}
            assert left or not whole, f"{node['type']} has no value of {name}; save it again"
            values[name] = left.pop(0) if left else extra.get("default", kind[0])
            if left and (extra.get("control_after_generate") or extra.get("image_upload")):
                left.pop(0)
    assert not left, f"{node['type']} has lost inputs: {left} are left over"
    return values


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

    values = {"seed": 4, "cfg": 2.0, "preset": "custom", "method": "kriged", "feedback": 1.0, "skip_type": "karras"}
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
