"""The UNet of DDPM, written anew with the state-dict keys of its PyTorch version.

Source: Ho et al. 2020, https://arxiv.org/abs/2006.11239, appendix B; module names as in
https://github.com/pesser/pytorch_diffusion (MIT). What later versions changed are flags of `DDPMConfig`.

Layers come from `operations`, and types are chosen, as in guided-diffusion's UNet (adm/unet.py).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint.network import Network, check_size
from ..embedded import Embedded
from ..layers import LayerFactory, Resample, activated, convolved, double, halve, normalize, timestep_embedding
from .config import CONV, RESBLOCK, DDPMConfig

__all__ = ["DDPMUNet"]


class Downsample(nn.Module):
    """A 3x3 convolution of stride 2."""

    def __init__(self, channels: int, padding: int, layers: LayerFactory):
        super().__init__()
        self.padding = padding
        self.conv = layers.conv(channels, channels, 3, stride=2, padding=padding)

    def forward(self, h: Tensor) -> Tensor:
        return self.conv(h if self.padding else F.pad(h, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Nearest-neighbour doubling, then a 3x3 convolution."""

    def __init__(self, channels: int, layers: LayerFactory):
        super().__init__()
        self.conv = layers.conv(channels, channels, 3)

    def forward(self, h: Tensor) -> Tensor:
        return self.conv(double(h))


class Resampled(nn.Module):
    """A change of resolution without weights."""

    def __init__(self, resample: Resample):
        super().__init__()
        self.resample = resample

    def forward(self, h: Tensor) -> Tensor:
        return self.resample(h)


class ResBlock(nn.Module):
    """Residual block conditioned on the timestep (and label) embedding; `resample` doubles or halves inside it."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        config: DDPMConfig,
        layers: LayerFactory,
        resample: Resample | None = None,
    ):
        super().__init__()
        self.resample = resample
        self.use_scale_shift_norm = config.use_scale_shift_norm
        self.norm1 = layers.norm(channels)
        self.conv1 = layers.conv(channels, out_channels, 3)
        self.temb_proj = layers.linear(config.embed_channels, out_channels * (2 if self.use_scale_shift_norm else 1))
        self.norm2 = layers.norm(out_channels)
        self.conv2 = layers.conv(out_channels, out_channels, 3)
        self.nin_shortcut = nn.Identity() if channels == out_channels else layers.conv(channels, out_channels, 1)

    def forward(self, x: Tensor, emb: Embedded) -> Tensor:
        if self.resample is None:
            h = convolved(self.norm1, self.conv1, x)
        else:
            h, x = self.conv1(self.resample(activated(self.norm1, x))), self.resample(x)
        made = emb.through(self.temb_proj, F.silu)
        if self.use_scale_shift_norm:
            scale, shift = made.chunk(2, dim=1)
            h = convolved(self.norm2, self.conv2, h, (scale, shift))
        else:
            h = convolved(self.norm2, self.conv2, h + made.to(h.dtype)[:, :, None, None])
        h += self.nin_shortcut(x)
        return h


class AttentionBlock(nn.Module):
    """Self-attention over all positions of a feature map, with a residual connection; `norm` may be missing."""

    def __init__(self, channels: int, heads: int, norm: nn.Module | None, layers: LayerFactory):
        super().__init__()
        self.heads = heads
        self.norm = norm
        self.q, self.k, self.v, self.proj_out = (layers.conv(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.norm is None else normalize(self.norm, x)
        q, k, v = (self.split(layer(h)) for layer in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(h.transpose(-1, -2).reshape(x.shape))

    def split(self, h: Tensor) -> Tensor:
        """(B, C, H, W) to (B, heads, H W, C / heads)."""
        batch, channels, *_ = h.shape
        return h.reshape(batch, self.heads, channels // self.heads, -1).transpose(-1, -2).contiguous()


class TimeEmbedding(nn.Module):
    """Two layers that make the embedding of a timestep's features."""

    def __init__(self, config: DDPMConfig, layers: LayerFactory):
        super().__init__()
        self.dense = nn.ModuleList(
            layers.linear(features, config.embed_channels) for features in (config.channels, config.embed_channels)
        )

    def forward(self, features: Tensor) -> Tensor:
        first, second = self.dense
        return second(F.silu(first(features)))


class Level(nn.Module):
    """Blocks at one resolution, each perhaps followed by an attention."""

    def __init__(self, blocks: list[ResBlock], attentions: list[AttentionBlock]):
        super().__init__()
        self.block = nn.ModuleList(blocks)
        self.attn = nn.ModuleList(attentions)

    def run(self, number: int, h: Tensor, emb: Embedded) -> Tensor:
        """A block and its attention."""
        h = self.block[number](h, emb)
        return self.attn[number](h) if self.attn else h


class DownLevel(Level):
    """A level on the way down, and what halves the resolution after it; each feature map is put into `skips`."""

    def __init__(self, blocks: list[ResBlock], attentions: list[AttentionBlock], downsample: nn.Module | None):
        super().__init__(blocks, attentions)
        self.downsample = downsample

    def forward(self, h: Tensor, emb: Embedded, skips: list[Tensor]) -> Tensor:
        for number in range(len(self.block)):
            h = self.run(number, h, emb)
            skips.append(h)
        if self.downsample is not None:
            h = resampled(self.downsample, h, emb)
            skips.append(h)
        return h


