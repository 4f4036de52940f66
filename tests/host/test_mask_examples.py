"""The example workflows of the mask nodes, run by the real server as they are shipped."""

import numpy as np
import pytest
import workflows
from PIL import Image
from scipy import ndimage


def original(workflow: dict) -> np.ndarray:
    return np.asarray(Image.open(workflows.EXAMPLES / workflow["2"]["inputs"]["image"]))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["remove_object", "two_regions"])
def test_crop_and_stitch_change_the_mask_and_its_band_and_no_byte_beyond(comfy, name):
    workflow = workflows.example(name)
    run = workflows.run_once(comfy, workflow)
    (result,) = workflows.pictures(comfy, run, "11")
    before = original(workflow)
    reach = workflow["3"]["inputs"]["grow"] + workflow["10"]["inputs"]["blend_pixels"]
    beyond = ndimage.distance_transform_edt(before[..., 3] == 255) > reach
    assert (result[beyond] == before[beyond][:, :3]).all()
    assert np.abs(result.astype(int) - before[..., :3])[before[..., 3] == 0].mean() > 30  # the balloons are gone
    assert "0 beyond it" in str(run.outputs["13"])
    regions = ndimage.label(before[..., 3] == 0)[1]
    assert len(workflows.pictures(comfy, run, "10")) == regions  # before and after, under Stitch Back
    (boxes,) = workflows.pictures(comfy, run, "4")  # under Crop for Inpainting
    assert (boxes == (255, 191, 26)).all(-1).any()


@pytest.mark.timeout(600)
def test_the_four_nodes_of_the_first_template_do_the_same(comfy):
    workflow = workflows.example("inpaint_picture")
    assert len(workflow) == 4
    workflow["3"]["inputs"]["preset"] = "draft"
    run = workflows.run_once(comfy, workflow)
    (result,) = workflows.pictures(comfy, run, "4")
    before = original(workflow)
    reach = workflow["3"]["inputs"]["grow"] + workflow["3"]["inputs"]["feather"]
    beyond = ndimage.distance_transform_edt(before[..., 3] == 255) > reach
    assert (result[beyond] == before[beyond][:, :3]).all()
    assert np.abs(result.astype(int) - before[..., :3])[before[..., 3] == 0].mean() > 30  # the balloons are gone
    assert len(workflows.pictures(comfy, run, "3")) == 2  # before and after, one place each


def test_outpainting_keeps_the_picture_byte_for_byte(comfy):
    workflow = workflows.example("outpaint")
    (result,) = workflows.pictures(comfy, workflows.run_once(comfy, workflow), "10")
    before = original(workflow)
    left = (result.shape[1] - before.shape[1]) // 2
    assert result.shape[:2] == (64, 64)
    assert (result[:, left : left + before.shape[1]] == before[..., :3]).all()


@pytest.mark.timeout(600)
def test_the_papers_six_masks_fill_one_picture_six_times(comfy):
    workflow = workflows.example("paper_masks")
    results = workflows.pictures(comfy, workflows.run_once(comfy, workflow), "10")
    before = original(workflow)[..., :3]
    assert len(results) == 6
    assert (results[2][::2] == before[::2]).all()  # every second line
    assert (results[3][:, :32] == before[:, :32]).all()  # half
    assert (results[4][24:40, 24:40] == before[24:40, 24:40]).all()  # expand
    assert (results[5][::2, ::2] == before[::2, ::2]).all()  # super-resolve
