"""The UNet of guided-diffusion and improved-diffusion, written anew with the original's state-dict keys and numbers.

Source: Dhariwal & Nichol 2021, "Diffusion Models Beat GANs on Image Synthesis", https://arxiv.org/abs/2105.05233,
appendix A; module names as in https://github.com/openai/guided-diffusion (MIT).

Every layer with weights comes from `operations` (`torch.nn`, or a host's drop-in such as `comfy.ops.manual_cast`), so
that the host can offload, cast and patch each one. Convolutions of the torso are built in `dtype`; norms, embeddings and
the last convolution stay in float32, as in the original's half-precision mode.
"""

from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint.network import Network, check_size
from ..embedded import Embedded
from ..layers import LayerFactory, Resample, activated, convolved, double, halve, normalize, timestep_embedding
from .config import UNetConfig

__all__ = ["UNet"]


class Upsample(nn.Module):
    """Nearest-neighbour doubling, then a 3x3 convolution if `use_conv`."""

    def __init__(self, channels: int, use_conv: bool, layers: LayerFactory):
        super().__init__()
        self.conv = layers.conv(channels, channels, 3) if use_conv else nn.Identity()

    def forward(self, h: Tensor) -> Tensor:
        return self.conv(double(h))


class Downsample(nn.Module):
    """A 3x3 convolution of stride 2, or mean pooling."""

    def __init__(self, channels: int, use_conv: bool, layers: LayerFactory):
        super().__init__()
        self.op = layers.conv(channels, channels, 3, stride=2) if use_conv else nn.AvgPool2d(2)

    def forward(self, h: Tensor) -> Tensor:
        return self.op(h)


class ResBlock(nn.Module):
    """Residual block conditioned on the timestep (and label) embedding; `resample` doubles or halves inside it."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        config: UNetConfig,
        layers: LayerFactory,
        resample: Resample | None = None,
    ):
        super().__init__()
        self.resample = resample
        self.use_scale_shift_norm = config.use_scale_shift_norm
        emb_features = 2 * out_channels if config.use_scale_shift_norm else out_channels
        self.in_layers = nn.Sequential(
            layers.norm(channels),
            nn.SiLU(),
            layers.conv(channels, out_channels, 3),
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), layers.linear(config.embed_channels, emb_features))
        self.out_layers = nn.Sequential(
            layers.norm(out_channels),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            layers.conv(out_channels, out_channels, 3),
        )
        same_width = channels == out_channels
        self.skip_connection = nn.Identity() if same_width else layers.conv(channels, out_channels, 1)

    def forward(self, x: Tensor, emb: Embedded) -> Tensor:
        norm, _, conv = self.in_layers
        if self.resample is None:
            h = convolved(norm, conv, x)
        else:
            h, x = conv(self.resample(activated(norm, x))), self.resample(x)

        norm, _, dropout, conv = self.out_layers
        made = emb.through(self.emb_layers)
        if self.use_scale_shift_norm:
            scale, shift = made.chunk(2, dim=1)
            h = convolved(norm, conv, h, (scale, shift), dropout)
        else:
            h = convolved(norm, conv, h + made.to(h.dtype)[:, :, None, None], dropout=dropout)
        h += self.skip_connection(x)
        return h


class AttentionBlock(nn.Module):
    """Self-attention over all positions of a feature map, with a residual connection.

    The two published orders of the `qkv` rows differ: legacy splits heads before q, k and v, the new order after. A
    checkpoint read in the wrong order loads and paints noise (guided-diffusion issue 120).
    """

    def __init__(self, channels: int, heads: int, new_order: bool, layers: LayerFactory):
        super().__init__()
        self.heads = heads
        self.new_order = new_order
        self.norm = layers.norm(channels)
        self.qkv = layers.conv1d(channels, 3 * channels)
        self.proj_out = layers.conv1d(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, *_ = x.shape
        h = self.attended(self.qkv(normalize(self.norm, x).reshape(batch, channels, -1)))
        h = self.proj_out(h.transpose(-1, -2).reshape(batch, channels, -1))
        return x + h.reshape(x.shape)

    def attended(self, qkv: Tensor) -> Tensor:
        """(B, 3 * channels, T) to (B, heads, T, channels / heads); with it q, k and v are gone."""
        order = (len(qkv), 3, self.heads) if self.new_order else (len(qkv), self.heads, 3)
        parts = qkv.reshape(*order, -1, qkv.shape[-1]).transpose(-1, -2)
        if qkv.device.type != "cpu":  # whose bits would change; GPUs have fast kernels only for features side by side
            parts = parts.contiguous()
        q, k, v = parts.unbind(1 if self.new_order else 2)
        return F.scaled_dot_product_attention(q, k, v)


class Block(nn.Sequential):
    """Layers in a row; the embedding goes to those that take one."""

    def forward(self, h: Tensor, emb: Embedded) -> Tensor:  # type: ignore[override]
        for layer in self:
            h = layer(h, emb) if isinstance(layer, ResBlock) else layer(h)
        return h


class UNet(Network):
    """guided-diffusion's `UNetModel`; arguments as for every `Network`."""

    config: UNetConfig

    def __init__(
        self,
        config: UNetConfig,
        operations: Any = nn,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__(config, operations, device, dtype)
        layers = LayerFactory(operations, device, dtype, packs=self.packs)
        self.time_embed = nn.Sequential(
            layers.linear(config.model_channels, config.embed_channels),
            nn.SiLU(),
            layers.linear(config.embed_channels, config.embed_channels),
        )
        if config.num_classes is not None:
            self.label_emb = layers.embedding(config.num_classes, config.embed_channels)

        encoder = build_encoder(config, layers)
        self.input_blocks, self.middle_block = encoder.input_blocks, encoder.middle_block
        self.output_blocks = build_decoder(config, layers, encoder.widths)
        width = config.width(0)
        self.out = nn.Sequential(
            layers.norm(width),
            nn.SiLU(),
            layers.conv(width, config.out_channels, 3, dtype=torch.float32),
        )

    def embed(self, timesteps: Tensor, y: Tensor | None) -> Tensor:
        """Embedding of the timestep plus, for class-conditional networks, of the label; float32 (B, 4 * channels)."""
        emb = self.time_embed(timestep_embedding(timesteps, self.config.model_channels))
        if (y is None) != (self.config.num_classes is None):
            needs = "needs a class label" if y is None else "takes no class label"
            raise ValueError(f"This network {needs}; its num_classes is {self.config.num_classes}.")
        return emb if y is None else emb + self.label_emb(y)

    def forward(
        self, x: Tensor, timesteps: Tensor, y: Tensor | None = None, embedded: Embedded | None = None
    ) -> Tensor:
        check_size(x.shape[-1], x.shape[-2], self.config.size_multiple)
        emb = embedded or Embedded(self.embed(timesteps, y))
        h, skips = x, []
        for block in self.input_blocks:
            h = block(h, emb)
            skips.append(h)
        h = self.middle_block(h, emb)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), emb)
        norm, _, conv = self.out
        return convolved(norm, conv, h.float()).contiguous()


