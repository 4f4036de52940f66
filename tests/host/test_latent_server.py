"""A checkpoint of the kind of Stable Diffusion in the real server: its own loader, text encoder and VAE, our KSampler."""

import io

import numpy as np
import pytest
import workflows
from PIL import Image
from tiny_models import save_stable_diffusion

NAME = "small_stable_diffusion.safetensors"


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
    return np.asarray(Image.open(io.BytesIO(comfy.picture(run.outputs["9"]["images"][0])))), run


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
