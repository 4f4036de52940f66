"""Read the tensors of a checkpoint file, whatever it is wrapped in, without ever running code from it."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .error import CheckpointError
from .torch_file import DAMAGED, MOST_BYTES, open_torch
from .wrappers import StateDict, unwrap

__all__ = ["Checkpoint", "read_checkpoint"]

# A checkpoint's numbers may take as many bytes as its file, where two names share a tensor twice as many.
MOST_SHARED = 2


@dataclass(frozen=True)
class Checkpoint:
    """Weights of one network.

    Attributes:
        tensors: State dict with all wrappers and prefixes taken off; memory-mapped where the format allows it.
        metadata: Text from the header of a safetensors file, else empty.
        origin: Where in the file the weights were, e.g. "ema"; empty for a plain state dict.
        beside: Tables of the noise schedule that a trainer saved around the network.
    """

    tensors: StateDict
    metadata: dict[str, str]
    origin: str
    beside: StateDict = field(default_factory=dict)


def read_checkpoint(path: str | Path, weights: str = "ema") -> Checkpoint:
    """Open a .safetensors, .pt, .pth or .ckpt file.

    Args:
        path: The file.
        weights: Which of several sets to take: "ema" (averaged, if there are such) or "model" (as last trained).

    Raises:
        CheckpointError: The file is not a checkpoint, is damaged, or holds more than tensors.
    """
    path = Path(path)
    try:
        refuse_impostors(path)
        content, metadata = open_safetensors(path) if path.suffix.lower() == ".safetensors" else (open_torch(path), {})
        size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"This file cannot be read: {error.strerror or error}.") from error
    tensors, beside, origin = unwrap(content, weights)
    refuse_strange({**beside, **tensors}, size)
    return Checkpoint(tensors, metadata, origin, beside)


def refuse_impostors(path: Path) -> None:
    """Files that carry a checkpoint's name and are something else; what people really download."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise CheckpointError("This is a pipe or a device, not a file; choose a checkpoint.")
    with path.open("rb") as file:
        head = file.read(64).lstrip()
    if not head:
        raise CheckpointError("This file is empty; download it again.")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            "This file is a git-lfs pointer, not the weights; run `git lfs pull` or download the file itself."
        )
    if head.startswith(b"<"):
        raise CheckpointError(
            "This file is a web page, not a checkpoint; the download asked for a confirmation. Download it in a browser."
        )


def open_safetensors(path: Path) -> tuple[StateDict, dict[str, str]]:
    with path.open("rb") as file:
        if int.from_bytes(file.read(8), "little") > min(MOST_BYTES, path.stat().st_size):
            raise CheckpointError(DAMAGED)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise CheckpointError(f"This file is damaged or cut short ({error}); download it again.") from error


def refuse_strange(tensors: Mapping[str, Tensor], size: int) -> None:
    """Everything that is a tensor, but no plain array of numbers that the file holds; nothing is read for it.

    Args:
        tensors: The weights.
        size: Of the file, in bytes.

    Raises:
        CheckpointError: There is such a tensor.
    """
    needed = 0
    for key, value in tensors.items():
        if value.layout != torch.strided or value.is_nested or value.is_quantized or value.device.type != "cpu":
            raise CheckpointError(
                f"Tensor {key} is sparse, nested, quantized or without numbers; expected plain ones: save the weights with "
                "torch.save(model.state_dict(), ...)."
            )
        needed += value.numel() * value.element_size()
        if needed > MOST_SHARED * size or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise CheckpointError(
                f"Up to {key}, this file asks for more numbers than it holds; it is damaged or made to harm: download it again."
            )
