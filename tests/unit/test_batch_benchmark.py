"""The benchmark of the command line compares like with like."""

import json
import sys

import batch
import pytest
from closed_forms import count_model_calls


def test_all_ways_make_the_same_number_of_model_calls_and_paint_all_pictures(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)  # slow to import; the command itself runs it
    numbers = tmp_path / "numbers.json"
    args = batch.read_arguments(
        f"--pictures 3 --size 16 --steps 6 --r 2 --j 2 --micro_batch 2 --rounds 1 --json {numbers}".split()
    )
    report = "\n".join(batch.compare(args))
    rows = json.loads(numbers.read_text())
    batches = 2
    for name in ("ours", "seed's loop"):
        assert rows[name][0]["calls"] == batches * count_model_calls(6, 2, 2)
        assert rows[name][0]["outside"] > 0
        assert f"| {name} |" in report
    assert "Ours over the lower peer" in report


def test_each_round_is_measured_against_the_peer_that_was_lower_in_it():
    rows = {"ours": [6] * 3, "seed's loop": [10, 20, 60], "diffusers": [60, 15, 30], batch.REPAINT: [1] * 3}
    outside = {name: [{"outside": seconds} for seconds in runs] for name, runs in rows.items()}
    assert batch.peers_of(outside) == ["seed's loop", "diffusers"]
    assert batch.over_the_lower(outside, batch.peers_of(outside)) == pytest.approx(6 / 15)
