"""A server and a browser for the page's tests; skipped, with the reason, where there is no Node or no Chromium.

MASK_GUIDANCE_PAGE=1.58.1 (or =newest) tests with that version of comfyui-frontend-package in place of the host's own page; it
is fetched once, to .run/pages/. MASK_GUIDANCE_SCREENSHOTS=1 leaves pictures in .run/screenshots/ of more than what fails.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from chromium import browser, missing
from mask_guidance.sampler import Chain, Settings, alphas_cumprod, largest_sigma, named_betas, sigmas
from mask_guidance.sampler.presets import fixed
from page import MODES
from PIL import Image

PACK = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
HOST = os.environ.get("COMFYUI_PATH")
SECONDS = 1500  # for all cases of a mode; a third is usual
PAGE = "comfyui-frontend-package"
PICTURES = {
    "half": (16, 8),
    "opaque": (16, 0),
    "nearly": (16, 15),
    "large": (512, 64),
}  # side, and columns that are masked

sys.path.insert(0, str(PACK / "tests" / "host"))


def pytest_collection_modifyitems(items):
    reason = missing() if HOST else "needs a ComfyUI: run `python run.py test`, or set COMFYUI_PATH"
    for item in items:
        if reason and HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


def page_flags(folder: Path) -> list[str]:
    """The host's words for the page that MASK_GUIDANCE_PAGE asks for; none for its own.

    Args:
        folder: Where pages are kept.
    """
    version = os.environ.get("MASK_GUIDANCE_PAGE")
    if not version:
        return []
    place = folder / version
    if not place.is_dir():
        wanted = PAGE if version == "newest" else f"{PAGE}=={version}"
        part = f"{place}.{os.getpid()}"  # the two modes may be two processes
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", part, wanted]
        subprocess.run(words, check=True)
        if not place.is_dir():
            Path(part).rename(place)
    return ["--front-end-root", str(place / "comfyui_frontend_package" / "static")]


@pytest.fixture(scope="session")
def page_server(tmp_path_factory):
    from checkpoints import save_tiny
    from comfy_client import Comfy

    kept = PACK / ".run" if (PACK / ".run").is_dir() else tmp_path_factory.mktemp("run")
    flags = ["--preview-method", "none", *page_flags(kept / "pages")]  # none, as is usual: the page draws each anew
    server = Comfy(Path(HOST), tmp_path_factory.mktemp("page"), *flags)
    save_tiny(server.models / "imagenet.safetensors", num_classes=1000)
    save_tiny(server.models / "must_be_told.safetensors", any_class=False)
    for name in ("tiny", *(f"fresh_{mode}" for mode in MODES)):
        save_tiny(server.models / f"{name}.safetensors")
    for name, (side, masked) in PICTURES.items():
        pixels = np.random.default_rng(0).integers(0, 256, (side, side, 4), dtype=np.uint8)
        pixels[..., 3] = 255
        pixels[:, side - masked :, 3] = 0
        Image.fromarray(pixels).save(server.folder / "input" / f"{name}.png")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory) -> Path:
    """Where a case that fails leaves a picture of how it ended: in .run, where there is one."""
    run = PACK / ".run"
    folder = run / "screenshots" if run.is_dir() else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(exist_ok=True)
    return folder


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


def told(words: list[str], given: str) -> dict[str, tuple[str | None, str | None]]:
    """By case: what was wrong, and why it was skipped. Under "" what stopped the browser, if anything did."""
    try:
        ran = subprocess.run(words, cwd=PACK, input=given, capture_output=True, text=True, timeout=SECONDS)
        said, why = ran.stdout, ran.stderr[-3000:]
    except subprocess.TimeoutExpired as late:
        said, why = (late.stdout or b"").decode(), f"{SECONDS} s were not enough"
    cases = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return {case["name"]: (case["error"], case["skipped"]) for case in cases} | {"": (why, None)}


@pytest.fixture(scope="session")
def outcomes(page_server, screenshots, given):
    """By mode, what `told` says. A mode's cases all run in one browser, at the first question."""
    known: dict[str, dict[str, tuple[str | None, str | None]]] = {}

    def ask(mode: str) -> dict[str, tuple[str | None, str | None]]:
        if mode not in known:
            words = ["node", str(HERE / "run.mjs"), page_server.url(""), browser(), mode, str(screenshots)]
            known[mode] = told(words, json.dumps(given))
        return known[mode]

    return ask
