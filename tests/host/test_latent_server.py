"""A checkpoint of the kind of Stable Diffusion in the real server: its own loader, text encoder and VAE, our KSampler."""

import numpy as np
import pytest
import workflows
from PIL import Image
from scipy import ndimage
from tiny_models import save_stable_diffusion

SHIPPED = workflows.example("latent_model")
NAME = SHIPPED["1"]["inputs"]["ckpt_name"]


@pytest.fixture(scope="module")
def checkpoint(host, comfy) -> str:
    save_stable_diffusion(comfy.checkpoints / NAME)
    yield NAME
    (comfy.checkpoints / NAME).unlink()


@pytest.fixture(scope="module")
def half(comfy) -> str:
    """A picture of 64x64 with a stroke of one pixel and a block to paint."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:, 40:, 3] = 0
    pixels[20, :40, 3] = 0
    Image.fromarray(pixels).save(comfy.folder / "input" / "half64.png")
    return "half64.png"


def saved(comfy, workflow: dict) -> tuple[np.ndarray, object]:
    run = comfy.run(workflow)
    assert run.error is None
    return workflows.pictures(comfy, run, "9")[0], run


def test_a_text_guided_checkpoint_runs_from_its_stock_nodes(comfy, checkpoint, half):
    picture, run = saved(comfy, workflows.latent(checkpoint, half))
    assert picture.shape == (64, 64, 3)
    assert picture.std() > 5
    calls = int(run.outputs["10"]["text"][0].split()[0])
    assert run.progress[-1] == (calls, calls)
    assert "on the model's 8x8 grid" in run.outputs["10"]["text"][0]

    again, _ = saved(comfy, workflows.latent(checkpoint, half))
    assert (again == picture).all()
    for other in (workflows.latent(checkpoint, half, "a tree"), workflows.latent(checkpoint, half, seed=5)):
        assert (saved(comfy, other)[0] != picture).any()


@pytest.mark.timeout(300)
def test_the_example_for_distilled_models_runs_in_eight_calls_on_the_steps_they_were_made_for(comfy):
    workflow = workflows.example("distilled_model")
    name = workflow["1"]["inputs"]["ckpt_name"]
    save_stable_diffusion(comfy.checkpoints / name)
    run = workflows.run_once(comfy, workflow)
    (comfy.checkpoints / name).unlink()
    (result,) = workflows.pictures(comfy, run, "11")
    before = np.asarray(Image.open(workflows.EXAMPLES / workflow["2"]["inputs"]["image"]))
    assert (result[before[..., 3] == 0] != before[before[..., 3] == 0][:, :3]).any()
    record = run.outputs["14"]["text"][0]
    assert record.startswith("8 model calls")
    assert "preset turbo, method distilled, feedback 1, resample_r 2" in record
    assert "4 of 1000 timesteps (trailing), 999 to 0" in record


@pytest.mark.timeout(300)
def test_the_example_for_latent_models_runs_and_changes_nothing_beyond_mask_and_blend(comfy, checkpoint):
    """On random weights it paints noise, but every wire is the one that a real checkpoint uses."""
    workflow = workflows.example("latent_model")
    workflow["8"]["inputs"] |= {"preset": "draft", "cfg": 1.0}
    run = workflows.run_once(comfy, workflow)
    (result,) = workflows.pictures(comfy, run, "11")
    before = np.asarray(Image.open(workflows.EXAMPLES / workflow["2"]["inputs"]["image"]))
    reach = workflow["3"]["inputs"]["grow"] + workflow["10"]["inputs"]["blend_pixels"]
    beyond = ndimage.distance_transform_edt(before[..., 3] == 255) > reach
    assert (result[beyond] == before[beyond][:, :3]).all()
    assert (result[before[..., 3] == 0] != before[before[..., 3] == 0][:, :3]).any()
    assert run.outputs["14"]["text"][0].startswith("23 model calls")


@pytest.mark.timeout(300)
def test_inpaint_needs_no_more_than_a_checkpoint_two_texts_and_a_picture(comfy, checkpoint, half):
    workflow = workflows.latent(checkpoint, half)
    settings = {**workflows.example("inpaint_picture")["3"]["inputs"], **workflow["7"]["inputs"]}
    for name in ("latent_image", "add_noise", "start_at_step", "end_at_step"):
        del settings[name]
    settings |= {"image": ["4", 0], "mask": ["4", 1], "vae": ["1", 2], "grow": 0, "feather": 4, "size": 64}
    workflow["7"] = {"class_type": "MaskGuidanceInpaint", "inputs": settings}
    workflow["9"]["inputs"]["images"] = ["7", 0]
    workflow["10"]["inputs"]["source"] = ["7", 3]
    for unused in ("5", "6", "8"):
        del workflow[unused]
    picture, run = saved(comfy, workflow)
    before = np.asarray(Image.open(comfy.folder / "input" / half))
    near = ndimage.distance_transform_edt(before[..., 3] == 255) <= 8 * 2**0.5 + 4  # a cell's diagonal, and the band
    assert (picture[~near] == before[~near][:, :3]).all()
    assert (picture[before[..., 3] == 0] != before[before[..., 3] == 0][:, :3]).any()
    record = run.outputs["10"]["text"][0]
    assert "on the model's 8x8 grid" in record
    assert "kind of picture" in record
    assert "0 beyond it" in record
