"""Pad pictures for outpainting: how much on which side, what the new part starts from, and its mask."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .filling import fill
from .room import check_room

__all__ = ["PADDINGS", "PLACES", "Sides", "pad", "sides_for_ratio", "sides_for_size", "sides_in_percent", "snapped"]

PLACES = {"start": 0.0, "middle": 0.5, "end": 1.0}  # share of the added pixels that comes before the picture


@dataclass(frozen=True)
class Sides:
    """Pixels added on each side, 0 or more."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __post_init__(self) -> None:
        if min(self.left, self.top, self.right, self.bottom) < 0:
            raise ValueError(
                f"Padding must be 0 or more, not {self.left}, {self.top}, {self.right}, {self.bottom} (left, top, right, "
                "bottom); crop the picture to make it smaller."
            )


def sides_in_percent(height: int, width: int, left: float, top: float, right: float, bottom: float) -> Sides:
    """Percent of the picture's width (left, right) and height (top, bottom), rounded to pixels."""
    return Sides(
        round(width * left / 100), round(height * top / 100), round(width * right / 100), round(height * bottom / 100)
    )


def sides_for_size(height: int, width: int, to: tuple[int, int], across: str = "middle", down: str = "middle") -> Sides:
    """Pad to a size.

    Args:
        height: The picture's.
        width: The picture's.
        to: (height, width) of the result.
        across: Where the picture stands: "start" is left, "end" right.
        down: "start" is at the top, "end" at the bottom.

    Raises:
        ValueError: The picture is larger.
    """
    if to[0] < height or to[1] < width:
        raise ValueError(
            f"The picture is {width}x{height}, larger than the {to[1]}x{to[0]} it is to be padded to; choose a larger size or "
            "scale the picture down first."
        )
    more_y, more_x = to[0] - height, to[1] - width
    top, left = round(more_y * PLACES[down]), round(more_x * PLACES[across])
    return Sides(left, top, more_x - left, more_y - top)


def sides_for_ratio(height: int, width: int, ratio: float, across: str = "middle", down: str = "middle") -> Sides:
    """Pad to a width : height ratio, keeping the whole picture; one axis is padded. Arguments as `sides_for_size`."""
    if ratio <= 0:
        raise ValueError(f"The aspect ratio must be above 0, not {ratio:g}.")
    to = max(height, round(width / ratio)), max(width, round(height * ratio))
    return sides_for_size(height, width, to, across, down)


def snapped(height: int, width: int, sides: Sides, multiple: int) -> Sides:
    """Add so many pixels that both sides of the result are multiples; to the right and bottom, unless only left or top grow."""
    more_x = -(width + sides.left + sides.right) % multiple
    more_y = -(height + sides.top + sides.bottom) % multiple
    to_left, to_top = bool(sides.left and not sides.right), bool(sides.top and not sides.bottom)
    return Sides(
        sides.left + more_x * to_left,
        sides.top + more_y * to_top,
        sides.right + more_x * (not to_left),
        sides.bottom + more_y * (not to_top),
    )


def pad(
    pictures: Tensor,
    sides: Sides,
    how: str = "edge",
    overlap: int = 0,
    colour: tuple[float, float, float] = (0.5, 0.5, 0.5),
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Larger pictures, and the mask of what is new.

    Args:
        pictures: (B, C, H, W), in [0, 1].
        sides: Pixels to add.
        how: A key of PADDINGS: "edge" repeats the border, "mirror" reflects the picture, "colour", "smooth" lets the
            border's colours flow outwards, "noise" has the picture's mean and spread.
        overlap: The mask reaches so many pixels into the picture, on padded sides only, so that the model may adapt them.
        colour: For "colour"; red, green, blue in [0, 1].
        seed: For "noise".

    Returns:
        (B, C, H', W') and the mask (B, H', W'), 1 where new. The picture itself is unchanged.

    Raises:
        ValueError: Unknown padding, an overlap that leaves nothing of the picture, or a result that fills the memory.
    """
    if how not in PADDINGS:
        raise ValueError(f"The padding is '{how}', but must be one of: {', '.join(PADDINGS)}.")
    height, width = pictures.shape[-2:]
    larger_height, larger_width = height + sides.top + sides.bottom, width + sides.left + sides.right
    check_room(
        pictures.shape[0] * pictures.shape[1] * larger_height * larger_width,
        pictures.numel(),
        f"The picture of {width}x{height} padded to {larger_width}x{larger_height}",
        "pad less",
    )
    y = torch.arange(-sides.top, height + sides.bottom, device=pictures.device)
    x = torch.arange(-sides.left, width + sides.right, device=pictures.device)
    index = PADDINGS[how]
    larger = pictures.index_select(-2, index(y, height)).index_select(-1, index(x, width))
    new = outside(y, height, 0, 0)[:, None] | outside(x, width, 0, 0)
    if how == "colour":
        shade = larger.new_ones(pictures.shape[1], 1, 1)  # opaque, if there is a fourth channel
        shade[:3, 0, 0] = larger.new_tensor(colour[: min(3, pictures.shape[1])])
        larger = torch.where(new, shade, larger)
    elif how in ("smooth", "noise"):
        larger = fill(larger, new.to(larger).expand(len(larger), -1, -1), how, seed)
    masked = outside(y, height, overlap * (sides.top > 0), overlap * (sides.bottom > 0))[:, None] | outside(
        x, width, overlap * (sides.left > 0), overlap * (sides.right > 0)
    )
    if masked.all():
        raise ValueError(
            f"An overlap of {overlap} px leaves nothing of the {width}x{height} picture; use less than half its shorter side."
        )
    return larger, masked.to(larger).expand(len(larger), -1, -1)


def outside(at: Tensor, length: int, before: int, after: int) -> Tensor:
    return (at < before) | (at >= length - after)


def edge(at: Tensor, length: int) -> Tensor:
    return at.clamp(0, length - 1)


def mirror(at: Tensor, length: int) -> Tensor:
    """Reflected about the border's pixels, over and over for paddings wider than the picture."""
    period = max(1, 2 * (length - 1))
    folded = at % period
    return torch.minimum(folded, period - folded)


PADDINGS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "edge": edge,
    "mirror": mirror,
    "smooth": edge,
    "colour": edge,
    "noise": edge,
}
