"""What an edit of a number costs in ComfyUI's page, from the paper's 2,410 calls on, by real clicks in a browser."""

import importlib.util
import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from chromium import browser, missing
from on_gpu.asked import Asked
from on_gpu.report import Missing, Row

ROOT = Path(__file__).resolve().parents[3]
MOST = 5.0  # milliseconds


def edits(asked: Asked) -> Iterator[Row]:
    folder = asked.folder("comfyui", "a ComfyUI: run.py makes one")
    if reason := missing():
        raise Missing(reason)
    if importlib.util.find_spec("websocket") is None:
        raise Missing("needs websocket-client")
    from comfy_client import Comfy

    with TemporaryDirectory() as place:
        server = Comfy(folder, Path(place), "--preview-method", "none")
        try:
            for mode, words in (("litegraph", "LiteGraph"), ("vue", "Nodes 2.0")):
                script = Path(__file__).with_name("edits.mjs")
                command = ["node", str(script), server.url(""), browser(), mode, str(asked.fits(20, 2))]
                ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
                if ran.returncode:
                    raise RuntimeError(ran.stderr[-500:])
                yield from rows(words, json.loads(ran.stdout))
        finally:
            server.stop()


def rows(mode: str, found: dict) -> Iterator[Row]:
    numbers = {
        "script of the pack": ([edit["script"] for edit in found["edits"]], MOST),
        "the server's answer": (found["answers"], None),
        "until the new curve is there": ([edit["curve"] for edit in found["edits"]], None),
    }
    for what, (times, most) in numbers.items():
        yield Row(f"an edit, {mode}: {what}", statistics.median(times), "ms", most=most)


CHECKS = (edits,)
