"""xyfJASON's two UNets as formulas over a state dict: what his repository computes, written from its description.

A weight is drawn when a formula first asks for it, so that the first pass makes the state dict, under his names.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from random_weights import drawn
from torch import Tensor

__all__ = ["Formulas"]


@dataclass
class Formulas:
    """His UNet, or with `classes` his UNetCategorialAdaGN.

    Attributes:
        dim, mults, attends, blocks: Width, its multiples by level, which levels attend, residual blocks a level.
        heads: Of the levels' attentions; the middle has one.
        classes: Labels, or None.
        resblock_updown: Resolutions change within blocks.
        weights: By his names.
    """

    dim: int
    mults: Sequence[int]
    attends: Sequence[bool]
    blocks: int
    heads: int = 1
    classes: int | None = None
    resblock_updown: bool = False
    channels: int = 3
    weights: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self):
        self.draw = torch.Generator().manual_seed(0)
        no_label = None if self.classes is None else torch.zeros(1, dtype=torch.long)
        side = 2 ** len(self.mults)
        self(torch.zeros(1, self.channels, side, side), torch.zeros(1), no_label)

    def w(self, name: str, *shape: int) -> Tensor:
        if name not in self.weights:
            self.weights[name] = drawn(name, torch.Size(shape), self.draw)
        return self.weights[name]

    def conv(self, name: str, x: Tensor, width: int, size: int = 3, stride: int = 1) -> Tensor:
        weight = self.w(f"{name}.weight", width, x.shape[1], size, size)
        return F.conv2d(x, weight, self.w(f"{name}.bias", width), stride, size // 2)

    def linear(self, name: str, x: Tensor, width: int) -> Tensor:
        return F.linear(x, self.w(f"{name}.weight", width, x.shape[1]), self.w(f"{name}.bias", width))

    def norm(self, name: str, x: Tensor) -> Tensor:
        return F.group_norm(x, 32, self.w(f"{name}.weight", x.shape[1]), self.w(f"{name}.bias", x.shape[1]), 1e-5)

    def block(self, name: str, x: Tensor, emb: Tensor, width: int, resample=lambda h: h) -> Tensor:
        h = self.conv(f"{name}.blk1.2", resample(F.silu(self.norm(f"{name}.blk1.0", x))), width)
        if self.classes is None:
            h = h + self.linear(f"{name}.proj.1", F.silu(emb), width)[:, :, None, None]
            h = self.conv(f"{name}.blk2.3", F.silu(self.norm(f"{name}.blk2.0", h)), width)
        else:
            scale, shift = self.linear(f"{name}.adagn.proj.1", F.silu(emb), 2 * width)[:, :, None, None].chunk(2, 1)
            h = self.norm(f"{name}.adagn.gn", h) * (1 + scale) + shift
            h = self.conv(f"{name}.blk2.2", F.silu(h), width)
        x = resample(x)
        return h + (x if x.shape[1] == width else self.conv(f"{name}.shortcut", x, width, 1))

    def attention(self, name: str, x: Tensor, heads: int) -> Tensor:
        batch, width, *size = x.shape
        h = self.norm(f"{name}.norm", x)
        q, k, v = (
            self.conv(f"{name}.{part}", h, width, 1).reshape(batch, heads, -1, math.prod(size)) for part in "qkv"
        )
        weights = ((q / (width // heads) ** 0.5).transpose(-1, -2) @ k).softmax(-1)
        h = (v @ weights.transpose(-1, -2)).reshape(x.shape)
        return x + self.conv(f"{name}.proj", h, width, 1)

    def __call__(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        angles = t[:, None] * torch.exp(torch.arange(self.dim // 2) * -math.log(10000) / (self.dim // 2 - 1))
        emb = self.linear("time_embed.1", torch.cat([angles.sin(), angles.cos()], dim=1), 4 * self.dim)
        emb = self.linear("time_embed.3", F.silu(emb), 4 * self.dim)
        if y is not None:
            emb = emb + self.w("class_embed.weight", self.classes, 4 * self.dim)[y]
        h = self.conv("first_conv", x, self.dim)
        skips, last = [h], len(self.mults) - 1
        for level, mult in enumerate(self.mults):
            place = 0
            for _ in range(self.blocks):
                h = self.block(f"down_blocks.{level}.{place}", h, emb, self.dim * mult)
                place += 1
                if self.attends[level]:
                    h = self.attention(f"down_blocks.{level}.{place}", h, self.heads)
                    place += 1
                skips.append(h)
            if level < last:
                name = f"down_blocks.{level}.{place}"
                halved = self.resblock_updown
                h = (
                    self.block(name, h, emb, h.shape[1], lambda h: F.avg_pool2d(h, 2))
                    if halved
                    else self.conv(name, h, h.shape[1], stride=2)
                )
                skips.append(h)
        h = self.block("bottleneck_block.0", h, emb, h.shape[1])
        h = self.attention("bottleneck_block.1", h, 1)
        h = self.block("bottleneck_block.2", h, emb, h.shape[1])
        for stage, mult in enumerate(reversed(self.mults)):
            place = 0
            for _ in range(self.blocks + 1):
                h = self.block(f"up_blocks.{stage}.{place}", torch.cat([h, skips.pop()], 1), emb, self.dim * mult)
                place += 1
                if self.attends[last - stage]:
                    h = self.attention(f"up_blocks.{stage}.{place}", h, self.heads)
                    place += 1
            if stage < last:
                name = f"up_blocks.{stage}.{place}"
                h = (
                    self.block(name, h, emb, h.shape[1], doubled)
                    if self.resblock_updown
                    else self.conv(f"{name}.1", doubled(h), h.shape[1])
                )
        return self.conv("last_conv.2", F.silu(self.norm("last_conv.0", h)), self.channels)


def doubled(h: Tensor) -> Tensor:
    return F.interpolate(h, scale_factor=2, mode="nearest")