class UpLevel(Level):
    """A level on the way up, and what doubles the resolution after it; each block takes the last of `skips` with it."""

    def __init__(self, blocks: list[ResBlock], attentions: list[AttentionBlock], upsample: nn.Module | None):
        super().__init__(blocks, attentions)
        self.upsample = upsample

    def forward(self, h: Tensor, emb: Embedded, skips: list[Tensor]) -> Tensor:
        for number in range(len(self.block)):
            h = self.run(number, torch.cat([h, skips.pop()], dim=1), emb)
        return h if self.upsample is None else resampled(self.upsample, h, emb)


def resampled(layer: nn.Module, h: Tensor, emb: Embedded) -> Tensor:
    return layer(h, emb) if isinstance(layer, ResBlock) else layer(h)


class Middle(nn.Module):
    """The coarsest level: two blocks, and an attention between them."""

    def __init__(self, config: DDPMConfig, layers: LayerFactory):
        super().__init__()
        width = config.widths[-1]
        self.block_1 = ResBlock(width, width, config, layers)
        self.attn_1: nn.Module | None = None
        if config.middle_attention:
            norm = layers.norm(width, config.attn_norm_num_groups) if config.middle_norm else None
            self.attn_1 = AttentionBlock(width, config.middle_heads, norm, layers)
        self.block_2 = ResBlock(width, width, config, layers)

    def forward(self, h: Tensor, emb: Embedded) -> Tensor:
        h = self.block_1(h, emb)
        return self.block_2(h if self.attn_1 is None else self.attn_1(h), emb)


class DDPMUNet(Network):
    """DDPM's `Model`; arguments as for every `Network`."""

    config: DDPMConfig

    def __init__(
        self,
        config: DDPMConfig,
        operations: Any = nn,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__(config, operations, device, dtype)
        layers = LayerFactory(operations, device, dtype, config.norm_num_groups, config.norm_eps, self.packs)
        self.temb = TimeEmbedding(config, layers)
        if config.num_classes is not None:
            self.label_emb = layers.embedding(config.num_classes, config.embed_channels)
        self.conv_in = layers.conv(config.in_channels, config.channels, 3)
        self.down = nn.ModuleList(down_level(config, level, layers) for level in range(config.levels))
        self.mid = Middle(config, layers)
        self.up = nn.ModuleList(up_level(config, level, layers) for level in range(config.levels))
        self.norm_out = layers.norm(config.widths[0])
        self.conv_out = layers.conv(config.widths[0], config.out_channels, 3, dtype=torch.float32)

    def embed(self, timesteps: Tensor, y: Tensor | None) -> Tensor:
        """Embedding of the timestep plus, for class-conditional networks, of the label; float32 (B, embed_channels)."""
        config = self.config
        emb = self.temb(
            timestep_embedding(
                timesteps, config.channels, shift=config.freq_shift, sines_first=not config.flip_sin_to_cos
            )
        )
        if (y is None) != (config.num_classes is None):
            needs = "needs a class label" if y is None else "takes no class label"
            raise ValueError(f"This network {needs}; its num_classes is {config.num_classes}.")
        return emb if y is None else emb + self.label_emb(y)

    def forward(
        self, x: Tensor, timesteps: Tensor, y: Tensor | None = None, embedded: Embedded | None = None
    ) -> Tensor:
        check_size(x.shape[-1], x.shape[-2], self.config.size_multiple)
        emb = embedded or Embedded(self.embed(timesteps, y))
        h = self.conv_in(2 * x - 1 if self.config.center_input_sample else x)
        skips = [h]
        for level in self.down:
            h = level(h, emb, skips)
        h = self.mid(h, emb)
        for level in reversed(self.up):
            h = level(h, emb, skips)
        return convolved(self.norm_out, self.conv_out, h.float()).contiguous()


def down_level(config: DDPMConfig, number: int, layers: LayerFactory) -> DownLevel:
    width = config.widths[number]
    above = config.widths[number - 1] if number else config.channels
    blocks = [ResBlock(width if i else above, width, config, layers) for i in range(config.num_res_blocks)]
    is_last = number == config.levels - 1
    downsample = None if is_last else shrinking(config.shrink[number], width, config, layers)
    return DownLevel(blocks, attentions(config, number, config.down_attention, len(blocks), layers), downsample)


def up_level(config: DDPMConfig, number: int, layers: LayerFactory) -> UpLevel:
    """Each block also takes an output of the encoder's level: the last one the output of what came before that level."""
    width = config.widths[number]
    below = config.widths[min(number + 1, config.levels - 1)]
    above = config.widths[number - 1] if number else config.channels
    given = [below, *[width] * config.num_res_blocks]
    skips = [*[width] * config.num_res_blocks, above]
    blocks = [ResBlock(a + b, width, config, layers) for a, b in zip(given, skips, strict=True)]
    upsample = growing(config.grow[number - 1], width, config, layers) if number else None
    return UpLevel(blocks, attentions(config, number, config.up_attention, len(blocks), layers), upsample)


def shrinking(kind: str, width: int, config: DDPMConfig, layers: LayerFactory) -> nn.Module:
    if kind == RESBLOCK:
        return ResBlock(width, width, config, layers, halve)
    return Downsample(width, config.downsample_padding, layers) if kind == CONV else Resampled(halve)


def growing(kind: str, width: int, config: DDPMConfig, layers: LayerFactory) -> nn.Module:
    if kind == RESBLOCK:
        return ResBlock(width, width, config, layers, double)
    return Upsample(width, layers) if kind == CONV else Resampled(double)


def attentions(
    config: DDPMConfig, number: int, attends: tuple[bool, ...], count: int, layers: LayerFactory
) -> list[AttentionBlock]:
    width = config.widths[number]
    made = range(count if attends[number] else 0)
    return [AttentionBlock(width, config.heads(width), layers.norm(width), layers) for _ in made]
