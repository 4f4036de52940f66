"""The nodes on a pretended GPU, which needs none: the host is told many untruths, so in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_nodes_run_on_a_pretended_gpu_as_on_the_cpu():
    cases, settings = FOLDER / "pretended_gpu_cases.py", FOLDER.parent / "pytest.ini"
    command = [sys.executable, "-m", "pytest", "-q", "-c", settings, cases]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-6000:]
    if " passed" not in run.stdout:
        pytest.skip(run.stdout.splitlines()[-1])
