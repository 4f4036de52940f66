"""Equality with the original guided-diffusion code: the numbers in tests/golden, and fresh ones made in the test run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import golden_cases as cases
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[1] / "golden"
FRESH_OFFSET = 0.777


@pytest.fixture(scope="session")
def fresh_golden(tmp_path_factory):
    """Numbers that no one can have fitted: the original code run now, with another phase of every wave."""
    cases.original_code("script_util")
    out = tmp_path_factory.mktemp("golden") / "fresh.json"
    command = [sys.executable, "-W", "ignore", str(FOLDER / "make_golden.py"), str(out), str(FRESH_OFFSET)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return json.loads(out.read_text())


@pytest.fixture(scope="session", params=["stored", "fresh"])
def golden(request):
    if request.param == "fresh":
        return request.getfixturevalue("fresh_golden"), cases.Waves(FRESH_OFFSET)
    return json.loads((FOLDER / "golden.json").read_text()), cases.Waves()


def assert_digest(actual, expected, rtol=1e-4, atol=2e-5):
    expected = {key: value for key, value in expected.items() if key != "shape"}
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def test_every_unet_digest_equals_the_originals(golden):
    expected, wave = golden
    actual = cases.unet_cases(wave)
    assert actual.keys() == expected["unet"].keys()
    for name, digest in actual.items():
        assert_digest(digest, expected["unet"][name])


def test_every_schedule_equals_the_originals(golden):
    expected, _ = golden
    actual = cases.schedule_cases()
    assert actual.keys() == expected["schedule"].keys()
    for name, values in actual.items():
        # float64 on both sides: nothing but the order of operations differs
        torch.testing.assert_close(values, expected["schedule"][name], rtol=1e-9, atol=1e-13)


def test_every_single_step_equals_the_originals(golden):
    expected, wave = golden
    actual = cases.step_cases(wave)
    assert actual.keys() == expected["step"].keys()
    for name, digests in actual.items():
        if "mean" in digests and isinstance(digests["mean"], float):
            assert_digest(digests, expected["step"][name])
            continue
        assert digests.keys() == expected["step"][name].keys()
        for quantity, digest in digests.items():
            assert_digest(digest, expected["step"][name][quantity])


def test_count_of_model_calls_equals_the_originals(golden):
    expected, _ = golden
    assert cases.nfe_cases() == expected["nfe"]


@pytest.mark.parametrize(("steps", "r", "j", "var_type"), cases.CHAINS)
def test_chain_equals_one_that_pastes_the_known_region_after_each_step(golden, steps, r, j, var_type):
    expected, wave = golden
    last, _, _ = cases.run_chain(wave, steps, r, j, var_type, "after")
    assert_digest(cases.digest(last.x), expected["chain"][f"T{steps}_r{r}_j{j}_after_clip1_{var_type}"])


@pytest.mark.parametrize(("steps", "r", "j", "var_type"), cases.CHAINS)
def test_chain_equals_one_that_pastes_the_known_region_before_each_step(golden, steps, r, j, var_type):
    expected, wave = golden
    last, unpasted, x0 = cases.run_chain(wave, steps, r, j, var_type, "before")
    # That chain, RePaint's own, never pastes the finished picture; this package does.
    assert_digest(cases.digest(unpasted), expected["chain"][f"T{steps}_r{r}_j{j}_before_clip1_{var_type}"])
    torch.testing.assert_close(last.x, torch.where(cases.chain_known(), x0, unpasted), rtol=0, atol=0)
