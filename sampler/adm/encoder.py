"""The downward half of the UNet as a classifier of noisy pictures: what guides a class-conditional chain.

Source: Dhariwal & Nichol 2021, https://arxiv.org/abs/2105.05233, section 4 and appendix H; module names as in
https://github.com/openai/guided-diffusion (MIT), `EncoderUNetModel` with `pool="attention"`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..embedded import Embedded
from ..layers import LayerFactory, timestep_embedding
from .config import UNetConfig
from .unet import build_encoder

__all__ = ["EncoderUNet"]


class AttentionPool(nn.Module):
    """One vector from a feature map: the mean attends to all positions. Always in the new order, heads after q, k, v."""

    def __init__(self, side: int, channels: int, heads: int, out_channels: int, layers: LayerFactory):
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(
            torch.randn(channels, side**2 + 1, device=layers.device) / channels**0.5
        )
        self.qkv_proj = layers.conv1d(channels, 3 * channels)
        self.c_proj = layers.conv1d(channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        tokens = torch.cat([flat.mean(dim=2, keepdim=True), flat], dim=2) + self.positional_embedding.to(x)
        batch, channels, length = tokens.shape
        qkv = self.qkv_proj(tokens).reshape(batch, 3, self.heads, -1, length)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        pooled = F.scaled_dot_product_attention(q[:, :, :1], k, v)
        return self.c_proj(pooled.reshape(batch, channels, 1))[:, :, 0]


class EncoderUNet(nn.Module):
    """guided-diffusion's `EncoderUNetModel`.

    Args:
        config: The architecture; `out_channels` is the number of classes, `num_classes` is not used.
        image_size: Side of the pictures in pixels; unlike the UNet's, it is fixed by the weights.
        operations: Namespace with Conv1d, Conv2d, Linear and GroupNorm.
        device: Where the parameters are made.
        dtype: Of the torso's convolutions; everything else is float32.
    """

    def __init__(
        self,
        config: UNetConfig,
        image_size: int,
        operations: Any = nn,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.config = config
        self.image_size = image_size
        self.dtype = dtype
        layers = LayerFactory(operations, device, dtype)
        self.time_embed = nn.Sequential(
            layers.linear(config.model_channels, config.embed_channels),
            nn.SiLU(),
            layers.linear(config.embed_channels, config.embed_channels),
        )
        encoder = build_encoder(config, layers)
        self.input_blocks, self.middle_block = encoder.input_blocks, encoder.middle_block
        width, side = encoder.widths[-1], image_size // config.size_multiple
        single = LayerFactory(operations, device, torch.float32)
        pool = AttentionPool(side, width, config.heads(width), config.out_channels, single)
        self.out = nn.Sequential(layers.norm(width), nn.SiLU(), pool)

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        """Score the classes of noisy pictures.

        Args:
            x: Noisy pictures, in the torso's compute dtype; (B, in_channels, image_size, image_size).
            timesteps: Training steps, fractions allowed; (B,).

        Returns:
            Logits, float32 (B, out_channels).
        """
        emb = Embedded(self.time_embed(timestep_embedding(timesteps, self.config.model_channels)))
        h = x
        for block in self.input_blocks:
            h = block(h, emb)
        h = self.middle_block(h, emb).float()
        return self.out(h)
