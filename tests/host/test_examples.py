"""The example workflows, run by the real server as they are shipped."""

import io
import json

import numpy as np
import pytest
import workflows
from PIL import Image


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("name", [name for name in workflows.names() if name not in workflows.RUN_ELSEWHERE])
def test_example_runs_and_leaves_known_pixels_byte_for_byte(comfy, name):
    workflow = workflows.example(name)
    run = comfy.run(workflow, seconds=600)
    assert run.error is None
    original = np.asarray(Image.open(workflows.EXAMPLES / workflow["2"]["inputs"]["image"]))
    known = original[..., 3] == 255
    saved = [n for n, node in workflow.items() if node["class_type"] == "SaveImage"]
    assert saved
    for node in saved:
        painted = pixels(comfy.picture(run.outputs[node]["images"][0]))
        assert (painted[known] == original[known][:, :3]).all()
        assert (painted[~known] != original[~known][:, :3]).any()


@pytest.mark.parametrize("name", workflows.names())
def test_page_form_and_server_form_of_an_example_are_the_same_graph(comfy, name):
    page = json.loads((workflows.EXAMPLES / f"{name}.json").read_text("utf-8"))
    described = comfy.get("/object_info")
    assert to_api(page, described) == workflows.example(name)


@pytest.mark.parametrize("name", workflows.names())
def test_example_is_offered_as_a_template_with_its_picture(comfy, name):
    offered = comfy.get("/api/workflow_templates")
    pack = next(pack for pack, templates in offered.items() if "mask" in pack.lower() and "inpaint" in templates)
    assert name in offered[pack]
    assert (workflows.EXAMPLES / f"{name}.jpg").stat().st_size > 1000


def to_api(page: dict, described: dict) -> dict:
    """What ComfyUI's page would send for a workflow file."""
    links = {link[0]: [str(link[1]), link[2]] for link in page["links"]}
    api = {}
    for node in page["nodes"]:
        if node["type"] not in described:
            assert node["type"] == "MarkdownNote", f"missing node {node['type']}"
            continue
        inputs = widget_values(node, described[node["type"]])
        inputs |= {slot["name"]: links[slot["link"]] for slot in node["inputs"] if slot["link"] is not None}
        api[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return api


def widget_values(node: dict, described: dict) -> dict:
    """Values by name: the page stores them in the order of the inputs, with an entry of its own behind some."""
    values, left = {}, iter(node["widgets_values"])
    for section in ("required", "optional"):
        for name in described["input_order"].get(section, []):
            kind, *options = described["input"][section][name]
            if not isinstance(kind, list) and kind not in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"):
                continue
            values[name] = next(left)
            extra = options[0] if options else {}
            if extra.get("control_after_generate") or extra.get("image_upload"):
                next(left)
    assert next(left, None) is None
    return values
