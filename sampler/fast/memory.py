"""How much memory the fast form takes on a processor."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .conv import FEWEST_CHANNELS, FastConv
from .winograd import BAND, PLACES

__all__ = ["expected_bytes", "working_bytes"]

PACKED = {torch.float32: 2.0, torch.bfloat16: 1.0}  # bytes for one of weights, about; measured on published networks


def expected_bytes(net: Any) -> float:
    """About how much the packs of a network, a `Network`, will take when it runs, 0 if some are there."""
    if net.packs.made:
        return 0.0
    return sum(PACKED.get(layer.weight.dtype, 0.0) * layer.weight.nbytes for layer in fast_layers(net))


def working_bytes(net: nn.Module, config: Any, pixels: int, dtype: torch.dtype) -> float:
    """How much a call takes beside weights and packs.

    Args:
        net: The network.
        config: Its architecture, a `NetworkConfig`.
        pixels: Of all pictures of the call.
        dtype: In which the torso computes.
    """
    width = next((layer.out_channels for layer in fast_layers(net)), 0)
    if dtype == torch.float32 and width >= FEWEST_CHANNELS:  # by Winograd's way, norms on the way to it
        bands = BAND * PLACES * 5 * width * dtype.itemsize  # twice the finest level's two inputs, once its output
        return float(pixels * config.activations(dtype.itemsize, 0) + bands)
    norms = dtype.itemsize if dtype == torch.bfloat16 else 4
    return float(pixels * config.activations(dtype.itemsize, norms))


def fast_layers(net: nn.Module) -> Iterator[FastConv]:
    """In the order of the network; one by one, for the host asks before each call, and the first is often enough."""
    return (layer for layer in net.modules() if isinstance(layer, FastConv))
