"""Read the tensors of a checkpoint file, whatever it is wrapped in, without ever running code from it."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

__all__ = ["Checkpoint", "CheckpointError", "read_checkpoint"]

# Where trainers keep the averaged weights and the plain ones, most specific first.
EMA_NAMES = ("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "params_ema")
MODEL_NAMES = ("model", "state_dict", "model_state_dict", "model_state", "net", "network", "unet", "params")
# Prefixes put before every key, longest first; the first two mark averaged weights inside a flat dictionary.
EMA_PREFIXES = ("ema_model.model.", "ema_model.")
PREFIXES = (*EMA_PREFIXES, "online_model.model.", "model.diffusion_model.", "module.", "model.", "unet.")

MOST_WRAPPERS = 16  # dictionaries and lists within each other; one may even hold itself

StateDict = dict[str, Tensor]


class CheckpointError(ValueError):
    """A file that cannot be used, with one sentence that says why and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights of one network.

    Attributes:
        tensors: State dict with all wrappers and prefixes taken off; memory-mapped where the format allows it.
        metadata: Text from the header of a safetensors file, else empty.
        origin: Where in the file the weights were, e.g. "ema"; empty for a plain state dict.
    """

    tensors: StateDict
    metadata: dict[str, str]
    origin: str


def read_checkpoint(path: str | Path, weights: str = "ema") -> Checkpoint:
    """Open a .safetensors, .pt, .pth or .ckpt file.

    Args:
        path: The file.
        weights: Which of several sets to take: "ema" (averaged, if there are such) or "model" (as last trained).

    Raises:
        CheckpointError: The file is not a checkpoint, is damaged, or holds more than tensors.
    """
    path = Path(path)
    refuse_impostors(path)
    content: object
    metadata: dict[str, str] = {}
    if path.suffix == ".safetensors":
        content, metadata = open_safetensors(path)
    else:
        content = open_torch(path)
    tensors, origin = unwrap(content, weights, path.name)
    return Checkpoint(tensors, metadata, origin)


def refuse_impostors(path: Path) -> None:
    """Files that carry a checkpoint's name and are something else; what people really download."""
    with path.open("rb") as file:
        head = file.read(64).lstrip()
    if not head:
        raise CheckpointError(f"{path.name} is empty; download it again.")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path.name} is a git-lfs pointer, not the weights; run `git lfs pull` or download the file itself."
        )
    if head.startswith(b"<"):
        raise CheckpointError(
            f"{path.name} is a web page, not a checkpoint; the download asked for a confirmation. Download it in a browser."
        )


def open_safetensors(path: Path) -> tuple[StateDict, dict[str, str]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path.name} is damaged or cut short ({error}); download it again.") from error


def open_torch(path: Path) -> object:
    """torch.load that refuses code; maps zip files, reads the older format whole."""
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "unsupported operand" in str(error).lower():  # no pickle at all
            raise CheckpointError(
                f"{path.name} is not a PyTorch checkpoint, or is damaged; download it again."
            ) from error
        raise CheckpointError(
            f"{path.name} holds Python objects besides tensors, which could run code when opened; re-save the "
            "weights alone with torch.save(model.state_dict(), ...), or as .safetensors."
        ) from error
    except Exception as error:  # a damaged file makes the reader stumble over almost anything
        raise CheckpointError(f"{path.name} is damaged or cut short; download it again.") from error


def unwrap(content: object, weights: str, name: str) -> tuple[StateDict, str]:
    """The state dict inside dictionaries, lists and prefixes, and the way to it."""
    trail: list[str] = []
    while not is_state_dict(content):
        if len(trail) == MOST_WRAPPERS:
            raise CheckpointError(
                f"{name} holds dictionaries and lists within each other without end, and no weights; download it again."
            )
        key, content = enter(content, weights, name)
        trail.append(str(key))
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    tensors, prefix = strip_prefixes(tensors, weights)
    return tensors, ".".join([*trail, *([prefix] if prefix else [])])


def is_state_dict(content: object) -> TypeGuard[dict[str, object]]:
    """Parameters by name, perhaps with a few numbers among them; not a dictionary of such dictionaries."""
    if not isinstance(content, dict):
        return False
    tensors = sum(isinstance(value, Tensor) for value in content.values())
    return tensors > 0 and not any(isinstance(value, (dict, list, tuple)) for value in content.values())


def enter(content: object, weights: str, name: str) -> tuple[object, object]:
    """One wrapper off: the member that holds the wanted weights, and its key."""
    if isinstance(content, dict):
        if has_nameless_shadow(content):
            raise CheckpointError(
                f"{name} holds averaged weights without names (an EMA's shadow list), which fit no network by "
                "themselves; choose the file that holds the model, e.g. ema_model.pt."
            )
        first, second = (EMA_NAMES, MODEL_NAMES) if weights == "ema" else (MODEL_NAMES, EMA_NAMES)
        members = [k for k in (*first, *second, "shadow") if isinstance(content.get(k), (dict, list, tuple))]
        named = [key for key in members if not has_nameless_shadow(content[key])]
        if members:
            key = (named or members)[0]
            return key, content[key]
        members = [key for key, value in content.items() if is_state_dict(value)]
        if members:
            return members[0], content[members[0]]
    if isinstance(content, (list, tuple)):  # DDIM's training files: [model, optimizer, epoch, step, ema]
        members = [i for i, value in enumerate(content) if is_state_dict(value)]
        if members:
            place = members[-1 if weights == "ema" else 0]
            return place, content[place]
    raise CheckpointError(
        f"{name} holds no weights of a network; expected a state dict, alone or under 'model' or 'ema'."
    )


def has_nameless_shadow(content: object) -> bool:
    """Whether averaged weights are kept here as a bare list, as some EMA classes do."""
    return isinstance(content, dict) and any(is_nameless(content.get(key)) for key in ("shadow", "shadow_params"))


def is_nameless(content: object) -> bool:
    return isinstance(content, (list, tuple)) and any(isinstance(value, Tensor) for value in content)


def strip_prefixes(tensors: StateDict, weights: str) -> tuple[StateDict, str]:
    """Take off what a wrapper module put before the names; where averaged and plain weights share a dictionary, choose."""
    taken = ""
    has_ema = any(key.startswith(EMA_PREFIXES) for key in tensors)
    if has_ema and any(not key.startswith(EMA_PREFIXES) for key in tensors):
        wanted = {key: value for key, value in tensors.items() if key.startswith(EMA_PREFIXES) == (weights == "ema")}
        tensors = wanted
    while prefix := next((p for p in PREFIXES if sum(key.startswith(p) for key in tensors) > len(tensors) / 2), None):
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        taken += prefix
    return tensors, taken.rstrip(".")
