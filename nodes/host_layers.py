"""The host's layers, which tell when they compute with other weights than their own."""

from functools import cache
from typing import Any

import comfy.model_management
from torch import nn

__all__ = ["host_layers"]


@cache
def host_layers(operations: type) -> type[Any]:
    """A namespace of the host's layer classes, for a network of ours."""
    return type("Layers", (operations,), {"resident": staticmethod(resident)})


def resident(layer: nn.Module) -> bool:
    """Whether a layer computes with its own weights: the host neither casts them nor patches them on the way.

    Raises:
        InterruptProcessingException: Somebody cancelled the run. Layers ask at every call.
    """
    comfy.model_management.throw_exception_if_processing_interrupted()
    return not (layer.comfy_cast_weights or layer.weight_function or layer.bias_function)
