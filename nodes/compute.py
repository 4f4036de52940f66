"""The host's compute device, for the core's mask operations."""

from collections.abc import Callable

import comfy.model_management
import torch
from torch import Tensor

from ..sampler.mask import in_chunks

__all__ = ["compute_device", "on_device"]


def compute_device(back: torch.device) -> torch.device:
    """The host's; where the tensors are already, in place of Apple's, which has no float64."""
    device = comfy.model_management.get_torch_device()
    return back if comfy.model_management.is_device_mps(device) else device


def on_device(step: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """A step of the core on the host's compute device, some pictures at a time."""
    back = tensors[0].device
    device = compute_device(back)

    def one(*parts: Tensor) -> Tensor:
        comfy.model_management.throw_exception_if_processing_interrupted()
        return step(*(part.to(device) for part in parts)).to(back)

    return in_chunks(one, *tensors)
