"""The core on a CUDA device, where there is one: the host decides for a device once a process, so in one of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and a torch built for it")
@pytest.mark.parametrize("flags", ["--disable-dynamic-vram", "--enable-dynamic-vram"])
def test_the_core_runs_on_a_cuda_device_as_on_the_cpu(flags):
    files = [str(FOLDER / name) for name in ("test_every_model.py", "test_text_models.py", "cuda_cases.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(FOLDER.parent / "pytest.ini"), *files]
    environment = {**os.environ, "MASK_GUIDANCE_HOST_FLAGS": flags}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-6000:]
