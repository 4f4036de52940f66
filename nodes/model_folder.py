"""Where guided-diffusion checkpoints are found: models/guided_diffusion, the example model that comes with the pack, and
what was saved in output/guided_diffusion."""

import logging
from pathlib import Path

import folder_paths

__all__ = ["FOLDER", "names", "path_of", "register"]

FOLDER = "guided_diffusion"
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
    folder_paths.folder_names_and_paths[FOLDER] = (paths, {".pt", ".pth", ".ckpt", ".safetensors"})


def make(folder: Path) -> None:
    """So that whoever looks for the place of a checkpoint finds it; where it cannot be, a line in the log says so."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logging.warning("Mask Guidance: %s could not be made (%s); the example model is not affected.", folder, error)


def names() -> list[str]:
    return folder_paths.get_filename_list(FOLDER)


def path_of(name: str) -> Path:
    return Path(folder_paths.get_full_path_or_raise(FOLDER, name))
