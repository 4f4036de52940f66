"""The frame of the benchmark for GPUs: rows, limits and the exit code, with real sections in real processes."""

import os
import subprocess
import sys
import time

import gpu
import pytest
from gpu import Section, run
from on_gpu.report import Row, failed, table

ASKED = {"device": "cpu", "quick": True, "comfyui": None, "lanpaint": None, "repaint": None}
MODULES = {
    "fine": 'lambda asked: [Row("speed", 1.5, "ms", most=2), Row("seen", 7.0)]',
    "missed": 'lambda asked: [Row("speed", 2.5, "ms", most=2)]',
    "raises": "lambda asked: 1 / 0",
    "ends": 'lambda asked: __import__("os")._exit(3)',
    "hangs": 'lambda asked: __import__("time").sleep(60)',
    "lacks": "lambda asked: asked.need_gpu()",
}


@pytest.fixture
def sections(tmp_path, monkeypatch):
    """Sections whose second check is one of MODULES; the first one always gives a row."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def made(*names: str, seconds: float = 30) -> dict[str, Section]:
        for name in names:
            lines = ["from on_gpu.report import Row", "def first(asked):", '    yield Row("first", 1.0)']
            lines += [f"second = {MODULES[name]}", 'second.__name__ = "the_second"', "CHECKS = (first, second)"]
            (tmp_path / f"section_{name}.py").write_text("\n".join(lines))
        return {name: Section(name.title(), f"section_{name}", seconds) for name in names}

    return made


def rows(found: dict[str, list[Row]]) -> list[Row]:
    return [row for those in found.values() for row in those]


def test_a_section_that_meets_its_goals_or_lacks_something_fails_nothing(sections):
    found = run(sections("fine", "lacks"), ASKED)
    assert [row.verdict for row in rows(found)] == ["", "met", "", "", "not measured"]
    assert "needs a GPU" in table(found)
    assert not failed(rows(found))


@pytest.mark.parametrize(
    ("name", "verdict", "said"),
    [
        ("missed", "MISSED", "2.5 ms"),
        ("raises", "FAILED", "ZeroDivisionError: division by zero"),
        ("ends", "FAILED", "ended with code 3"),
    ],
)
def test_one_that_misses_or_breaks_fails_and_the_next_one_runs(sections, name, verdict, said):
    found = run(sections(name, "fine"), ASKED)
    broken = [row for row in rows(found) if row.verdict not in ("", "met")]
    assert [(row.verdict, row.said) for row in broken] == [(verdict, said)]
    assert f"| {said} |" in table(found)
    assert failed(rows(found))
    assert len(rows(found)) == 5


def test_one_that_takes_too_long_is_ended_and_what_it_has_said_stays(sections):
    started = time.monotonic()
    found = run(sections("hangs", seconds=3), ASKED)
    assert time.monotonic() - started < 20
    assert [(row.what, row.verdict) for row in rows(found)] == [("first", ""), ("the section", "FAILED")]
    assert "longer than 3 s" in table(found)


def test_when_the_time_of_all_is_over_the_rest_is_named(sections):
    found = run(sections("fine", "missed"), ASKED, whole=0)
    assert [row.said for row in rows(found)] == ["no time was left"] * 2
    assert failed(rows(found))


def test_numbers_that_are_none_miss_their_goals():
    assert Row("x", float("nan"), most=1).verdict == Row("x", float("nan"), least=1).verdict == "MISSED"


def test_it_runs_here():
    environment = {key: value for key, value in os.environ.items() if key != "COMFYUI_PATH"} | {
        "CUDA_VISIBLE_DEVICES": ""
    }
    command = [sys.executable, gpu.__file__, "--quick", "--only", "waits", "memory", "--patience", "9"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| improved-64, 64 px, fp16" in done.stdout
