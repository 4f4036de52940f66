"""Masks of the literature, at any size: RePaint's six, boxes, checkerboards, free-form strokes, and random rectangles, halves
and centres (https://github.com/xyfJASON/diffusion-models-pytorch).

Strokes are drawn for pictures of 256 pixels and scaled with the shorter side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, cos, floor, pi, sin

import torch
from torch import Tensor

from ..noise import generator

__all__ = ["PAPER_MASKS", "paper_mask"]

DRAWN_AT = 256
RECTANGLES = 1, 4  # how many
RECTANGLE = 0.2, 0.8  # shares of the picture's side
CENTRE = 0.25, 0.5


@dataclass(frozen=True)
class Brush:
    """Ranges of a kind of strokes, ends included, in pixels of a 256-pixel picture.

    Attributes:
        strokes: How many.
        bends: Straight pieces of each.
        length: Of each piece.
        width: Of the brush, one for each stroke.
        boxes: How many boxes besides.
        side: Of each box.
    """

    strokes: tuple[int, int]
    bends: tuple[int, int]
    length: tuple[int, int]
    width: tuple[int, int]
    boxes: tuple[int, int] = (0, 0)
    side: tuple[int, int] = (30, 150)


# Suvorov et al. 2022 (LaMa), whose masks RePaint took; and Yu et al. 2019 (free-form inpainting).
WIDE = Brush(strokes=(1, 4), bends=(1, 5), length=(10, 209), width=(5, 104), boxes=(0, 3))
NARROW = Brush(strokes=(4, 49), bends=(1, 5), length=(10, 49), width=(5, 14))
FREE_FORM = Brush(strokes=(1, 4), bends=(4, 12), length=(20, 60), width=(12, 40))


def paper_mask(
    name: str, height: int, width: int, seed: int = 0, count: int = 1, done: Callable[[], None] = lambda: None
) -> Tensor:
    """Masks by name, 1 where the picture is to be painted.

    Args:
        name: A key of PAPER_MASKS, or several joined by "+": what any of them paints; the same again is another draw.
        height: In pixels.
        width: In pixels.
        seed: Of strokes and boxes; mask k of a seed is the same in any batch, on any device.
        count: How many.
        done: Called after each.

    Returns:
        float32 (count, height, width) of zeros and ones.

    Raises:
        ValueError: Unknown name.
    """
    kinds = name.split("+")
    if unknown := [kind for kind in kinds if kind not in PAPER_MASKS]:
        raise ValueError(f"The mask is '{unknown[0]}', but must be one of: {', '.join(PAPER_MASKS)}.")
    masks = torch.zeros(count, height, width)
    for index, mask in enumerate(masks):
        for place, kind in enumerate(kinds):
            again = kinds[:place].count(kind)
            PAPER_MASKS[kind](mask, generator(f"{seed}/{index}/{kind}" + (f"/{again}" if again else "")))
        done()
    return masks


def half(mask: Tensor, draw: torch.Generator) -> None:
    mask[:, mask.shape[1] // 2 :] = 1


def expand(mask: Tensor, draw: torch.Generator) -> None:
    """All but a box in the middle of a quarter of the side (64 of 256)."""
    inner = mask[middle(mask.shape[0], 1 / 4), middle(mask.shape[1], 1 / 4)]
    painted = inner.clone()
    mask[:] = 1
    inner[:] = painted


def every_second_line(mask: Tensor, draw: torch.Generator) -> None:
    mask[1::2] = 1


def super_resolve(mask: Tensor, draw: torch.Generator) -> None:
    """Of every 2x2 pixels one is known."""
    mask[1::2] = 1
    mask[:, 1::2] = 1


def box(mask: Tensor, draw: torch.Generator) -> None:
    """A box in the middle, of half the side."""
    mask[middle(mask.shape[0], 1 / 2), middle(mask.shape[1], 1 / 2)] = 1


def checkerboard(mask: Tensor, draw: torch.Generator) -> None:
    """Eight fields along the shorter side."""
    field = max(1, min(mask.shape) // 8)
    y, x = (torch.arange(n) // field for n in mask.shape)
    mask.masked_fill_((y[:, None] + x) % 2 == 1, 1)


def random_rectangles(mask: Tensor, draw: torch.Generator) -> None:
    for _ in range(between(RECTANGLES, draw)):
        height, width = (max(1, between((int(RECTANGLE[0] * n), int(RECTANGLE[1] * n)), draw)) for n in mask.shape)
        rectangle(mask, height, width, draw)


def random_half(mask: Tensor, draw: torch.Generator) -> None:
    """The upper, lower, left or right one."""
    height, width = (n // 2 for n in mask.shape)
    halves = mask[:height], mask[height:], mask[:, :width], mask[:, width:]
    halves[between((0, len(halves) - 1), draw)][:] = 1


def random_centre(mask: Tensor, draw: torch.Generator) -> None:
    """A box in the middle, of the picture's shape."""
    share = CENTRE[0] + (CENTRE[1] - CENTRE[0]) * float(torch.rand((), generator=draw))
    mask[middle(mask.shape[0], share), middle(mask.shape[1], share)] = 1


