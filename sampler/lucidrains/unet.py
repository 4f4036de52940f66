"""The UNet of denoising-diffusion-pytorch 2.x, written anew with its state-dict keys.

Source: https://github.com/lucidrains/denoising-diffusion-pytorch (MIT), `Unet`. Layers come from `operations`, and types are
chosen, as in guided-diffusion's UNet (adm/unet.py); the norms are root mean squares over the channels of a pixel.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint.network import Network, check_size
from ..embedded import Embedded
from ..layers import LayerFactory, double, timestep_embedding
from .config import Attention, LucidConfig

__all__ = ["LucidUNet"]


class RMSNorm(nn.Module):
    """Every pixel's channels over their root mean square, times a factor for each; in float32."""

    def __init__(self, channels: int, device: torch.device | str | None):
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1, device=device))

    def forward(self, h: Tensor) -> Tensor:
        scaled = F.normalize(h.float(), dim=1) * self.g.to(h.device, torch.float32) * h.shape[1] ** 0.5
        return scaled.to(h.dtype)


class Block(nn.Module):
    """A convolution, then the norm."""

    def __init__(self, channels: int, out_channels: int, layers: LayerFactory):
        super().__init__()
        self.proj = layers.conv(channels, out_channels, 3)
        self.norm = RMSNorm(out_channels, layers.device)

    def forward(self, h: Tensor, scale: Tensor | float = 0.0, shift: Tensor | float = 0.0) -> Tensor:
        return F.silu(self.norm(self.proj(h)) * (scale + 1) + shift)


class ResBlock(nn.Module):
    """Residual block; the timestep's embedding scales and shifts the first norm."""

    def __init__(self, channels: int, out_channels: int, embed_channels: int, layers: LayerFactory):
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), layers.linear(embed_channels, 2 * out_channels))
        self.block1 = Block(channels, out_channels, layers)
        self.block2 = Block(out_channels, out_channels, layers)
        self.res_conv = nn.Identity() if channels == out_channels else layers.conv(channels, out_channels, 1)

    def forward(self, x: Tensor, emb: Embedded) -> Tensor:
        scale, shift = emb.through(self.mlp).to(x.dtype)[:, :, None, None].chunk(2, dim=1)
        return self.block2(self.block1(x, scale, shift)) + self.res_conv(x)


