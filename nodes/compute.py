"""The host's compute device, for the core's mask operations."""

from collections.abc import Callable

import comfy.model_management
from torch import Tensor

from ..sampler.mask import in_chunks

__all__ = ["on_device"]


def on_device(step: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """A step of the core on the host's compute device, some pictures at a time; Apple's, without float64, is left alone."""
    device, back = comfy.model_management.get_torch_device(), tensors[0].device
    if comfy.model_management.is_device_mps(device):
        device = back

    def one(*parts: Tensor) -> Tensor:
        comfy.model_management.throw_exception_if_processing_interrupted()
        return step(*(part.to(device) for part in parts)).to(back)

    return in_chunks(one, *tensors)
