"""What the registry gets: git's files without those of .comfyignore, as comfy-cli puts them into its zip."""

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["PACK", "copy_published", "published"]

PACK = Path(__file__).resolve().parents[1]


def published() -> list[str]:
    """Paths from the pack's folder on."""
    if shutil.which("git") is None or not (PACK / ".git").exists():
        pytest.skip("git says what is published, and this is no checkout")
    return sorted(listed() - listed("--ignored", "--exclude-from=.comfyignore"))


def listed(*words: str) -> set[str]:
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", *words]
    told = subprocess.run(command, cwd=PACK, capture_output=True, text=True, encoding="utf-8", check=True)
    return set(filter(None, told.stdout.split("\0")))


def copy_published(folder: Path) -> None:
    """A folder as it is after an installation from the registry."""
    for name in published():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACK / name, folder / name)
