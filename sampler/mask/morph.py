"""Grow and shrink masks by exactly so many pixels; hard masks by distance, soft masks by the largest value in reach."""

from collections.abc import Callable
from math import isqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from .batch import in_chunks
from .distances import distance

__all__ = ["SHAPES", "grow", "is_hard", "shrink"]

# How far a shape of radius n reaches to the left and right in its row y.
SHAPES: dict[str, Callable[[int, int], int]] = {
    "round": lambda n, y: isqrt(n * n - y * y),
    "square": lambda n, y: n,
    "diamond": lambda n, y: n - abs(y),
}
METRIC = {"round": "euclidean", "diamond": "city-block"}  # squares are separable, and faster without distances


def grow(mask: Tensor, pixels: int, shape: str = "round") -> Tensor:
    """Every pixel takes the largest value at most so many pixels away from it, in every direction alike.

    Args:
        mask: In [0, 1]; (B, H, W).
        pixels: Radius, 0 or more.
        shape: "round" (Euclidean distance between pixel centres), "square" or "diamond".

    Returns:
        As `mask`. What lies outside the picture counts for nothing.

    Raises:
        ValueError: Unknown shape or negative radius.
    """
    return inside_box(mask, pixels, pixels, lambda part: dilated(part, pixels, checked(shape, pixels)))


def shrink(mask: Tensor, pixels: int, shape: str = "round") -> Tensor:
    """Every pixel takes the smallest value at most so many pixels away; a mask does not shrink from the picture's border.

    Arguments, result and errors as `grow`.
    """
    return inside_box(mask, pixels, 1, lambda part: eroded(part, pixels, checked(shape, pixels)))


def checked(shape: str, pixels: int) -> str:
    if shape not in SHAPES:
        raise ValueError(f"The shape is '{shape}', but must be one of: {', '.join(SHAPES)}.")
    if pixels < 0:
        raise ValueError(f"Grow and shrink take 0 pixels or more, not {pixels}.")
    return shape


def is_hard(mask: Tensor) -> bool:
    """Whether a mask has no values between 0 and 1."""
    return bool(((mask == 0) | (mask == 1)).all())


def inside_box(mask: Tensor, pixels: int, margin: int, step: Callable[[Tensor], Tensor]) -> Tensor:
    """Work on the part of the pictures where some mask has values, and a margin; beyond, all stays 0."""
    if pixels == 0 or not mask.any():
        step(mask[:, :1, :1])  # bad arguments are bad for empty masks too
        return mask
    (top, bottom), (left, right) = (extent(mask.flatten(0, -2) if axis else mask.amax(2), margin) for axis in (0, 1))
    out = torch.zeros_like(mask)
    out[:, top:bottom, left:right] = in_chunks(step, mask[:, top:bottom, left:right])
    return out


def extent(rows: Tensor, margin: int) -> tuple[int, int]:
    """First and last column with a value, and a margin, inside the picture."""
    used = rows.amax(0).nonzero()
    return max(0, int(used[0]) - margin), min(rows.shape[1], int(used[-1]) + 1 + margin)


def dilated(mask: Tensor, pixels: int, shape: str) -> Tensor:
    if shape in METRIC and is_hard(mask):
        return (distance(mask > 0, METRIC[shape], within=pixels) <= pixels).to(mask.dtype)
    return largest_within(mask, pixels, shape)


def eroded(mask: Tensor, pixels: int, shape: str) -> Tensor:
    if shape in METRIC and is_hard(mask):
        return (distance(mask == 0, METRIC[shape], within=pixels) > pixels).to(mask.dtype)
    return -largest_within(-mask, pixels, shape)


def largest_within(values: Tensor, pixels: int, shape: str) -> Tensor:
    """Flat dilation by rows: for each row of the shape, the largest value in a window as wide as that row."""
    if shape == "square":
        wide = Windows(values, pixels).largest(pixels)
        return Windows(wide.mT, pixels).largest(pixels).mT
    windows, height = Windows(values, pixels), values.shape[1]
    out = windows.largest(pixels)
    for y in range(1, min(pixels, height - 1) + 1):
        row = windows.largest(SHAPES[shape](pixels, y))
        out[:, y:] = torch.maximum(out[:, y:], row[:, :-y])
        out[:, :-y] = torch.maximum(out[:, :-y], row[:, y:])
    return out


class Windows:
    """Largest value of windows along rows, of any width up to a limit: two windows of a power of two cover any other.

    Args:
        values: (B, H, W).
        reach: Largest half-width that will be asked for.
    """

    def __init__(self, values: Tensor, reach: int):
        self.width, self.reach = values.shape[-1], reach
        self.powers = [F.pad(values, (reach, reach), value=-torch.inf)]
        while 2 ** len(self.powers) <= 2 * reach + 1:
            half, last = 2 ** (len(self.powers) - 1), self.powers[-1]
            self.powers.append(torch.maximum(last[..., :-half], last[..., half:]))

    def largest(self, half_width: int) -> Tensor:
        """Over columns x - half_width to x + half_width; a new tensor (B, H, W)."""
        power = (2 * half_width + 1).bit_length() - 1
        first = self.reach - half_width
        last = self.reach + half_width + 1 - 2**power
        table = self.powers[power]
        return torch.maximum(table[..., first : first + self.width], table[..., last : last + self.width])
