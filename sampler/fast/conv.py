"""Convolutions that know a faster way on a processor."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import packed, winograd
from .moments import Modulation, affine, modulated
from .packs import Packs, runs_plainly

__all__ = ["FEWEST_CHANNELS", "FastConv", "conv_class"]

FEWEST_PATCHES = 16
FEWEST_CHANNELS, MORE_FOR_FEW = 80, 1536  # of many patches, and so many more divided by their number
# Transformed filters are four times as large: where few patches share them, reading them takes longer than they save.
FILTERS_FOR_A_PATCH = 24 * 1024
TYPES = (torch.float32, torch.bfloat16)

if TYPE_CHECKING:
    AnyConv = nn.Conv2d
else:
    AnyConv = nn.Module  # the class that it is put over brings the rest


class FastConv(AnyConv):
    """Any Conv2d or Conv1d class, faster in float32 and bfloat16 on a processor: Winograd's way, or weights in oneDNN's order.

    Results are channels last.
    """

    def __init__(self, *args: Any, packs: Packs, resident: Callable[[nn.Module], bool], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.packs = packs
        self.resident = resident

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_fast(x):
            return super().forward(x)
        if x.ndim == 3:  # a Conv1d: over pictures of width 1
            return self.convolved(x[..., None])[..., 0]
        return self.convolved(x)

    def convolved(self, h: Tensor) -> Tensor:
        h = h.contiguous(memory_format=torch.channels_last)
        return self.by_picture(h, [None] * len(h)) if self.by_winograd(h) else self.packed(h)

    def activated(self, h: Tensor, norm: nn.GroupNorm, modulation: Modulation | None) -> Tensor:
        """Convolve silu(norm(h) * (1 + scale) + shift), without keeping it where that is faster; only if `is_fast`.

        Args:
            h: (B, in, H, W).
            norm: Over h's channels.
            modulation: Scale and shift; (B, in) each.
        """
        h = h.contiguous(memory_format=torch.channels_last)
        if not self.by_winograd(h):
            return self.packed(F.silu(group_norm(h, norm, modulation), inplace=True))
        each = [None] * len(h) if modulation is None else zip(*modulation, strict=True)
        changes = [scaled_silu(*affine(picture, norm, m)) for picture, m in zip(h.split(1), each, strict=True)]
        return self.by_picture(h, changes)

    def is_fast(self, h: Tensor, norm: nn.GroupNorm | None = None) -> bool:
        """Whether this input goes the fast way, and through this norm."""
        if torch.compiler.is_compiling() or self.training or not self.packs.allowed:
            return False
        if h.dtype not in TYPES or h.dtype != self.weight.dtype:
            return False
        layers: list[Any] = [self] if norm is None else [self, norm]
        if not all(map(self.resident, layers)) or runs_plainly(h, *(layer.weight for layer in layers)):
            return False
        if norm is not None and h[0].numel() == norm.num_groups:  # torch norms no single number; the plain way does
            return False
        return self.by_winograd(h) or packed.works(h.dtype)

    def by_winograd(self, h: Tensor) -> bool:
        """Whether this input is worth Winograd's way, which only float32 has enough digits for."""
        patches = -(-h.shape[-2] // winograd.TILE) * -(-h.shape[-1] // winograd.TILE)
        channels = self.in_channels, self.out_channels
        return (
            h.dtype == torch.float32
            and (self.kernel_size, self.stride, self.padding, self.groups) == ((3, 3), (1, 1), (1, 1), 1)
            and patches >= FEWEST_PATCHES
            and min(channels) >= FEWEST_CHANNELS + MORE_FOR_FEW / patches
            and channels[0] * channels[1] <= FILTERS_FOR_A_PATCH * patches
        )

    def packed(self, h: Tensor) -> Tensor:
        size = h.shape[-2], h.shape[-1]
        return packed.convolved(h, self.packs.of(self, size, lambda: packed.reordered(self, size)), self)

    def by_picture(self, h: Tensor, before: Sequence[Callable[[Tensor], object] | None]) -> Tensor:
        """By Winograd's way; `before` as there, for each picture."""
        pictures = h.permute(0, 2, 3, 1)
        result = pictures.new_empty(*pictures.shape[:3], self.out_channels)
        product = self.product(*winograd.patches_of_band(*pictures.shape[1:3]))
        for picture, into, change in zip(pictures, result, before, strict=True):
            winograd.convolve(picture, product, self.bias, into, change)
        return result.permute(0, 3, 1, 2)

    def product(self, lines: int, across: int) -> Callable[[Tensor], Tensor]:
        """Multiplies so many patches by the transformed filters."""
        if packed.beats_matmul():
            form, count = ("winograd", lines * across), lines * across
            weight = self.packs.of(self, form, lambda: packed.reordered_products(self.transformed(), count))
            return lambda patches: packed.products(patches, weight, self.out_channels)
        filters = self.packs.of(self, "winograd", self.transformed)
        return lambda patches: torch.bmm(patches.transpose(0, 1), filters).transpose(0, 1)

    def transformed(self) -> Tensor:
        return winograd.transformed(self.weight)


def group_norm(h: Tensor, norm: nn.GroupNorm, modulation: Modulation | None) -> Tensor:
    """Norm, scale and shift in one; each picture has its own scale and shift."""
    if modulation is None or len(h) == 1:
        alone = None if modulation is None else (modulation[0][0], modulation[1][0])
        return F.group_norm(h, norm.num_groups, *modulated(norm.weight, norm.bias, alone), norm.eps)
    # In bfloat16 these round once more than a picture alone, which goes above.
    scale, shift = (each.to(h.dtype)[:, :, None, None] for each in modulated(norm.weight, norm.bias, modulation))
    normed = F.group_norm(h, norm.num_groups, eps=norm.eps)
    return torch.addcmul(shift, normed, scale, out=normed)


def scaled_silu(scale: Tensor, shift: Tensor) -> Callable[[Tensor], Tensor]:
    """In place, on rows of a picture."""
    return lambda rows: F.silu(rows.mul_(scale).add_(shift), inplace=True)


@cache
def conv_class(base: type[nn.Module]) -> type[FastConv]:
    """The fast form of a Conv2d or Conv1d class; it adds no weights, so that names in files stay."""
    return type(base.__name__, (FastConv, base), {})
