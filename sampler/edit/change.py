"""What was changed in an edited picture, and what only drifted: a mask."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..mask.cropping import Box
from ..mask.morph import grow
from ..mask.regions import label, sizes
from ..mask.resample import resize_mask, resize_picture, size_within
from .alignment import Alignment, align
from .colours import Colours, fitted_colours
from .difference import differences
from .placement import WHOLE, laid_over
from .texture import agreement, box_mean

__all__ = ["USUAL", "Change", "Comparison", "find_change"]

WORK = 2048  # longest side at which pictures are compared
COLOURS = 512  # and their colours
ROUNDS = 3  # the noise outside the change is measured again when the change is known better
# Differences, in units of the noise, that make a change, and that belong to one which they touch.
SURE, MAYBE = 12.0, 6.0
SURE_SHARE = 0.02  # of a region's pixels must be sure
SAME = 0.5  # correlation from which on two places may show the same
NEAR = 6  # pixels around a change that say nothing about noise
RIM, RIM_SHARE = 4, 0.02  # pixels, or share of the side: a border that near is reached
LEAST_KNOWN = 0.02  # of the picture: less says nothing about noise


@dataclass(frozen=True)
class Comparison:
    """How pictures are compared.

    Attributes:
        sensitivity: Differences of 1 / sensitivity of the usual ones count.
        align: Find scale and shift; else the edited picture is stretched over the original.
        colour_match: Give the edited picture the original's colours.
    """

    sensitivity: float = 1.0
    align: bool = True
    colour_match: bool = True


USUAL = Comparison()


@dataclass(frozen=True)
class Change:
    """What was changed.

    Attributes:
        mask: 1 where something was changed; (H, W).
        laid: The edited picture on the original's grid, its colours matched, in [0, 1]; (C, H, W).
        box: What it covers, or nearly.
        alignment: Where it lies.
        drift: Mean difference of each channel where nothing was changed, edited less original; (C,).
    """

    mask: Tensor
    laid: Tensor
    box: Box
    alignment: Alignment
    drift: tuple[float, ...]


def find_change(
    original: Tensor, edited: Tensor, allowed: Tensor | None = None, comparison: Comparison = USUAL
) -> Change:
    """Compare an edited picture with its original.

    Args:
        original: (1, C, H, W) in [0, 1], float32; 1 or 3 channels.
        edited: Of any size; (1, C, h, w), the same.
        allowed: Where something may have been changed, above 0; the rest says what drifted. (1, H, W).
        comparison: How.
    """
    size = (original.shape[-2], original.shape[-1])
    free = None if allowed is None else (allowed > 0)[:, None]
    counts = None if free is None or not enough(~free) else (~free).float()
    found = align(original, edited, counts) if comparison.align else Alignment(WHOLE, found=True)
    laid, box = on_grid(edited, found, size)
    inside = torch.zeros(1, 1, *size, dtype=torch.bool, device=original.device)
    inside[..., box.top : box.bottom, box.left : box.right] = True
    low, low_laid, low_inside = (smaller(COLOURS, each) for each in (original, laid, inside))
    low_free = None if free is None else smaller(COLOURS, free)
    known, colours = unchanged(low, low_laid, low_inside, low_free, comparison.colour_match)
    if not found.found:
        known, colours = torch.zeros_like(known), None
    shift = drift(low, low_laid, known)
    new = laid if colours is None else colours.of(laid)
    one, other, where = (smaller(WORK, each) for each in (original, new, inside))
    sure = where & (F.interpolate(known.float(), where.shape[-2:]) > 0)
    away = differences(one, other, sure)
    changed = resize_mask(regions(away * comparison.sensitivity, where)[:, 0].float(), *size)[0]
    mask, box = over_rims(changed, box)
    return Change(mask, new.clamp(0, 1)[0], box, found, shift)


def over_rims(mask: Tensor, box: Box) -> tuple[Tensor, Box]:
    """Continue mask and box to the picture's border where the edited picture, shifted, nearly reaches it."""
    height, width = mask.shape
    if not box.height or not box.width:
        return torch.zeros_like(mask), box
    rims = (box.left, width - box.right, box.top, height - box.bottom)
    near = [
        rim if rim <= max(RIM, RIM_SHARE * side) else 0
        for rim, side in zip(rims, (width, width, height, height), strict=True)
    ]
    left, right, top, bottom = near
    inner = mask[None, None, box.top : box.bottom, box.left : box.right]
    wide = F.pad(inner, near, mode="replicate")[0, 0]
    box = Box(box.top - top, box.left - left, box.bottom + bottom, box.right + right)
    mask = torch.zeros_like(mask)
    mask[box.top : box.bottom, box.left : box.right] = wide
    return mask, box


def unchanged(
    original: Tensor, laid: Tensor, inside: Tensor, free: Tensor | None, recolour: bool
) -> tuple[Tensor, Colours | None]:
    """Where nothing was changed, and the change of colours there, each found with the other's help."""
    given = inside if free is None or not enough(inside & ~free) else inside & ~free
    same = given & (box_mean((agreement(original, laid) > SAME).float()) > 0.5)  # not by chance, here and there
    known = same if enough(same) else torch.zeros_like(same)
    colours = None
    for _ in range(ROUNDS):
        colours = fitted_colours(original, laid, known) if recolour else None
        matched = laid if colours is None else colours.of(laid)
        changed = regions(differences(original, matched, known, quantile=0.25), given)
        rest = same & (grow(changed[:, 0].float(), NEAR)[:, None] == 0)
        if not enough(rest):
            break
        known = rest
    return known, colours


def drift(original: Tensor, laid: Tensor, known: Tensor) -> tuple[float, ...]:
    """Mean difference of each channel on the known part."""
    return tuple(
        float((laid - original)[:, c : c + 1][known].mean()) if known.any() else 0.0 for c in range(laid.shape[1])
    )


def enough(known: Tensor) -> bool:
    return float(known.float().mean()) >= LEAST_KNOWN


def on_grid(edited: Tensor, found: Alignment, size: tuple[int, int]) -> tuple[Tensor, Box]:
    """An edited picture on the original's grid, and what it covers; a denser one is made smaller first."""
    height, width = size
    x, y = found.placement.scale
    own = (round(height / y), round(width / x))
    if own[0] < edited.shape[-2] or own[1] < edited.shape[-1] or found.placement == WHOLE:
        edited = resize_picture(edited, max(1, own[0]), max(1, own[1]))
    return laid_over(edited, found.placement, size).clamp(0, 1), found.placement.covered(size)


def smaller(side: int, tensor: Tensor) -> Tensor:
    """Pictures, or places (bool), of which one that is touched counts, at most so large; (B, C, H, W)."""
    height, width = size_within(tensor, side)
    if tensor.dtype == torch.bool:
        return resize_mask(tensor[:, 0].float(), height, width)[:, None] > 0
    return resize_picture(tensor, height, width)


def regions(away: Tensor, where: Tensor) -> Tensor:
    """Connected regions of differences that hold enough sure ones; bool (1, 1, H, W)."""
    maybe = ((away > MAYBE) & where)[:, 0]
    labels, count = label(maybe)
    sure = sizes(labels, count, (away[:, 0] > SURE).float())
    keep = (sure > 0) & (sure >= SURE_SHARE * sizes(labels, count))
    keep[0] = False
    return keep[labels][:, None]
