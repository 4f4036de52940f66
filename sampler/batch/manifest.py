"""run.json: what a run is, and which number and which result each of its pictures has."""

import json
import os
from pathlib import Path
from typing import Any

from .files import PROGRAM, is_file
from .settings import SettingsError

__all__ = ["FORMAT", "MANIFEST", "is_ours", "read_json", "read_manifest"]

MANIFEST = "run.json"
FORMAT = 1


def read_json(path: Path) -> Any:
    """A file's content; None where it is none of JSON, or not there."""
    try:
        return json.loads(path.read_text("utf-8")) if is_file(path) else None
    except (OSError, ValueError, RecursionError):
        return None


def is_ours(content: object) -> bool:
    return isinstance(content, dict) and content.get("program") == PROGRAM


def read_manifest(folder: Path, resume: bool = True) -> dict[str, Any] | None:
    """The manifest of the run in a folder; None where there is none.

    Args:
        folder: The run's.
        resume: The run is to go on, so the manifest must be whole; else it only has to be ours.

    Raises:
        SettingsError: It is not ours, or not one that this version can go on with.
    """
    path = folder / MANIFEST
    content = read_json(path)
    if content is None and not os.path.lexists(path):
        return None
    if not is_ours(content):
        raise SettingsError(f"{path} is no manifest of a run; choose another --save_dir.")
    if not resume:
        return content
    if content.get("format") != FORMAT:
        raise SettingsError(f"{path} is of another version of this program; choose another --save_dir.")
    if fault := fault_of(content):
        raise SettingsError(
            f"{path} is damaged ({fault}): choose another --save_dir, or start anew with --resume false."
        )
    return content


def fault_of(manifest: dict[str, Any]) -> str:
    """What is wrong with a manifest, empty if nothing is. Its numbers decide noise, its names are files to write."""
    weights, pictures = manifest.get("weights"), manifest.get("pictures")
    if not isinstance(manifest.get("settings"), dict):
        return "settings is no mapping"
    if not isinstance(weights, dict) or not all(isinstance(weights.get(name), str) for name in ("name", "sha256")):
        return "weights has no name or no sha256"
    if not isinstance(pictures, list) or not all(isinstance(entry, dict) for entry in pictures):
        return "pictures is no list of mappings"
    for entry in pictures:
        name, number, result = (entry.get(key) for key in ("name", "number", "result"))
        if not isinstance(name, str) or not name:
            return "a picture has no name"
        if type(number) is not int or number < 0:
            return f"the number of {name} is {number!r}"
        if not isinstance(result, str) or not is_plain(result):
            return f"the result of {name} is {result!r}, which is no file's name"
    for key in ("name", "number"):
        if len({entry[key] for entry in pictures}) < len(pictures):
            return f"two pictures have the same {key}"
    return ""


def is_plain(name: str) -> bool:
    """Whether name.png is a file in the folder itself, nowhere else."""
    return bool(name) and "\0" not in name and Path(f"{name}.png").name == f"{name}.png"
