"""What the networks of all families are made of: layers from anywhere, norms in float32, features of a timestep."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fast import FastConv, Modulation, Packs, conv_class

__all__ = [
    "NORM_GROUPS",
    "LayerFactory",
    "Resample",
    "activated",
    "convolved",
    "double",
    "halve",
    "normalize",
    "timestep_embedding",
]

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
    """Builds the layers of one network: which classes, which device, which dtype, which norms.

    `operations` may have a function `resident`: whether a layer's own weights are those that it computes with, and not
    others that a host puts in their place. Only then does the layer know a faster way.
    """

    def __init__(
        self,
        operations: Any,
        device: torch.device | str | None,
        dtype: torch.dtype,
        norm_groups: int = NORM_GROUPS,
        norm_eps: float = 1e-5,
        packs: Packs | None = None,
    ):
        self.packs = Packs() if packs is None else packs
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
        return self.fast(self.operations.Conv2d)(
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
        return self.fast(self.operations.Conv1d)(in_channels, out_channels, 1, device=self.device, dtype=self.dtype)

    def fast(self, layer: Any) -> Callable[..., nn.Module]:
        """What makes a layer that knows a faster way; a function that is no class makes its own."""
        if not isinstance(layer, type):
            return layer
        return partial(conv_class(layer), packs=self.packs, resident=getattr(self.operations, "resident", always))

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        return self.operations.Linear(in_features, out_features, device=self.device, dtype=torch.float32)

    def embedding(self, count: int, features: int) -> nn.Module:
        layer = Embedding if self.operations.Embedding is nn.Embedding else self.operations.Embedding
        return layer(count, features, device=self.device, dtype=torch.float32)

    def norm(self, channels: int, groups: int | None = None) -> nn.Module:
        return self.operations.GroupNorm(
            groups or self.norm_groups, channels, eps=self.norm_eps, device=self.device, dtype=torch.float32
        )


class Embedding(nn.Embedding):
    """torch's, which on the meta device draws its first weights by way of torch's compiler: a second to import, for nothing."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


def normalize(norm: nn.Module, h: Tensor) -> Tensor:
    """GroupNorm in float32 whatever the torso's dtype: half-precision sums over a whole group overflow."""
    if h.numel() == norm.num_groups:  # torch refuses groups of one value, though only of a picture alone
        return norm(h.float().repeat(2, *[1] * (h.ndim - 1)))[:1].to(h.dtype)
    return norm(h.float()).to(h.dtype)


def always(layer: nn.Module) -> bool:
    return True


def activated(norm: nn.Module, h: Tensor) -> Tensor:
    """silu(norm(h))"""
    return silu(normalize(norm, h))


def convolved(
    norm: Any,
    conv: nn.Module,
    h: Tensor,
    modulation: Modulation | None = None,
    dropout: nn.Module | None = None,
) -> Tensor:
    """conv(dropout(silu(norm(h) * (1 + scale) + shift))), the step that residual blocks are made of; scale and shift (B, C)."""
    if isinstance(conv, FastConv) and conv.is_fast(h, norm):
        return conv.activated(h, norm, modulation)
    h = normalize(norm, h)
    if modulation is not None:
        scale, shift = (part.to(h.dtype)[:, :, None, None] for part in modulation)
        h = h * (1 + scale) + shift if torch.is_grad_enabled() else h.mul_(1 + scale).add_(shift)
    h = silu(h)
    return conv(h if dropout is None else dropout(h))


def silu(h: Tensor) -> Tensor:
    """In place where no gradient asks for what was there; only for what nobody else holds."""
    return F.silu(h, inplace=not torch.is_grad_enabled())


def double(h: Tensor) -> Tensor:
    return F.interpolate(h, scale_factor=2, mode="nearest")


def halve(h: Tensor) -> Tensor:
    return F.avg_pool2d(h, 2)
