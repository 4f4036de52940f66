"""Where guided-diffusion checkpoints are found: models/guided_diffusion, the example model that comes with the pack, and
what was saved in output/guided_diffusion.

A folder that diffusers saved is one model in the list, by the folder's name.
"""

import logging
import re
from pathlib import Path, PurePath

import folder_paths

from ..sampler.checkpoint.folder import DIFFUSERS

__all__ = ["FOLDER", "files", "has", "names", "path_of", "register"]

FOLDER = "guided_diffusion"
WEIGHTS = re.compile(DIFFUSERS + r"(-\d+-of-\d+)?\.")  # begins a file of diffusers, or a part of one
PARTS = ("unet", "unet_ema")  # where it is in a folder of a pipeline
EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "models"


def register() -> None:
    """Add the folders to the host's table; paths that extra_model_paths.yaml gave stay."""
    own = Path(folder_paths.models_dir) / FOLDER
    make(own)
    saved = Path(folder_paths.get_output_directory()) / FOLDER  # as the host looks for models that its nodes saved
    for folder in (own, EXAMPLES, saved):
        folder_paths.add_model_folder_path(FOLDER, str(folder))
    # The host registers a new key for files of any kind; only checkpoints belong in the list.
    paths, _ = folder_paths.folder_names_and_paths[FOLDER]
    folder_paths.folder_names_and_paths[FOLDER] = (paths, {".pt", ".pth", ".ckpt", ".safetensors", ".bin"})


def make(folder: Path) -> None:
    """So that whoever looks for the place of a checkpoint finds it; where it cannot be, a line in the log says so."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logging.warning("Mask Guidance: %s could not be made (%s); the example model is not affected.", folder, error)


def names() -> list[str]:
    """Files and folders to choose from."""
    return list(dict.fromkeys(folder_of(file) or file for file in listed()))


def files() -> list[str]:
    """The files among them."""
    return [file for file in listed() if not folder_of(file)]


def has(name: str) -> bool:
    """Whether there is such a file or folder; a file in a listed folder too, though the folder stands in the list for it."""
    return name in listed() or name in names()


def path_of(name: str) -> Path:
    file = next((each for each in listed() if folder_of(each) == name), name)
    path = Path(folder_paths.get_full_path_or_raise(FOLDER, file))
    return path if file == name else path.parents[len(PurePath(file).parts) - len(PurePath(name).parts) - 1]


def listed() -> list[str]:
    """All files with weights. A .bin file is one under diffusers' name only: beside it trainers leave others of theirs."""
    try:
        found = folder_paths.get_filename_list(FOLDER)
    except FileNotFoundError:  # a folder that the host remembers is gone
        found, *_ = folder_paths.get_filename_list_(FOLDER)
    return [file for file in found if not file.lower().endswith(".bin") or WEIGHTS.match(PurePath(file).name)]


def folder_of(file: str) -> str | None:
    """The folder that stands for a file in the list; None for files that stand there themselves."""
    path = PurePath(file)
    folder = path.parent.parent if path.parent.name in PARTS else path.parent
    return str(folder) if WEIGHTS.match(path.name) and folder.name else None
