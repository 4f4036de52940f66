"""The state dict inside what trainers put around it: dictionaries, lists, prefixes; averaged weights beside plain ones."""

from typing import TypeGuard

from torch import Tensor

from ..sentence import in_one_line
from .error import CheckpointError

__all__ = ["StateDict", "unwrap"]

# Where trainers keep the averaged weights and the plain ones, most specific first.
EMA_NAMES = ("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "params_ema")
MODEL_NAMES = ("model", "state_dict", "model_state_dict", "model_state", "net", "network", "unet", "params")
# Prefixes put before every key, longest first; the first marks averaged weights inside a flat dictionary.
EMA_PREFIX = "ema_model."
PREFIXES = (EMA_PREFIX, "online_model.", "model.diffusion_model.", "module.", "model.", "unet.")
# What lucidrains' GaussianDiffusion, a wrapper too, knows of how the network inside it was trained.
BESIDE = ("alphas_cumprod", "loss_weight")

MOST_WRAPPERS = 16  # dictionaries and lists within each other, one may even hold itself; prefixes after each other

StateDict = dict[str, Tensor]


def unwrap(content: object, weights: str) -> tuple[StateDict, StateDict, str]:
    """The state dict inside dictionaries, lists and prefixes, the tables beside it, and the way to it.

    Raises:
        CheckpointError: There is none.
    """
    trail: list[str] = []
    while not is_state_dict(content):
        if len(trail) == MOST_WRAPPERS:
            raise CheckpointError(
                "This file holds dictionaries and lists within each other without end, and no weights; download it again."
            )
        key, content = enter(content, weights)
        trail.append(in_one_line(str(key)))
    tensors = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, Tensor)}
    tensors, beside, prefix = strip_prefixes(tensors, weights)
    return tensors, beside, ".".join([*trail, *([prefix] if prefix else [])])


def is_state_dict(content: object) -> TypeGuard[dict[str, object]]:
    """Parameters by name, perhaps with a few numbers among them; not a dictionary of such dictionaries."""
    if not isinstance(content, dict):
        return False
    parameters = any(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    return parameters and not any(isinstance(value, (dict, list, tuple)) for value in content.values())


def enter(content: object, weights: str) -> tuple[object, object]:
    """One wrapper off: the member that holds the wanted weights, and its key."""
    if isinstance(content, dict):
        if has_nameless_shadow(content):
            raise CheckpointError(
                "This file holds averaged weights without names (an EMA's shadow list), which fit no network by "
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
        "This file holds no weights of a network; expected a state dict, alone or under 'model' or 'ema'."
    )


def has_nameless_shadow(content: object) -> bool:
    """Whether averaged weights are kept here as a bare list, as some EMA classes do."""
    return isinstance(content, dict) and any(is_nameless(content.get(key)) for key in ("shadow", "shadow_params"))


def is_nameless(content: object) -> bool:
    return isinstance(content, (list, tuple)) and any(isinstance(value, Tensor) for value in content)


def strip_prefixes(tensors: StateDict, weights: str) -> tuple[StateDict, StateDict, str]:
    """Take off what a wrapper module put before the names; where averaged and plain weights share a dictionary, choose."""
    taken, beside = "", StateDict()
    has_ema = any(key.startswith(EMA_PREFIX) for key in tensors)
    if has_ema and any(not key.startswith(EMA_PREFIX) for key in tensors):
        wanted = {key: value for key, value in tensors.items() if key.startswith(EMA_PREFIX) == (weights == "ema")}
        tensors = wanted
    for _ in range(MOST_WRAPPERS):
        prefix = next((p for p in PREFIXES if sum(key.startswith(p) for key in tensors) > len(tensors) / 2), None)
        if prefix is None:
            break
        beside |= {key: tensors[key] for key in BESIDE if key in tensors}
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        taken += prefix
    return tensors, beside, taken.rstrip(".")