class AttentionBlock(nn.Module):
    """Attention over all positions and some learned ones, with a residual connection."""

    def __init__(self, channels: int, kind: Attention, layers: LayerFactory):
        super().__init__()
        self.heads = kind.heads
        hidden = kind.heads * kind.head_channels
        self.norm = RMSNorm(channels, layers.device)
        self.to_qkv = layers.conv(channels, 3 * hidden, 1, bias=False)
        self.mem_kv = nn.Parameter(torch.zeros(2, kind.heads, *self.memory(kind), device=layers.device))
        self.to_out = self.output(hidden, channels, layers)

    def memory(self, kind: Attention) -> tuple[int, int]:
        return kind.memory, kind.head_channels

    def output(self, hidden: int, channels: int, layers: LayerFactory) -> nn.Module:
        return layers.conv(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        parts = self.to_qkv(self.norm(x)).reshape(batch, 3, self.heads, -1, height * width)
        q, k, v = parts.unbind(1)
        memory = self.mem_kv.to(x.device, x.dtype).expand(batch, *self.mem_kv.shape)
        h = self.attended(q, k, v, memory[:, 0], memory[:, 1])
        return x + self.to_out(h.reshape(batch, -1, height, width))

    def attended(self, q: Tensor, k: Tensor, v: Tensor, memory_k: Tensor, memory_v: Tensor) -> Tensor:
        """All (B, heads, channels / heads, H W), the memory's (B, heads, M, channels / heads)."""
        k = torch.cat([memory_k, k.transpose(-1, -2)], dim=-2)
        v = torch.cat([memory_v, v.transpose(-1, -2)], dim=-2)
        return F.scaled_dot_product_attention(q.transpose(-1, -2).contiguous(), k, v).transpose(-1, -2)


class LinearAttentionBlock(AttentionBlock):
    """The same with softmax over queries' features and over keys' places, whose cost grows with the number of pixels."""

    def memory(self, kind: Attention) -> tuple[int, int]:
        return kind.head_channels, kind.memory

    def output(self, hidden: int, channels: int, layers: LayerFactory) -> nn.Module:
        return nn.Sequential(layers.conv(hidden, channels, 1), RMSNorm(channels, layers.device))

    def attended(self, q: Tensor, k: Tensor, v: Tensor, memory_k: Tensor, memory_v: Tensor) -> Tensor:
        k = torch.cat([memory_k, k], dim=-1).float().softmax(dim=-1)
        v = torch.cat([memory_v, v], dim=-1).float()
        q = q.float().softmax(dim=-2) * q.shape[-2] ** -0.5
        context = k @ v.transpose(-1, -2)
        return (context.transpose(-1, -2) @ q).to(memory_k.dtype)


class Shrink(nn.Sequential):
    """Blocks of 2 x 2 pixels become channels, then a 1x1 convolution."""

    def __init__(self, channels: int, out_channels: int, layers: LayerFactory):
        super().__init__(nn.PixelUnshuffle(2), layers.conv(4 * channels, out_channels, 1))


class Grow(nn.Sequential):
    """Nearest-neighbour doubling, then a 3x3 convolution."""

    def __init__(self, channels: int, out_channels: int, layers: LayerFactory):
        super().__init__(nn.Identity(), layers.conv(channels, out_channels, 3))

    def forward(self, h: Tensor) -> Tensor:
        return self[1](double(h))


class DownLevel(nn.ModuleList):
    """Two blocks, an attention, and what leads to the next level; feature maps are put into `skips`."""

    def forward(self, h: Tensor, emb: Embedded, skips: list[Tensor]) -> Tensor:
        h = self[0](h, emb)
        skips.append(h)
        h = self[2](self[1](h, emb))
        skips.append(h)
        return self[3](h)


class UpLevel(nn.ModuleList):
    """The same on the way up; each block takes the last of `skips` with it."""

    def forward(self, h: Tensor, emb: Embedded, skips: list[Tensor]) -> Tensor:
        h = self[0](torch.cat([h, skips.pop()], dim=1), emb)
        h = self[1](torch.cat([h, skips.pop()], dim=1), emb)
        return self[3](self[2](h))


class LucidUNet(Network):
    """lucidrains' `Unet`; arguments as for every `Network`."""

    config: LucidConfig

    def __init__(
        self,
        config: LucidConfig,
        operations: Any = nn,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__(config, operations, device, dtype)
        layers, embed = LayerFactory(operations, device, dtype, packs=self.packs), 4 * config.dim
        first, last = config.widths[0], config.widths[-1]
        self.init_conv = layers.conv(config.in_channels, first, 7)
        self.time_mlp = nn.Sequential(
            nn.Identity(), layers.linear(config.dim, embed), nn.GELU(), layers.linear(embed, embed)
        )
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        for level, kind in enumerate(config.attention):
            inner, outer = config.widths[level], config.widths[level + 1]
            blocks = [ResBlock(inner, inner, embed, layers) for _ in range(2)]
            is_last = level == config.levels - 1
            down = layers.conv(inner, outer, 3) if is_last else Shrink(inner, outer, layers)
            self.downs.append(DownLevel([*blocks, attention(inner, kind, layers), down]))
        for level, kind in reversed([*enumerate(config.attention)]):
            inner, outer = config.widths[level], config.widths[level + 1]
            blocks = [ResBlock(outer + inner, outer, embed, layers) for _ in range(2)]
            up = Grow(outer, inner, layers) if level else layers.conv(outer, inner, 3)
            self.ups.append(UpLevel([*blocks, attention(outer, kind, layers), up]))
        self.mid_block1 = ResBlock(last, last, embed, layers)
        self.mid_attn = attention(last, config.middle, layers)
        self.mid_block2 = ResBlock(last, last, embed, layers)
        self.final_res_block = ResBlock(2 * first, first, embed, layers)
        self.final_conv = layers.conv(first, config.out_channels, 1, dtype=torch.float32)

    def embed(self, timesteps: Tensor, y: Tensor | None) -> Tensor:
        """Embedding of the timestep; float32 (B, 4 * dim)."""
        if y is not None:
            raise ValueError("This network takes no class label; its num_classes is None.")
        return self.time_mlp(timestep_embedding(timesteps, self.config.dim, shift=1, sines_first=True))

    def forward(
        self, x: Tensor, timesteps: Tensor, y: Tensor | None = None, embedded: Embedded | None = None
    ) -> Tensor:
        check_size(x.shape[-1], x.shape[-2], self.config.size_multiple)
        emb = embedded or Embedded(self.embed(timesteps, y))
        h = first = self.init_conv(x)
        skips: list[Tensor] = []
        for level in self.downs:
            h = level(h, emb, skips)
        h = self.mid_block2(self.mid_attn(self.mid_block1(h, emb)), emb)
        for level in self.ups:
            h = level(h, emb, skips)
        h = self.final_res_block(torch.cat([h, first], dim=1), emb)
        return self.final_conv(h.float()).contiguous()


def attention(channels: int, kind: Attention, layers: LayerFactory) -> nn.Module:
    return (AttentionBlock if kind.full else LinearAttentionBlock)(channels, kind, layers)
