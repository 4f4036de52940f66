"""The host's compute device, for the core's mask operations."""

from collections.abc import Callable

import comfy.model_management
import torch
from torch import Tensor

from ..sampler.mask import in_chunks
from .host import has_float64

__all__ = ["compute_device", "on_device"]

CPU = torch.device("cpu")
BYTES_A_PIXEL = 200  # at a step's peak: edits took 190, feather and fill 125


def compute_device(pixels: int) -> torch.device:
    """The host's, with room made for a step on so many pixels; the CPU in place of one without float64."""
    device = comfy.model_management.get_torch_device()
    if comfy.model_management.is_device_cpu(device) or not has_float64(device):
        return CPU
    comfy.model_management.free_memory(BYTES_A_PIXEL * pixels, device)
    return device


def on_device(step: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """A step of the core on the host's compute device, some pictures at a time."""
    back = tensors[0].device

    def one(*parts: Tensor) -> Tensor:
        comfy.model_management.throw_exception_if_processing_interrupted()
        device = compute_device(len(parts[0]) * parts[0].shape[-2] * parts[0].shape[-1])
        return step(*(part.to(device) for part in parts)).to(back)

    return in_chunks(one, *tensors)
