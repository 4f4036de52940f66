"""The ends of what the nodes' schemas allow cost a bounded time and a bounded memory, or are refused with a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = 6  # of each node; all of them by the script alone

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs fork, and limits of a process's memory"
)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_node_keeps_its_ceilings_at_the_ends_of_its_ranges(host, tmp_path):
    script = Path(__file__).with_name("extremes.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "EXTREMES_FOLDER": str(tmp_path)}
    told = subprocess.run([sys.executable, script, str(CALLS)], env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr[-3000:]
    calls = [json.loads(line) for line in told.stdout.splitlines() if line.startswith("{")]
    assert [call for call in calls if call["said"].startswith("raw")] == []
    assert sum(call["said"] == "done" for call in calls) > len(calls) / 2
    assert len({call["node"] for call in calls}) >= 12
