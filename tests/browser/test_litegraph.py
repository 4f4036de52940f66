"""The page in a real browser, nodes drawn by LiteGraph. Each way to draw has a file, which two processes run side by side."""

import json
import subprocess
from pathlib import Path

from chromium import browser
from page import every_case, passed

EDITS = Path(__file__).parents[1] / "benchmarks" / "on_cpu" / "edits.mjs"


@every_case
def test_page_with_litegraph(outcomes, case):
    passed(outcomes("litegraph"), case)


def test_the_benchmark_of_edits_sees_each_edit_draw_its_curve(page_server):
    words = ["node", str(EDITS), page_server.url(""), browser(), "litegraph", "2"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert all(0 < edit["script"] < edit["curve"] for edit in found["edits"])
    assert len(found["edits"]) == len(found["answers"]) == 2
