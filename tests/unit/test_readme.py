"""The README's code runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import torch

PACK = Path(__file__).resolve().parents[2]
BEFORE = "import conftest  # makes the pack importable, as installing it would\n"
AFTER = "torch.save((picture, known, filled), 'result.pt')\n"


def test_the_library_example_fills_only_the_unknown_part(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (PACK / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "example.py").write_text(BEFORE + code + AFTER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(PACK / "tests"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "example.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[-2] == "130 of 130"
    picture, known, filled = torch.load(tmp_path / "result.pt", weights_only=True)
    known = known.expand_as(picture)
    assert torch.equal(filled[known], picture[known])
    assert not torch.equal(filled[~known], picture[~known])