def build_encoder(config: UNetConfig, layers: LayerFactory) -> SimpleNamespace:
    """The downward half and the middle: `input_blocks`, `middle_block` and the channel count after each input block."""
    width = config.width(0)
    blocks, widths = [Block(layers.conv(config.in_channels, width, 3))], [width]
    for level in range(config.levels):
        for _ in range(config.num_res_blocks):
            block: list[nn.Module] = [ResBlock(width, config.width(level), config, layers)]
            width = config.width(level)
            if config.attends(level):
                block.append(attention(width, config.heads(width), config, layers))
            blocks.append(Block(*block))
            widths.append(width)
        if level < config.levels - 1:
            blocks.append(Block(shrink(width, config, layers)))
            widths.append(width)
    middle = Block(
        ResBlock(width, width, config, layers),
        attention(width, config.heads(width), config, layers),
        ResBlock(width, width, config, layers),
    )
    return SimpleNamespace(input_blocks=nn.ModuleList(blocks), middle_block=middle, widths=widths)


def build_decoder(config: UNetConfig, layers: LayerFactory, skip_widths: list[int]) -> nn.ModuleList:
    """The upward half; each block also takes the output of its mirror image in the encoder."""
    blocks, skip_widths = [], list(skip_widths)
    width = skip_widths[-1]
    for level in reversed(range(config.levels)):
        for i in range(config.num_res_blocks + 1):
            block: list[nn.Module] = [ResBlock(width + skip_widths.pop(), config.width(level), config, layers)]
            width = config.width(level)
            if config.attends(level):
                block.append(attention(width, config.heads(width, upsampling=True), config, layers))
            if level > 0 and i == config.num_res_blocks:
                block.append(grow(width, config, layers))
            blocks.append(Block(*block))
    return nn.ModuleList(blocks)


def attention(width: int, heads: int, config: UNetConfig, layers: LayerFactory) -> AttentionBlock:
    return AttentionBlock(width, heads, config.use_new_attention_order, layers)


def shrink(width: int, config: UNetConfig, layers: LayerFactory) -> nn.Module:
    if config.resblock_updown:
        return ResBlock(width, width, config, layers, resample=halve)
    return Downsample(width, config.conv_resample, layers)


def grow(width: int, config: UNetConfig, layers: LayerFactory) -> nn.Module:
    if config.resblock_updown:
        return ResBlock(width, width, config, layers, resample=double)
    return Upsample(width, config.conv_resample, layers)
