"""The file with the weights in a folder that holds one model, as diffusers and xyfJASON's trainer save it."""

from pathlib import Path

from .error import CheckpointError

__all__ = ["DIFFUSERS", "file_of", "files_in"]

DIFFUSERS = "diffusion_pytorch_model"  # what diffusers calls a model's file, without its suffix
# Without their suffixes, the most wanted first; an EMA beside the network as last trained where the trainer kept both.
EMA = (f"unet_ema/{DIFFUSERS}", "ema_model")
PLAIN = (f"unet/{DIFFUSERS}", DIFFUSERS, "model")
HALF = (f"unet/{DIFFUSERS}.fp16", f"{DIFFUSERS}.fp16")
WANTED = {"ema": (*EMA, *PLAIN, *HALF), "model": (*PLAIN, *HALF, *EMA)}
SUFFIXES = (".safetensors", ".bin", ".pt")


def file_of(path: Path, weights: str) -> Path:
    """A checkpoint's file: the path itself, or the file in a folder.

    Args:
        path: A file or a folder.
        weights: "ema" or "model", where the folder holds both.

    Raises:
        CheckpointError: The folder holds no model, or one in several files.
    """
    if not path.is_dir():
        return path
    files = files_in(path, weights)
    if files:
        return files[0]
    if any(path.glob("*.index.json")) or any(path.glob("unet/*.index.json")):
        raise CheckpointError("This folder holds a model in several files, expected one; save it again in one.")
    raise CheckpointError(
        "This folder holds no model; expected diffusion_pytorch_model.safetensors (or .bin) in it or in its folder unet, "
        "or ema_model.pt."
    )


def files_in(folder: Path, weights: str = "ema") -> list[Path]:
    """Files of a folder that may hold its model, the most wanted first."""
    names = (f"{name}{suffix}" for name in WANTED[weights] for suffix in SUFFIXES)
    return [folder / name for name in names if (folder / name).is_file()]
