"""From a warm set-up to the first picture, and what the pack adds to ComfyUI's own start."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from on_gpu.asked import Asked
from on_gpu.report import Missing, Row

from .took import Took, run

ROOT = Path(__file__).resolve().parents[3]


def pack(asked: Asked) -> Iterator[Row]:
    """ComfyUI from its start until it would listen, without custom nodes and with this pack, and how long its import took."""
    folder = asked.folder("comfyui", "a ComfyUI: run.py makes one")
    words = [sys.executable, str(folder / "main.py"), "--cpu", "--quick-test-for-ci"]
    ways = {"theirs": [*words, "--disable-all-custom-nodes"], "ours": words}
    took: dict[str, list[Took]] = {name: [] for name in ways}
    for number in range(asked.fits(5, 1)):
        for name in reversed(ways) if number % 2 else ways:
            took[name].append(run(ways[name], both=True))
    alone, ours = (f"{statistics.median(each.processor for each in took[name]):.3g} s of a core" for name in ways)
    imports = statistics.median(seconds_to_import(each.said[0]) for each in took["ours"])
    yield Row("the pack's import, of ComfyUI's start", imports, "s", theirs=alone, ours=ours)


def seconds_to_import(log: str) -> float:
    """As ComfyUI says."""
    for seconds, place in re.findall(r"([\d.]+) seconds(?: \(\w+\))?: (.+)", log):
        if Path(place.strip()).resolve() == ROOT:
            return float(seconds)
    raise RuntimeError(f"the pack is not among its custom nodes: {log[-500:]}")


def first_picture(asked: Asked) -> Iterator[Row]:
    """`run.py --once`, all being set up: until its last line names the picture."""
    if not (ROOT / ".run" / "venv").is_dir():
        raise Missing("needs a set-up: python run.py --once")
    command = [sys.executable, "-u", str(ROOT / "run.py"), "--once"]
    times = [seconds_to_picture(command) for _ in range(asked.fits(3, 1))]
    yield Row("run.py --once, warm, to the picture", statistics.median(times), "s")


def seconds_to_picture(command: list[str]) -> float:
    started, named = time.perf_counter(), None
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = []
        for line in process.stdout or ():
            said.append(line)
            if line.rstrip().endswith(".png"):
                named = time.perf_counter()
    if process.returncode or named is None:
        raise RuntimeError("".join(said)[-500:])
    return named - started


CHECKS = (pack, first_picture)
