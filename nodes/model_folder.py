"""Where guided-diffusion checkpoints are found: models/guided_diffusion, and the example model that comes with the pack."""

from pathlib import Path

import folder_paths

__all__ = ["FOLDER", "names", "path_of", "register"]

FOLDER = "guided_diffusion"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "models"


def register() -> None:
    """Add both folders to the host's table; paths that extra_model_paths.yaml gave stay."""
    for folder in (Path(folder_paths.models_dir) / FOLDER, EXAMPLES):
        folder_paths.add_model_folder_path(FOLDER, str(folder))
    # The host registers a new key for files of any kind; only checkpoints belong in the list.
    paths, _ = folder_paths.folder_names_and_paths[FOLDER]
    folder_paths.folder_names_and_paths[FOLDER] = (paths, {".pt", ".pth", ".ckpt", ".safetensors"})


def names() -> list[str]:
    return folder_paths.get_filename_list(FOLDER)


def path_of(name: str) -> Path:
    return Path(folder_paths.get_full_path_or_raise(FOLDER, name))
