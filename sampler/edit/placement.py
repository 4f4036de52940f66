"""Where one picture lies on another: a scale and a shift along each axis."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..mask.cropping import Box

__all__ = ["WHOLE", "Placement", "laid_over"]

SLACK = 1e-3  # of a pixel


@dataclass(frozen=True)
class Placement:
    """x of the edited picture = scale * x of the original + shift; both run from -1 to 1 over their own picture.

    Attributes:
        scale: (x, y).
        shift: (x, y).
    """

    scale: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def moved(self, size: tuple[int, int]) -> tuple[float, float]:
        """How far the edited picture's content went to the right and down, at the middle, in the original's pixels."""
        return self.shift[0] * size[1] / 2, self.shift[1] * size[0] / 2

    def farthest(self, other: "Placement", size: tuple[int, int]) -> float:
        """Largest distance along an axis between where both put any of the picture's pixels, in its pixels."""
        height, width = size
        return max(
            (abs(a - c) + abs(b - d)) * side / 2
            for a, b, c, d, side in zip(self.scale, self.shift, other.scale, other.shift, (width, height), strict=True)
        )

    def covered(self, size: tuple[int, int]) -> Box:
        """Those of the original's pixels whose middles the edited picture covers, with its outermost ones if it comes near."""
        spans = []
        for a, b, side in zip(self.scale, self.shift, (size[1], size[0]), strict=True):
            ends = sorted(((end - b) / a + 1) * side / 2 for end in (-1, 1))
            first, last = (round(end) if abs(end - round(end)) < SLACK else end for end in ends)
            first, last = int(-(-first // 1)), int(last // 1)
            spans.append((min(max(first, 0), side), max(min(last, side), 0)))
        (left, right), (top, bottom) = spans
        return Box(top, left, max(top, bottom), max(left, right))


WHOLE = Placement()  # one stretched over the other


def laid_over(pictures: Tensor, placement: Placement, size: tuple[int, int]) -> Tensor:
    """The edited pictures on the original's grid, bicubic; beyond their border its values go on.

    Args:
        pictures: (B, C, h, w), float32, about as dense as the original.
        placement: Where they lie.
        size: The original's (height, width).

    Returns:
        (B, C, height, width); the very tensor if there is nothing to do.
    """
    if placement == WHOLE and pictures.shape[-2:] == size:
        return pictures
    (ax, ay), (bx, by) = placement.scale, placement.shift
    matrix = torch.tensor([[ax, 0, bx], [0, ay, by]], dtype=pictures.dtype, device=pictures.device)
    grid = F.affine_grid(matrix[None], [1, 1, *size], align_corners=False)
    grid = grid.expand(len(pictures), -1, -1, -1)
    return F.grid_sample(pictures, grid, mode="bicubic", padding_mode="border", align_corners=False)
