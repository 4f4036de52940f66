"""The oldest Python and PyTorch that are promised are those that the public test run takes."""

import re
from pathlib import Path

import yaml

PACK = Path(__file__).resolve().parents[2]
PROJECT = (PACK / "pyproject.toml").read_text("utf-8")
JOBS = yaml.safe_load((PACK / ".github/workflows/check.yml").read_text("utf-8"))["jobs"]
OLDEST = JOBS["check"]["strategy"]["matrix"]["include"][0]


def test_the_oldest_python_is_tested_and_its_syntax_checked():
    (promised,) = re.findall(r'requires-python = ">=([\d.]+)"', PROJECT)
    assert OLDEST["python"] == promised
    assert f'python_version = "{promised}"' in PROJECT  # mypy's
    assert f'target-version = "py{promised.replace(".", "")}"' in PROJECT  # ruff's


def test_the_oldest_pytorch_is_tested():
    (promised,) = re.findall(r'"torch>=([\d.]+)"', PROJECT)
    assert OLDEST["torch"].startswith(f"torch=={promised}.")
