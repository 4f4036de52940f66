"""The page in a real browser: the cases of cases.mjs, with both ways in which ComfyUI draws nodes."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from mask_guidance.sampler import PRESETS, Resampling

HERE = Path(__file__).parent
CASES = re.findall(r"^export async function (\w+)", (HERE / "cases.mjs").read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="session")
def given(page_server):
    """What the cases compare with."""
    import workflows

    offered = page_server.get("/api/workflow_templates")

    return {
        "examples": workflows.names(),
        "pack": next(pack for pack, names in offered.items() if "compare_resampling" in names),
        "model": "tiny.safetensors",
        "picture": "half.png",
        "paper": asdict(PRESETS["paper"]),
        "counts": {
            "balanced": Resampling("feedback", 8).count(16),
            "r9": Resampling("feedback", 9).count(16),
            "r9steps17": Resampling("feedback", 9).count(17),
            "repaint17": Resampling("repaint", 9, 10).count(17),
        },
    }


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", ["litegraph", "vue"])
def test_page(outcomes, mode, case):
    answers = outcomes(mode)
    assert case in answers, f"the browser stopped before this case: {answers['']}"
    assert answers[case] is None, answers[case]
