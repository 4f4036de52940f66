"""How much memory a UNet needs while it runs, whatever its family."""

from collections.abc import Sequence

__all__ = ["KERNELS", "activations"]

KERNELS = 1.1  # room for what kernels take for themselves


def activations(widths: Sequence[int], blocks: int, attends: Sequence[bool], grows_in_block: bool, size: int) -> float:
    """Bytes in memory at a time for each pixel, with attention by a fused kernel.

    The most is needed in the decoder, where each block joins what comes from below and an output of the encoder, while
    the other outputs wait. Norms make float32 copies of what is of a shorter type.

    Args:
        widths: Channels of each level, finest first.
        blocks: Residual blocks a level in the encoder; the decoder has one more.
        attends: Whether a level of the decoder attends.
        grows_in_block: Whether a level is doubled within a residual block.
        size: Bytes of a number in the torso.
    """
    normed = max(3 * size, size + 8)  # what is normed, in float32 too, and the result

    def decoding(level: int) -> float:
        width = widths[level]
        finer = sum((blocks + 1) * widths[above] / 4**above for above in range(level))

        def block(below: int, waiting: int) -> float:
            joined = below + width
            convolved = size * joined + max(normed, 4 * size) * width
            attended = size * (joined + 8 * width) if attends[level] else 0
            return size * (waiting * width + below) + max(normed * joined, convolved, attended)

        first = block(widths[min(level + 1, len(widths) - 1)], blocks)
        second = block(width, blocks - 1)
        grown = 4 * size * width + 4 * (size + normed) * width if level and grows_in_block else 0
        return size * finer + max(first, second, grown) / 4**level

    return KERNELS * max(decoding(level) for level in range(len(widths)))
