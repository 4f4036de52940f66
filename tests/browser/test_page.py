"""The page in a real browser: the cases of *cases.mjs, with both ways in which ComfyUI draws nodes."""

import re
from pathlib import Path

import pytest
from mask_guidance.sampler import Chain, Settings, alphas_cumprod, largest_sigma, named_betas, sigmas
from mask_guidance.sampler.presets import fixed

HERE = Path(__file__).parent
MODES = ("litegraph", "vue")
CASES = [
    name
    for file in sorted(HERE.glob("*cases.mjs"))
    for name in re.findall(r"^export async function (\w+)", file.read_text("utf-8"), re.MULTILINE)
]


def calls(steps: int, **settings) -> int:
    """On the example model, which the first case has run."""
    table = sigmas(alphas_cumprod(named_betas("cosine", 1000)))
    return Chain.of(Settings(skip_steps=steps, **settings), table, largest_sigma((1, 3, 64, 64))).calls


@pytest.fixture(scope="session")
def given(page_server):
    """What the cases compare with."""
    import workflows

    offered = page_server.get("/api/workflow_templates")

    return {
        "examples": workflows.names(),
        "titles": workflows.titles(),
        "pack": next(pack for pack, titles in offered.items() if workflows.titles()["inpaint"] in titles),
        "model": "tiny.safetensors",
        "fresh": {mode: f"fresh_{mode}.safetensors" for mode in MODES},
        "picture": "half.png",
        **{name: f"{name}.png" for name in ("opaque", "nearly", "large")},
        "paper": fixed("paper"),
        "counts": {
            "balanced": calls(16, resample_r=8),
            "r9": calls(16, resample_r=9),
            "r9steps17": calls(17, resample_r=9),
            "repaint17": calls(17, method="repaint", resample_r=9),
        },
    }


@pytest.mark.timeout(1600)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", [pytest.param(mode, marks=pytest.mark.xdist_group(mode)) for mode in MODES])
def test_page(outcomes, mode, case):
    answers = outcomes(mode)
    assert case in answers, f"the browser stopped before this case: {answers[''][0]}"
    error, skipped = answers[case]
    if skipped:
        pytest.skip(skipped)
    assert error is None, error
