"""What the networks of all families are made of: layers from anywhere, norms in float32, features of a timestep."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["NORM_GROUPS", "LayerFactory", "Resample", "double", "halve", "normalize", "timestep_embedding"]

NORM_GROUPS = 32

Resample = Callable[[Tensor], Tensor]


def timestep_embedding(
    timesteps: Tensor, dim: int, max_period: float = 10000.0, shift: int = 0, sines_first: bool = False
) -> Tensor:
    """Sinusoidal features of a timestep, frequencies falling from 1 to about 1/max_period.

    Args:
        timesteps: Training steps, fractions allowed; (B,).
        dim: Number of features; an odd one gets a zero at the end.
        max_period: Longest period, in steps; with shift 1 the last feature has just this one.
        shift: 0 (guided-diffusion) or 1 (DDPM).
        sines_first: Sines, then cosines (DDPM); else the other way round (guided-diffusion).

    Returns:
        Float32 features; (B, dim).
    """
    half = dim // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / (half - shift)
    angles = timesteps.float()[:, None] * torch.exp(-math.log(max_period) * exponents)
    waves = [angles.sin(), angles.cos()] if sines_first else [angles.cos(), angles.sin()]
    return F.pad(torch.cat(waves, dim=1), (0, dim % 2))


class LayerFactory:
    """Builds the layers of one network: which classes, which device, which dtype, which norms."""

    def __init__(
        self,
        operations: Any,
        device: torch.device | str | None,
        dtype: torch.dtype,
        norm_groups: int = NORM_GROUPS,
        norm_eps: float = 1e-5,
    ):
        self.operations = operations
        self.device = device
        self.dtype = dtype
        self.norm_groups = norm_groups
        self.norm_eps = norm_eps

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        stride: int = 1,
        dtype: torch.dtype | None = None,
        padding: int | None = None,
        bias: bool = True,
    ) -> nn.Module:
        return self.operations.Conv2d(
            in_channels,
            out_channels,
            size,
            stride=stride,
            padding=size // 2 if padding is None else padding,
            bias=bias,
            device=self.device,
            dtype=dtype or self.dtype,
        )

    def conv1d(self, in_channels: int, out_channels: int) -> nn.Module:
        return self.operations.Conv1d(in_channels, out_channels, 1, device=self.device, dtype=self.dtype)

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        return self.operations.Linear(in_features, out_features, device=self.device, dtype=torch.float32)

    def embedding(self, count: int, features: int) -> nn.Module:
        return self.operations.Embedding(count, features, device=self.device, dtype=torch.float32)

    def norm(self, channels: int, groups: int | None = None) -> nn.Module:
        return self.operations.GroupNorm(
            groups or self.norm_groups, channels, eps=self.norm_eps, device=self.device, dtype=torch.float32
        )


def normalize(norm: nn.Module, h: Tensor) -> Tensor:
    """GroupNorm in float32 whatever the torso's dtype: half-precision sums over a whole group overflow."""
    if h.numel() == norm.num_groups:  # torch refuses groups of one value, though only of a picture alone
        return norm(h.float().repeat(2, *[1] * (h.ndim - 1)))[:1].to(h.dtype)
    return norm(h.float()).to(h.dtype)


def double(h: Tensor) -> Tensor:
    return F.interpolate(h, scale_factor=2, mode="nearest")


def halve(h: Tensor) -> Tensor:
    return F.avg_pool2d(h, 2)
