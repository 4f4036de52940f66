"""Fixtures with the real host: `run.py test` sets COMFYUI_PATH; without it these tests are skipped."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import save_tiny
from in_process import start_host
from PIL import Image

HOST = os.environ.get("COMFYUI_PATH")


def pytest_collection_modifyitems(items):
    if not HOST:
        skip = pytest.mark.skip(reason="needs a ComfyUI: run `python run.py test`, or set COMFYUI_PATH")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def comfy(tmp_path_factory):
    """A server without caches, so that a second run is a second run."""
    from comfy_client import Comfy

    server = Comfy(Path(HOST), tmp_path_factory.mktemp("comfy"), "--cache-none")
    save_tiny(server.models / "tiny.safetensors")
    save_tiny(server.models / "tiny.pt")
    save_tiny(server.models / "must_be_told.safetensors", any_class=False)
    save_tiny(server.models / "tiny_fp16.safetensors", dtype=torch.float16)
    save_tiny(server.models / "tiny_unconditional.pt", num_classes=None)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def picture(comfy):
    """Name of a random 32x32 picture in the server's input folder, its right half transparent."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[:, 16:, 3] = 0
    Image.fromarray(pixels).save(comfy.folder / "input" / "half.png")
    return "half.png"


@pytest.fixture(scope="session")
def host():
    """The host's modules in this process, started as its own main.py would: for the CPU, unless test_cuda.py asks."""
    start_host(HOST, *os.environ.get("MASK_GUIDANCE_HOST_FLAGS", "--cpu").split())
    import folder_paths
    from mask_guidance.nodes import model_folder

    model_folder.register()
    return folder_paths


@pytest.fixture(scope="session")
def models_folder(host, tmp_path_factory):
    """A folder that the loader node of this process looks into."""
    from mask_guidance.nodes import model_folder

    folder = tmp_path_factory.mktemp("models")
    host.add_model_folder_path(model_folder.FOLDER, str(folder))
    return folder


@pytest.fixture
def tiny(models_folder):
    """The tiny class-conditional network as a MODEL, and its VAE, loaded by the pack's own node."""
    from nodes_by_hand import load

    save_tiny(models_folder / "in_process.safetensors")
    return load("in_process.safetensors")
