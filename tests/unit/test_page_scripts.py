"""What Node says of the tests of the page's own files."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parents[1] / "js").glob("*.test.mjs"))

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node 20 or newer on the path")


def run_tests(script: Path) -> str:
    """What a script of tests says. It must end well, and with some test run and none failed, skipped or cancelled."""
    ran = subprocess.run(
        ["node", "--test-reporter=tap", script], cwd=script.parent, capture_output=True, text=True, timeout=100
    )
    told = ran.stdout + ran.stderr
    counts = {name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", ran.stdout, re.MULTILINE)}
    assert ran.returncode == 0, told[-4000:]
    assert counts.get("tests", 0) > 0, f"no test ran in {script.name}: {told[-4000:]}"
    assert counts["pass"] == counts["tests"], told[-4000:]
    return told


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_tests_pass(script):
    run_tests(script)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('test("one", () => { throw new Error("wrong"); });', "wrong"),
        ('test.skip("one", () => {});', "# skipped 1"),
        ('throw new Error("never got to a test");', "never got to a test"),
        ("", "no test ran"),
    ],
)
def test_a_script_that_fails_or_tests_nothing_is_told_apart(tmp_path, body, complaint):
    script = tmp_path / "planted.test.mjs"
    script.write_text(f'import test from "node:test";\n{body}\n')
    with pytest.raises(AssertionError, match=complaint):
        run_tests(script)
    script.write_text('import test from "node:test";\ntest("one", () => {});\n')
    assert "# pass 1" in run_tests(script)
