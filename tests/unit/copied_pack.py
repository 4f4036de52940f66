"""A copy of the pack to change, and a process of its own that imports the copy: for tests of recipes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
# The nodes' package lists them all and needs the host; the page's question is answered without either.
START = """
import json, sys, types
nodes = types.ModuleType("mask_guidance.nodes")
nodes.__path__ = [sys.argv[1]]
sys.modules[nodes.__name__] = nodes
"""


def copy_pack(folder: Path) -> Path:
    """The pack's code under a folder from which `import mask_guidance` finds it."""
    pack = folder / "mask_guidance"
    pack.mkdir()
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(PACK / name, pack)
    for name in ("sampler", "nodes"):
        shutil.copytree(PACK / name, pack / name, ignore=shutil.ignore_patterns("__pycache__"))
    return pack


def change(file: Path, old: str, new: str) -> None:
    """Put a text in place of another that stands in a file once."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} in {file.name}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def told(pack: Path, code: str) -> dict:
    """What some code prints as JSON, run with the copied pack."""
    words = [sys.executable, "-c", START + code, str(pack / "nodes")]
    ran = subprocess.run(words, cwd=pack.parent, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout)
