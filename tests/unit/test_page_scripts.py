"""What Node says of the page's own files: their tests, and their style."""

import shutil
import subprocess
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parents[2]

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node 20 or newer on the path")


def node(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(["node", *words], cwd=PACK, capture_output=True, text=True, timeout=100)


@needs_node
def test_the_scripts_tests_pass():
    ran = node("--test", *map(str, sorted((PACK / "tests" / "js").glob("*.test.mjs"))))
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "# fail 0" in ran.stdout or "fail 0" in ran.stdout


@needs_node
def test_the_scripts_are_clean_and_formatted():
    biome = PACK / "node_modules" / "@biomejs" / "biome" / "bin" / "biome"
    if not biome.is_file():
        pytest.skip("needs the packages of package.json: run `npm install`")
    ran = node(str(biome), "check", "--colors=off")
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
