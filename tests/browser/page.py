"""The cases of *cases.mjs, and whether the page passed one with one of the two ways in which ComfyUI draws nodes."""

import re
from pathlib import Path

import pytest

__all__ = ["MODES", "every_case", "passed"]

HERE = Path(__file__).parent
MODES = ("litegraph", "vue")
CASES = [
    name
    for file in sorted(HERE.glob("*cases.mjs"))
    for name in re.findall(r"^export async function (\w+)", file.read_text("utf-8"), re.MULTILINE)
]


def every_case(test):
    """All of a mode run in one browser, at the first."""
    return pytest.mark.timeout(1600)(pytest.mark.parametrize("case", CASES)(test))


def passed(answers: dict[str, tuple[str | None, str | None]], case: str) -> None:
    """Fails, or skips, with the browser's words."""
    assert case in answers, f"the browser stopped before this case: {answers[''][0]}"
    error, skipped = answers[case]
    if skipped:
        pytest.skip(skipped)
    assert error is None, error
