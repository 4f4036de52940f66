"""Ways to join a painted part with the original around it. Each gets the original back, exactly, outside its band."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .grid import PAINTED_FROM
from .harmonic import harmonic
from .morph import grow
from .soften import feather

__all__ = ["BLENDS", "match_colours"]

Blended = tuple[Tensor, Tensor]  # the new part (C, H, W), and how much of it counts (H, W)


def hard(painted: Tensor, original: Tensor, mask: Tensor, band: Tensor, pixels: int) -> Blended:
    """The mask as it is, soft where it is soft; no band."""
    return painted, mask * (band > 0)


def feathered(painted: Tensor, original: Tensor, mask: Tensor, band: Tensor, pixels: int) -> Blended:
    """All new in the mask, fading over the band outside."""
    fading = feather(mask[None], pixels, "outward")[0] * band
    return painted, torch.maximum(fading, mask * (band > 0))


def multi_band(painted: Tensor, original: Tensor, mask: Tensor, band: Tensor, pixels: int) -> Blended:
    """Fine detail changes over a short way and broad colour over a long one (Burt & Adelson 1983)."""
    weight = grow(mask[None], pixels // 2)[None]
    change = banded((painted - original)[None], weight, bands=max(1, pixels).bit_length())[0]
    return original + change, feathered(painted, original, mask, band, pixels)[1]


def banded(change: Tensor, weight: Tensor, bands: int) -> Tensor:
    """A picture times a weight, each band of its Laplacian pyramid times the weight at that band's size."""
    size = (change.shape[-2], change.shape[-1])
    if bands == 0 or min(size) == 1:
        return change * weight
    coarse = F.avg_pool2d(change, 2, ceil_mode=True, count_include_pad=False)
    around = F.avg_pool2d(F.pad(weight, (1, 1, 1, 1), mode="replicate"), 3, 1)
    lower = F.avg_pool2d(around, 2, ceil_mode=True, count_include_pad=False)
    detail = change - enlarged(coarse, size)
    return detail * weight + enlarged(banded(coarse, lower, bands - 1), size)


def enlarged(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(pictures, size, mode="bilinear", align_corners=False)


def poisson(painted: Tensor, original: Tensor, mask: Tensor, band: Tensor, pixels: int) -> Blended:
    """The painted part's detail in the original's colours: differences between neighbours are kept (Perez et al. 2003).

    What is at least half masked, and the band around it, is solved for.
    """
    free = (grow((mask >= PAINTED_FROM).to(mask)[None], pixels)[0] > 0) & (band > 0)
    return painted + harmonic(original - painted, free), free.to(mask)


Blend = Callable[[Tensor, Tensor, Tensor, Tensor, int], Blended]
# Each takes the painted part and the original (C, H, W), the mask (H, W), how much of a band may count (H, W), falling to
# 0 where the painted part ends within the picture, and the band's width in pixels.
BLENDS: dict[str, Blend] = {
    "feathered": feathered,
    "hard": hard,
    "multi-band": multi_band,
    "poisson": poisson,
}

FLAT = 1e-4  # variance below which colours say nothing about contrast
EQUAL = 1e-6
FEW = 16  # pixels: fewer known ones say nothing about colours


def match_colours(painted: Tensor, original: Tensor, known: Tensor) -> Tensor:
    """Brightness and contrast of each channel such that the known pixels come closest to the original.

    Args:
        painted: (C, H, W).
        original: The same.
        known: Where both should agree; bool (H, W).

    Returns:
        As `painted`; unchanged if the known pixels agree already, or hardly any are known.
    """
    count = int(known.sum())
    if count < FEW:
        return painted
    new, old = painted[:, known].double(), original[:, known].double()
    if (new - old).abs().max() < EQUAL:
        return painted
    new_mean, old_mean = new.mean(1, keepdim=True), old.mean(1, keepdim=True)
    variance = ((new - new_mean) ** 2).mean(1)
    gain = ((new - new_mean) * (old - old_mean)).mean(1) / variance.clamp(min=FLAT)
    gain = torch.where(variance > FLAT, gain.clamp(0.5, 2), 1)[:, None]
    shift = old_mean - gain * new_mean
    return (painted * gain[..., None].to(painted) + shift[..., None].to(painted)).clamp(0, 1)
