"""The example workflows, run by the real server as they are shipped."""

import json

import numpy as np
import pytest
import workflows
from PIL import Image


@pytest.mark.parametrize("name", [name for name in workflows.names() if name not in workflows.RUN_ELSEWHERE])
def test_example_runs_and_leaves_known_pixels_byte_for_byte(comfy, name):
    workflow = workflows.example(name)
    original = np.asarray(Image.open(workflows.EXAMPLES / workflow["2"]["inputs"]["image"]))
    known = original[..., 3] == 255
    saved = workflows.saved(comfy, workflow)
    assert saved
    for (painted,) in saved.values():
        assert (painted[known] == original[known][:, :3]).all()
        assert (painted[~known] != original[~known][:, :3]).any()


@pytest.mark.parametrize("name", workflows.names())
def test_page_form_and_server_form_of_an_example_are_the_same_graph(comfy, name):
    page = json.loads((workflows.EXAMPLES / f"{name}.json").read_text("utf-8"))
    described = comfy.get("/object_info")
    assert workflows.to_api(page, described) == workflows.example(name)


@pytest.mark.parametrize("name", workflows.names())
def test_example_is_offered_as_a_template_with_its_picture(comfy, name):
    offered = comfy.get("/api/workflow_templates")
    pack = next(pack for pack, templates in offered.items() if "mask" in pack.lower() and "inpaint" in templates)
    assert name in offered[pack]
    assert (workflows.EXAMPLES / f"{name}.jpg").stat().st_size > 1000
