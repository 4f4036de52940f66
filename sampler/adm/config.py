"""The shape of a guided-diffusion network."""

from dataclasses import dataclass

from ..activations import KERNELS, activations

__all__ = ["UNetConfig"]


@dataclass(frozen=True)
class UNetConfig:
    """Architecture of a guided-diffusion UNet, in the original's flag names.

    Attributes:
        in_channels: Channels of a picture, 1 to 4 (6 in the published upsamplers).
        out_channels: `in_channels` (noise), or twice as many (noise and variance).
        model_channels: Base width; the widths of the levels are multiples of it.
        channel_mult: Width of each level over `model_channels`, finest first; fractions allowed.
        num_res_blocks: Residual blocks a level.
        attention_ds: Downsampling factors (1, 2, 4 ...) whose levels attend. The original's constructor calls them
            `attention_resolutions`; its command line means image_size / ds by that name.
        num_classes: Labels of a class-conditional network, or None.
        num_heads: Attention heads where `num_head_channels` is -1.
        num_head_channels: Channels a head, or -1.
        num_heads_upsample: Heads of the upward half, -1 for `num_heads`.
    """

    in_channels: int = 3
    out_channels: int = 6
    model_channels: int = 256
    channel_mult: tuple[float, ...] = (1, 1, 2, 2, 4, 4)
    num_res_blocks: int = 2
    attention_ds: tuple[int, ...] = (8, 16, 32)
    num_classes: int | None = None
    num_heads: int = 4
    num_head_channels: int = -1
    num_heads_upsample: int = -1
    use_scale_shift_norm: bool = True
    resblock_updown: bool = False
    use_new_attention_order: bool = False
    conv_resample: bool = True
    dropout: float = 0.0

    @property
    def levels(self) -> int:
        return len(self.channel_mult)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (self.levels - 1))

    @property
    def embed_channels(self) -> int:
        return 4 * self.model_channels

    @property
    def learn_sigma(self) -> bool:
        return self.out_channels == 2 * self.in_channels

    def activations(self, size: int, norm_size: int = 4) -> float:
        """Bytes in memory at a time for each pixel; see `NetworkConfig`."""
        levels = range(self.levels)
        widths, attends = [self.width(level) for level in levels], [self.attends(level) for level in levels]
        return activations(widths, self.num_res_blocks, attends, self.resblock_updown, size, norm_size)

    def gradient(self, size: int) -> float:
        """Bytes in memory for each pixel while a gradient goes through the encoder, which keeps what each layer was given.

        `size` is of a number in the torso; norms keep float32 copies of what is of a shorter type.
        """
        block = 7 * size + 2 * (4 - size)  # two norms, two convolutions, and what lies between
        attention = 4 * size + block
        kept = 2 * block * self.width(self.levels - 1) / 4 ** (self.levels - 1)
        for level in range(self.levels):
            each = block + (attention if self.attends(level) else 0)
            halved = 4 * size if level < self.levels - 1 else attention  # and the middle's attention
            kept += (self.num_res_blocks * each + halved) * self.width(level) / 4**level
        return KERNELS * kept

    def width(self, level: int) -> int:
        return int(self.channel_mult[level] * self.model_channels)

    def attends(self, level: int) -> bool:
        return 2**level in self.attention_ds

    @property
    def attention_widths(self) -> set[int]:
        """Channels of every attention; the middle block always has one."""
        levels = [level for level in range(self.levels) if self.attends(level)]
        return {self.width(level) for level in [*levels, self.levels - 1]}

    def heads(self, width: int, upsampling: bool = False) -> int:
        if self.num_head_channels != -1:
            return width // self.num_head_channels
        return self.num_heads_upsample if upsampling and self.num_heads_upsample != -1 else self.num_heads
