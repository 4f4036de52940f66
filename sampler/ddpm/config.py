"""The shape of a DDPM network."""

from dataclasses import dataclass

from ..activations import activations

__all__ = ["CONV", "PLAIN", "RESBLOCK", "DDPMConfig"]

# How a level halves or doubles the resolution: by a convolution, in a residual block, or without any weights.
CONV, RESBLOCK, PLAIN = "conv", "resblock", "plain"


@dataclass(frozen=True)
class DDPMConfig:
    """Architecture of a DDPM UNet. The first flags show in keys and shapes; the others, named as in diffusers, do not.

    Attributes:
        in_channels: Channels of a picture, 1 to 4.
        out_channels: `in_channels`, or twice as many (prediction and variance).
        channels: Of the first convolution.
        embed_channels: Features of the timestep's embedding.
        widths: Channels of each level, finest first.
        num_res_blocks: Residual blocks a level.
        down_attention: Whether each level attends on the way down.
        up_attention: The same on the way up.
        middle_attention: Whether the middle attends.
        middle_norm: Whether the middle's attention has a norm.
        shrink: How each level but the last halves the resolution: CONV, RESBLOCK or PLAIN.
        grow: How each level but the first doubles it, in the order of the levels.
        num_classes: Labels of a class-conditional network, or None.
        use_scale_shift_norm: The embedding scales and shifts the second norm; else it is added before it.
        norm_num_groups: Of every norm.
        norm_eps: What every norm adds to the variance.
        attn_norm_num_groups: Of the middle attention's norm; 0 for `norm_num_groups`.
        downsample_padding: 1 pads on all sides, 0 only to the right and at the bottom, as TensorFlow does.
        flip_sin_to_cos: Cosines come before sines in the timestep's features.
        freq_shift: See `timestep_embedding`, where it is `shift`.
        num_heads: Of every attention, where `num_head_channels` is -1.
        num_head_channels: Channels a head, or -1.
        num_heads_middle: Heads of the middle's attention; -1 for as many as elsewhere.
        center_input_sample: The network is given 2 x - 1 for x.
    """

    in_channels: int = 3
    out_channels: int = 3
    channels: int = 128
    embed_channels: int = 512
    widths: tuple[int, ...] = (128, 128, 256, 256, 512, 512)
    num_res_blocks: int = 2
    down_attention: tuple[bool, ...] = (False, False, False, False, True, False)
    up_attention: tuple[bool, ...] = (False, False, False, False, True, False)
    middle_attention: bool = True
    middle_norm: bool = True
    shrink: tuple[str, ...] = (CONV,) * 5
    grow: tuple[str, ...] = (CONV,) * 5
    num_classes: int | None = None
    use_scale_shift_norm: bool = False
    norm_num_groups: int = 32
    norm_eps: float = 1e-6
    attn_norm_num_groups: int = 0
    downsample_padding: int = 0
    flip_sin_to_cos: bool = False
    freq_shift: int = 1
    num_heads: int = 1
    num_head_channels: int = -1
    num_heads_middle: int = -1
    center_input_sample: bool = False

    @property
    def levels(self) -> int:
        return len(self.widths)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (self.levels - 1))

    @property
    def normed_widths(self) -> set[int]:
        """Channels of every norm but the middle attention's; the decoder's blocks join two feature maps."""
        skips = [self.channels, *self.widths]  # of each level's last block in the decoder, before the level itself
        joined = {2 * width for width in self.widths} if self.num_res_blocks > 1 else set()
        below = [*self.widths[1:], self.widths[-1]]
        firsts = {width + under for width, under in zip(self.widths, below, strict=True)}
        lasts = {width + skips[level] for level, width in enumerate(self.widths)}
        return {self.channels, *self.widths} | joined | firsts | lasts

    @property
    def attention_widths(self) -> set[int]:
        """Channels of every attention that `num_heads` and `num_head_channels` split."""
        attends = zip(self.widths, self.down_attention, self.up_attention, strict=True)
        widths = {width for width, down, up in attends if down or up}
        split_middle = self.middle_attention and self.num_heads_middle == -1
        return widths | ({self.widths[-1]} if split_middle else set())

    def heads(self, width: int) -> int:
        return self.num_heads if self.num_head_channels == -1 else width // self.num_head_channels

    @property
    def middle_heads(self) -> int:
        return self.heads(self.widths[-1]) if self.num_heads_middle == -1 else self.num_heads_middle

    def activations(self, size: int, norm_size: int = 4) -> float:
        """Bytes in memory at a time for each pixel; see `NetworkConfig`."""
        return activations(self.widths, self.num_res_blocks, self.up_attention, RESBLOCK in self.grow, size, norm_size)
