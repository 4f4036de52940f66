"""Where the versions of ComfyUI differ: each is asked for what it can do, never for its number."""

import inspect

import comfy.model_management
import comfy.sample
import torch
from torch import Tensor

__all__ = ["frames_of_a_cell", "has_float64", "in_models_channels", "result_dtype"]

# Of the video formats of hosts that do not say it, by class; 4 for all others.
FRAMES = {"HunyuanImage21Refiner": 1, "Mochi": 6, "LTXV": 8, "LTXAV": 8, "Cosmos1CV8x8x8": 8}
USUAL_FRAMES = 4
# Of hosts that do not say which devices have float64: what else they can be asked; a yes means none.
WITHOUT_FLOAT64 = ("is_intel_xpu", "is_directml_enabled", "is_ixuca")


def in_models_channels(model, latent: dict) -> Tensor:
    """A LATENT's samples, of the model's channels and size if it is an empty one made for another model."""
    fix = comfy.sample.fix_empty_latent_channels
    ratios = {
        name: latent.get(name) for name in inspect.signature(fix).parameters if name.startswith("downscale_ratio")
    }
    return fix(model, latent["samples"], **ratios)


def frames_of_a_cell(latent_format) -> int:
    """How many frames of a video are one of its latent.

    Args:
        latent_format: The host's, of a video model.
    """
    usual = FRAMES.get(type(latent_format).__name__, USUAL_FRAMES)
    return getattr(latent_format, "temporal_downscale_ratio", usual)


def result_dtype() -> torch.dtype:
    """Of what nodes hand on."""
    ask = getattr(comfy.model_management, "intermediate_dtype", None)
    return ask() if ask else torch.float32


def has_float64(device: torch.device) -> bool:
    management = comfy.model_management
    ask = getattr(management, "supports_fp64", None)
    if ask:
        return ask(device)
    return device.type != "mps" and not any(getattr(management, name)() for name in WITHOUT_FLOAT64)
