"""Smooth outlines and feather edges; nothing farther from an edge than the radius is touched, borders do not fade."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .batch import in_chunks
from .distances import distance

__all__ = ["FEATHERS", "blur", "feather", "gaussian", "smooth_outline"]

ONE = 1  # pixels at a time: picture by picture, since levels are a picture's own
MOST_LEVELS = 16  # steps a soft mask is taken apart into, if it has more values


def smooth_outline(mask: Tensor, pixels: int) -> Tensor:
    """Round off corners and fray, without softening: each pixel goes with the majority around it.

    Args:
        mask: In [0, 1]; (B, H, W). A soft mask is smoothed level by level.
        pixels: Radius of what counts as around, 0 or more; weights fall off like a Gaussian of half that width.
    """
    if pixels <= 0:
        return mask
    return in_chunks(lambda part: by_levels(part, lambda inside: majority(inside, pixels)), mask, pixels=ONE)


def feather(mask: Tensor, pixels: int, side: str = "both") -> Tensor:
    """A smooth ramp along the edge of a mask, by Euclidean distance from it.

    Args:
        mask: In [0, 1]; (B, H, W). A soft mask is feathered level by level.
        pixels: Width of the ramp on each side that has one, 0 or more.
        side: "outward": the mask stays and fades outside. "inward": it fades inside and nothing outside changes. "both":
            half-way at the edge.

    Raises:
        ValueError: Unknown side.
    """
    if side not in FEATHERS:
        raise ValueError(f"The feather is '{side}', but must be one of: {', '.join(FEATHERS)}.")
    if pixels <= 0:
        return mask
    return in_chunks(lambda part: by_levels(part, lambda inside: FEATHERS[side](inside, pixels)), mask, pixels=ONE)


def by_levels(mask: Tensor, step: Callable[[Tensor], Tensor]) -> Tensor:
    """A step for hard masks on a soft one: its change at every level, added up.

    Args:
        mask: (B, H, W).
        step: From bool (B, H, W) to float in [0, 1].
    """
    values = torch.unique(mask)
    values = values[values > 0]
    if len(values) > MOST_LEVELS:
        values = torch.linspace(0, 1, MOST_LEVELS + 1, device=mask.device, dtype=mask.dtype)[1:]
    out, below = mask.clone(), 0.0
    for value in values:
        inside = mask >= value
        out += (step(inside).to(mask.dtype) - inside.to(mask.dtype)) * (value - below)
        below = value
    return out.clamp_(0, 1)


def majority(inside: Tensor, pixels: int) -> Tensor:
    return blur(inside.float()[:, None], pixels)[:, 0] >= 0.5


def ramp(share: Tensor) -> Tensor:
    """0 to 1 without corners at the ends."""
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)


def reach(inside: Tensor, pixels: int) -> Tensor:
    """Distance to the set up to a radius, infinity beyond."""
    away = distance(inside, within=pixels)
    return torch.where(away <= pixels, away, torch.inf)


def outward(inside: Tensor, pixels: int) -> Tensor:
    return ramp(1 - reach(inside, pixels) / (pixels + 1))


def inward(inside: Tensor, pixels: int) -> Tensor:
    return ramp(reach(~inside, pixels) / (pixels + 1))


def both(inside: Tensor, pixels: int) -> Tensor:
    # The edge runs half a pixel from the centres on either side of it.
    signed = torch.where(inside, reach(~inside, pixels) - 0.5, 0.5 - reach(inside, pixels))
    return ramp(0.5 + signed / (2 * pixels))


FEATHERS: dict[str, Callable[[Tensor, int], Tensor]] = {"outward": outward, "inward": inward, "both": both}


def gaussian(radius: int) -> Tensor:
    """Weights from -radius to radius, of a Gaussian that is half as wide; float64, their sum is 1."""
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (x / (radius / 2)) ** 2)
    return weights / weights.sum()


def blur(pictures: Tensor, radius: int) -> Tensor:
    """Gaussian blur; beyond the border the border's values go on.

    Args:
        pictures: (B, C, H, W), float.
        radius: In pixels, 0 or more; nothing farther than this along an axis has any influence.
    """
    if radius <= 0:
        return pictures
    weights = gaussian(radius).to(pictures)
    for axis in (-1, -2):
        rows = pictures.movedim(axis, -1)
        flat = F.pad(rows.reshape(-1, 1, rows.shape[-1]), (radius, radius), mode="replicate")
        pictures = F.conv1d(flat, weights[None, None]).reshape(rows.shape).movedim(-1, axis)
    return pictures
