"""The pictures that the example workflows load: put where the host's Load Image looks for them."""

import shutil
from pathlib import Path

import folder_paths

__all__ = ["offer"]

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def offer() -> None:
    """Copy each example picture into the input folder, unless one of that name is there."""
    inputs = Path(folder_paths.get_input_directory())
    for picture in EXAMPLES.glob("mask_guidance_*.png"):
        if not (inputs / picture.name).exists():
            shutil.copyfile(picture, inputs / picture.name)
