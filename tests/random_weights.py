"""Weights for networks that nobody has trained."""

import torch
from torch import Tensor

__all__ = ["drawn"]


def drawn(
    name: str, shape: torch.Size, generator: torch.Generator, near_one: str | tuple[str, ...] = "weight"
) -> Tensor:
    """Of a width that keeps what goes through near 1, norms near one, small biases; where the generator is.

    Args:
        name: Of the parameter.
        near_one: How the names of norms' factors end.
    """
    values = torch.randn(shape, generator=generator, device=generator.device)
    if values.ndim > 1:
        return values / values[0].numel() ** 0.5
    return 0.1 * values + name.endswith(near_one)
