"""`python -m mask_guidance`, or `python FOLDER` on a plain checkout: many pictures from the command line."""

import sys
import types
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

if not __package__:
    # Started by its path: the folder may have any name, and must not be on the path under its own files' names.
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != FOLDER]
    package = types.ModuleType("mask_guidance")
    package.__path__ = [str(FOLDER)]
    sys.modules["mask_guidance"] = package

from mask_guidance.sampler.batch import main  # noqa: E402 - not before the package has its name

if __name__ == "__main__":
    sys.exit(main())
