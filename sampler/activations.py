"""How much memory a UNet needs while it runs, whatever its family."""

from collections.abc import Sequence

__all__ = ["KERNELS", "activations"]

KERNELS = 1.1  # room for what kernels take for themselves


def activations(
    widths: Sequence[int],
    blocks: int,
    attends: Sequence[bool],
    grows_in_block: bool,
    size: int,
    norm_size: int = 4,
) -> float:
    """Bytes in memory at a time for each pixel, with attention by a fused kernel.

    The most is needed in the decoder, where each block joins what comes from below and an output of the encoder, while
    the other outputs wait. Norms make copies of what is of a shorter type than theirs.

    Args:
        widths: Channels of each level, finest first.
        blocks: Residual blocks a level in the encoder; the decoder has one more.
        attends: Whether a level of the decoder attends.
        grows_in_block: Whether a level is doubled within a residual block.
        size: Bytes of a number in the torso.
        norm_size: Bytes of a number in its norms; 0: their results are not kept.
    """
    normed = 2 * size if size == norm_size else size + 2 * norm_size  # what is normed, perhaps a copy, and the result
    kept = int(norm_size > 0)

    def decoding(level: int) -> float:
        width = widths[level]
        finer = sum((blocks + 1) * widths[above] / 4**above for above in range(level))

        def block(below: int, waiting: int) -> float:
            joined = below + width
            first = max(normed * joined, size * ((1 + kept) * joined + width))
            second = size * joined + max(normed, (2 + kept) * size) * width
            attended = size * (joined + 8 * width) if attends[level] else 0
            return size * (waiting * width + below) + max(first, second, attended)

        first = block(widths[min(level + 1, len(widths) - 1)], blocks)
        second = block(width, blocks - 1)
        grown = (3 * size + 4 * (size + max(normed, (2 + kept) * size))) * width if level and grows_in_block else 0
        return size * finer + max(first, second, grown) / 4**level

    return KERNELS * max(decoding(level) for level in range(len(widths)))
