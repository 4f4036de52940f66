"""What the page is tested with: Node, its packages and a Chromium."""

import os
import shutil
from pathlib import Path

__all__ = ["browser", "missing"]

PACK = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def browser() -> str | None:
    """A Chromium: the one that MASK_GUIDANCE_CHROMIUM names, or the first on the path."""
    named = os.environ.get("MASK_GUIDANCE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def missing() -> str | None:
    """Which of them is not here."""
    if not shutil.which("node"):
        return "needs Node 20 or newer on the path"
    if not (PACK / "node_modules" / "playwright-core").is_dir():
        return "needs the packages of package.json: run `npm install`"
    if not browser():
        return "needs a Chromium: install one, or name it in MASK_GUIDANCE_CHROMIUM"
    return None
