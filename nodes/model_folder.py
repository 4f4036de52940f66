"""Where guided-diffusion checkpoints are found: models/guided_diffusion, the example model that comes with the pack, and
what was saved in output/guided_diffusion.

A folder that diffusers saved is one model in the list, by the folder's name.
"""

import logging
from pathlib import Path, PurePath

import folder_paths

__all__ = ["FOLDER", "has", "names", "path_of", "register"]

FOLDER = "guided_diffusion"
WEIGHTS = "diffusion_pytorch_model"  # a file of diffusers, whatever its suffix
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
    return list(dict.fromkeys(folder_of(file) or file for file in folder_paths.get_filename_list(FOLDER)))


def has(name: str) -> bool:
    """Whether there is such a file or folder; a file in a listed folder too, though the folder stands in the list for it."""
    return name in folder_paths.get_filename_list(FOLDER) or name in names()


def path_of(name: str) -> Path:
    files = folder_paths.get_filename_list(FOLDER)
    file = next((each for each in files if folder_of(each) == name), name)
    path = Path(folder_paths.get_full_path_or_raise(FOLDER, file))
    return path if file == name else path.parents[len(PurePath(file).parts) - len(PurePath(name).parts) - 1]


def folder_of(file: str) -> str | None:
    """The folder that stands for a file in the list; None for files that stand there themselves."""
    path = PurePath(file)
    folder = path.parent.parent if path.parent.name in PARTS else path.parent
    return str(folder) if path.name.split(".")[0] == WEIGHTS and folder.name else None
