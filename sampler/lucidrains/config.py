"""The shape of one of lucidrains' networks."""

from dataclasses import dataclass

from ..activations import KERNELS, activations

__all__ = ["Attention", "LucidConfig"]


@dataclass(frozen=True)
class Attention:
    """An attention of a level.

    Attributes:
        full: All positions attend to all; else by lucidrains' linear attention.
        heads: Heads.
        head_channels: Channels of each.
        memory: Keys and values that were learned, beside those of the picture.
    """

    full: bool
    heads: int
    head_channels: int
    memory: int


@dataclass(frozen=True)
class LucidConfig:
    """Architecture of a network of denoising-diffusion-pytorch; all of it shows in keys and shapes.

    Attributes:
        in_channels: Channels of a picture, 1 to 4.
        out_channels: `in_channels`, or twice as many (prediction and variance).
        dim: Features of the timestep; a fourth of its embedding's.
        widths: Channels after the first convolution, and after each level on the way down.
        attention: Of each level, the same on the way up.
        middle: Of the middle.
    """

    in_channels: int
    out_channels: int
    dim: int
    widths: tuple[int, ...]
    attention: tuple[Attention, ...]
    middle: Attention
    num_classes: int | None = None

    @property
    def levels(self) -> int:
        return len(self.attention)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(2 ** (self.levels - 1))

    def activations(self, size: int, norm_size: int = 4) -> float:
        """Bytes in memory at a time for each pixel; see `NetworkConfig`."""
        blocks = activations(self.widths[1:], 2, [False] * self.levels, False, size, norm_size)
        return max(blocks, KERNELS * max(self.attending(level, size) for level in range(self.levels)))

    def attending(self, level: int, size: int) -> float:
        """The same while a level of the decoder attends, without room for kernels."""
        kind, width = self.attention[level], self.widths[level + 1]
        # q, k and v as one and once more; what the linear kind's softmaxes make of them is float32.
        made = 7 * size if kind.full else 5 * size + (12 if size == 4 else 16)
        waiting = self.widths[0] + sum(2 * self.widths[above] / 4**above for above in range(level))
        return size * waiting + (3 * size * width + kind.heads * kind.head_channels * made) / 4**level
