"""The example workflows, run by the real server as they are shipped."""

import json
import re

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
    page = json.loads(workflows.template(name).read_text("utf-8"))
    described = comfy.get("/object_info")
    assert workflows.to_api(page, described, whole=True) == workflows.example(name)


@pytest.mark.parametrize("name", workflows.names())
def test_example_is_offered_as_a_template_with_its_picture(comfy, name):
    title = workflows.titles()[name]
    offered = comfy.get("/api/workflow_templates")
    assert any(title in templates for templates in offered.values())
    assert workflows.template(name).with_suffix(".jpg").stat().st_size > 1000


def test_every_template_has_a_short_name_and_every_short_name_a_template():
    """examples/api/names.json is the list."""
    assert sorted(workflows.titles().values()) == sorted(path.stem for path in workflows.EXAMPLES.glob("*.json"))
    files = {path.stem for path in (workflows.EXAMPLES / "api").glob("*.json")} - {"names"}
    assert files == {*workflows.names()}


def test_templates_are_numbered_in_the_order_of_the_list_and_found_by_the_packs_name():
    """The page shows file names, the newest only some 27 letters; it finds what begins in the first 33, and keeps no order."""
    titles = [*workflows.titles().values()]
    assert titles == sorted(titles)
    assert all(re.fullmatch(r"\d\d [A-Z].{,25} \(Mask Guidance\)", title) for title in titles)