def everything(mask: Tensor, draw: torch.Generator) -> None:
    mask[:] = 1


def middle(side: int, share: float) -> slice:
    inner = max(1, round(side * share))
    return slice((side - inner) // 2, (side - inner) // 2 + inner)


def brushed(brush: Brush) -> Callable[[Tensor, torch.Generator], None]:
    def paint(mask: Tensor, draw: torch.Generator) -> None:
        scale = min(mask.shape) / DRAWN_AT
        for _ in range(between(brush.strokes, draw)):
            stroke(mask, brush, scale, draw)
        for _ in range(between(brush.boxes, draw)):
            height, width = (max(1, round(between(brush.side, draw) * scale)) for _ in "hw")
            rectangle(mask, height, width, draw)

    return paint


def rectangle(mask: Tensor, height: int, width: int, draw: torch.Generator) -> None:
    """One of this size, somewhere."""
    top = between((0, max(0, mask.shape[0] - height)), draw)
    left = between((0, max(0, mask.shape[1] - width)), draw)
    mask[top : top + height, left : left + width] = 1


def stroke(mask: Tensor, brush: Brush, scale: float, draw: torch.Generator) -> None:
    """A chain of straight pieces that turns this way and that, with round ends."""
    y, x = (float(torch.rand((), generator=draw)) * n for n in mask.shape)
    radius = max(0.5, between(brush.width, draw) * scale / 2)
    direction = float(torch.rand((), generator=draw)) * 2 * pi
    for turn in range(between(brush.bends, draw)):
        length = between(brush.length, draw) * scale
        end_y, end_x = y + length * sin(direction), x + length * cos(direction)
        end_y, end_x = min(max(end_y, 0), mask.shape[0]), min(max(end_x, 0), mask.shape[1])
        segment(mask, (y, x), (end_y, end_x), radius)
        y, x = end_y, end_x
        angle = pi * (0.3 + 0.5 * float(torch.rand((), generator=draw)))
        direction += angle if turn % 2 else -angle


def segment(mask: Tensor, start: tuple[float, float], end: tuple[float, float], radius: float) -> None:
    """Everything within a radius of a line; only the pixels around it are looked at."""
    spans = [
        (max(0, floor(min(a, b) - radius)), min(n, ceil(max(a, b) + radius)))
        for a, b, n in zip(start, end, mask.shape, strict=True)
    ]
    (top, bottom), (left, right) = spans
    y = torch.arange(top, bottom)[:, None] + 0.5 - start[0]
    x = torch.arange(left, right) + 0.5 - start[1]
    along_y, along_x = end[0] - start[0], end[1] - start[1]
    along = ((y * along_y + x * along_x) / max(1e-9, along_y**2 + along_x**2)).clamp(0, 1)
    near = (y - along * along_y) ** 2 + (x - along * along_x) ** 2 <= radius**2
    mask[top:bottom, left:right][near] = 1


def between(ends: tuple[int, int], draw: torch.Generator) -> int:
    return int(torch.randint(ends[0], ends[1] + 1, (), generator=draw))


# Each adds to what is painted, and takes nothing away.
PAPER_MASKS: dict[str, Callable[[Tensor, torch.Generator], None]] = {
    "wide": brushed(WIDE),
    "narrow": brushed(NARROW),
    "every second line": every_second_line,
    "half": half,
    "expand": expand,
    "super-resolve 2x": super_resolve,
    "box": box,
    "checkerboard": checkerboard,
    "free-form": brushed(FREE_FORM),
    "random rectangles": random_rectangles,
    "random half": random_half,
    "random centre": random_centre,
    "everything": everything,
}
