"""What two pictures have in common whatever their colours are: local contrast of brightness, and where it agrees."""

import torch.nn.functional as F
from torch import Tensor

from ..mask.source import brightness

__all__ = ["agreement", "box_mean", "contrast", "textured"]

FLAT = 0.01  # standard deviation of brightness below which there is nothing to see
REACH = 4  # pixels to each side of what counts as local


def box_mean(pictures: Tensor, reach: int = REACH) -> Tensor:
    """Mean over a square; near the border, of its part inside the picture. (B, C, H, W)."""
    for axis in (0, 1):
        kernel, pad = [1, 1], [0, 0]
        pad[axis] = min(reach, pictures.shape[2 + axis] - 1)
        kernel[axis] = 2 * pad[axis] + 1
        pictures = F.avg_pool2d(pictures, kernel, 1, pad, count_include_pad=False)
    return pictures


def detail(pictures: Tensor) -> Tensor:
    """Brightness less its local mean; (B, 1, H, W)."""
    grey = brightness(pictures)[:, None]
    return grey - box_mean(grey)


def contrast(pictures: Tensor) -> Tensor:
    """Detail over its local deviation: the same after any tint, gamma or change of contrast.

    Args:
        pictures: (B, C, H, W) in [0, 1].

    Returns:
        About -2 to 2, near 0 where it is flat; (B, 1, H, W).
    """
    fine = detail(pictures)
    return fine / (box_mean(fine * fine) + FLAT**2).sqrt()


def textured(pictures: Tensor) -> Tensor:
    """Where there is something to align by; bool (B, 1, H, W)."""
    fine = detail(pictures)
    return box_mean(fine * fine) > (2 * FLAT) ** 2


def agreement(one: Tensor, other: Tensor) -> Tensor:
    """Correlation of two pictures' detail around each pixel, -1 to 1; two flat places agree. (B, 1, H, W)."""
    a, b = detail(one), detail(other)
    power = (box_mean(a * a) + FLAT**2) * (box_mean(b * b) + FLAT**2)
    return (box_mean(a * b) + FLAT**2) / power.sqrt()
