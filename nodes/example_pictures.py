"""The pictures that the example workflows load: put where the host's Load Image looks for them."""

import logging
import os
import uuid
from pathlib import Path

import folder_paths

__all__ = ["offer"]

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def offer() -> None:
    """Copy each example picture into the input folder, unless one of that name is there; never raises.

    A read-only or full folder gives a line in the log: no node may be lost for the sake of an example.
    """
    inputs = Path(folder_paths.get_input_directory())
    lacking, why = [], None
    for picture in sorted(EXAMPLES.glob("mask_guidance_*.png")):
        try:
            put(picture.read_bytes(), inputs / picture.name)
        except OSError as error:
            lacking.append(picture.name)
            why = error
    if lacking:
        logging.warning(f"Mask Guidance: {inputs} did not take the example pictures {', '.join(lacking)} ({why})")


def put(content: bytes, place: Path) -> None:
    """A whole file at `place` or none; what stands there stays, but for an earlier copy that was cut short."""
    if os.path.lexists(place) and not is_cut_short(place, content):
        return
    part = place.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def is_cut_short(place: Path, content: bytes) -> bool:
    """Whether a file holds the beginning of the content and nothing else: a copy that a full disk ended."""
    if place.is_symlink() or not place.is_file() or place.stat().st_size >= len(content):
        return False
    return content.startswith(place.read_bytes())
