"""The schedules that the page must reproduce: tests/golden/schedule.json is what Python says today."""

import importlib.util
import json
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def test_the_pages_golden_file_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_schedule", GOLDEN / "make_schedule.py")
    make_schedule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_schedule)
    stored = json.loads(make_schedule.FILE.read_text("utf-8"))
    assert stored == json.loads(make_schedule.text()), "run python tests/golden/make_schedule.py"
