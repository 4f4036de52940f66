"""The run record in the saved picture, and the outline over the preview."""

import io
import json
import uuid

import pytest
import workflows
from PIL import Image


def saved(comfy, workflow: dict, extra: dict | None) -> Image.Image:
    """The picture of a run, queued as the page does."""
    content = {"prompt": workflow, "client_id": uuid.uuid4().hex}
    if extra is not None:
        content["extra_data"] = {"extra_pnginfo": extra}
    entry = comfy.history(comfy.post("/prompt", content)["prompt_id"], seconds=60)
    return Image.open(io.BytesIO(comfy.picture(entry["outputs"]["8"]["images"][0])))


def test_the_saved_picture_tells_how_it_was_made(comfy, picture):
    image = saved(comfy, workflows.tiny(picture, seed=77), {"workflow": {"nodes": []}})
    (record,) = json.loads(image.text["mask_guidance"])
    text = "\n".join(record)
    for part in ("10 model calls", "50.0 % painted", "resample_r 2, resample_j 2", "seed 77", "model tiny.safetensors"):
        assert part in text
    assert json.loads(image.text["workflow"]) == {"nodes": []}
    assert json.loads(image.text["prompt"])["6"]["inputs"]["seed"] == 77


def test_without_a_page_there_is_nowhere_to_put_it(comfy, picture):
    assert "mask_guidance" not in saved(comfy, workflows.tiny(picture), None).text


@pytest.mark.parametrize("size", [(64, 64), (300, 200)])
def test_a_preview_shows_the_outline_of_what_is_painted(host, size):
    from mask_guidance.nodes.preview import outlined

    grey, painted = Image.new("RGB", size, (90, 90, 90)), Image.new("L", (16, 16), 0)
    painted.paste(255, (4, 4, 12, 12))
    shown = outlined(grey, painted)
    assert max(shown.size) >= 256
    left, middle = shown.width // 4, shown.height // 2
    row = [shown.getpixel((x, middle)) for x in range(left - 2, left + 2)]
    assert row == [(90, 90, 90), (255, 255, 255), (0, 0, 0), (90, 90, 90)]


@pytest.mark.parametrize("value", [0, 255])
def test_without_an_edge_there_is_no_line(host, value):
    from mask_guidance.nodes.preview import outlined

    grey = Image.new("RGB", (64, 64), (90, 90, 90))
    assert outlined(grey, Image.new("L", (16, 16), value)) is grey
