"""The benchmark of the command line compares like with like."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

from closed_forms import count_model_calls

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "batch.py"


def test_all_ways_make_the_same_number_of_model_calls_and_paint_all_pictures(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mask_guidance", sys.modules["mask_guidance"])  # put back after it made its own
    monkeypatch.setitem(sys.modules, "diffusers", None)  # slow to import; the command itself runs it
    spec = importlib.util.spec_from_file_location("batch_benchmark", BENCHMARK)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    numbers = tmp_path / "numbers.json"
    args = argparse.Namespace(pictures=3, size=16, steps=6, r=2, j=2, micro_batch=2, rounds=1, threads=1, json=numbers)
    report = "\n".join(benchmark.compare(args))
    rows = json.loads(numbers.read_text())
    batches = 2
    for name in ("ours", "seed's loop"):
        assert rows[name][0]["calls"] == batches * count_model_calls(6, 2, 2)
        assert rows[name][0]["outside"] > 0
        assert f"| {name} |" in report
    assert "Ours over the lower peer" in report
