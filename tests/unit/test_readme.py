"""The README's code runs as it stands, one example after the other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import torch
from mask_guidance.sampler import alphas_cumprod, named_betas

PACK = Path(__file__).resolve().parents[2]
BEFORE = "import conftest  # makes the pack importable, as installing it would\n"
AFTER = "torch.save((picture, known, filled, x), 'result.pt')\n"


def test_the_library_examples_fill_only_the_unknown_part_and_go_step_by_step(tmp_path):
    code = re.findall(r"```python\n(.*?)```", (PACK / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "example.py").write_text("".join([BEFORE, *code, AFTER]), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PACK / "tests"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "example.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[-2] == "130 of 130"
    picture, known, filled, x = torch.load(tmp_path / "result.pt", weights_only=True)
    known = known.expand_as(picture)
    assert torch.equal(filled[known], picture[known])
    assert not torch.equal(filled[~known], picture[~known])
    assert x.shape == picture.shape
    share = alphas_cumprod(named_betas("linear", 1000))[508]  # of level 509
    noise = (x - share.sqrt() * picture)[known] / (1 - share).sqrt()
    assert abs(float(noise.std()) - 1) < 0.05
