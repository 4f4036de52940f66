"""Lay an edited picture over its original: by what has not changed, however much has."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..mask.batch import same_shape
from ..mask.resample import resize_picture, size_within
from .least_squares import normal_equations
from .placement import WHOLE, Placement, laid_over
from .texture import agreement, contrast, textured

__all__ = ["Alignment", "align"]

COARSE, FINE = 96, 1024  # longest sides at which the search begins and ends
SCALES = (1.0, 0.985, 1.015, 0.97, 1.03, 0.955, 1.045)  # tried besides every way in which a model may fit a picture
KEPT = 3  # candidates that are refined
STEPS = 12  # at each size
STILL = 0.004  # pixels: a step below this ends it
TOLERANCE = (0.8, 0.4)  # of a contrast, at the coarsest size and at the others: pixels that differ by more hardly count
LITTLE = 0.01  # of the pixels, with texture: fewer say nothing about where a picture lies
AGREE = 0.7  # correlation from which on two places show the same
SHARE = 0.06  # of what is textured must agree; of unrelated pictures it is a third of that
NOTHING = 0.04  # pixels: who moved by less has not moved, and is not resampled
GAIN = 0.02  # of the misfit that a movement must take away


@dataclass(frozen=True)
class Alignment:
    """Where an edited picture lies on its original.

    Attributes:
        placement: WHOLE where nothing better is known.
        found: Whether enough of the pictures agrees there.
        texture: Whether there was anything to align by.
    """

    placement: Placement
    found: bool
    texture: bool = True


def align(original: Tensor, edited: Tensor, counts: Tensor | None = None) -> Alignment:
    """Find scale and shift.

    Contrasts of both are correlated at a small size for a first guess (Kuglin & Hines 1975), for every way in which a model
    may have fitted the picture into its own size; it is refined from coarse to fine by Gauss-Newton steps on both pictures'
    slopes (Malis 2004), in which pixels that do not fit lose their say (Geman & McClure 1987).

    Args:
        original: (1, C, H, W) in [0, 1], float32.
        edited: (1, C, h, w), the same.
        counts: What may be looked at, 0 to 1; (1, 1, H, W).
    """
    size = (original.shape[-2], original.shape[-1])
    if min(*size, *edited.shape[-2:]) < 8:
        return Alignment(WHOLE, same_shape(original.shape, edited.shape), texture=False)
    first = Pair.at(COARSE, original, edited, WHOLE, counts)
    if float(first.texture.mean()) < LITTLE or float(textured(edited).float().mean()) < LITTLE:
        return Alignment(WHOLE, same_shape(original.shape, edited.shape), texture=False)
    guesses = sorted(candidates(original, edited, counts), key=lambda guess: guess[0])[:KEPT]
    refined = (first.refined(guess, TOLERANCE[0]) for _, guess in guesses)
    best = min(refined, key=lambda guess: first.misfit(guess, TOLERANCE[1]))
    pair = first
    for side in sides(max(size)):
        pair = Pair.at(side, original, edited, best, counts)
        best = pair.refined(best, TOLERANCE[1])
    if same_shape(original.shape, edited.shape) and not worth(pair, best, size):
        best = WHOLE
    return Alignment(best, pair.share_that_agrees(best) >= SHARE)


def sides(longest: int) -> Iterator[int]:
    side = COARSE
    while side < min(longest, FINE):
        side = min(2 * side, longest, FINE)
        yield side


def worth(pair: "Pair", placement: Placement, size: tuple[int, int]) -> bool:
    """Whether a placement is better than none: resampling costs sharpness."""
    if placement.farthest(WHOLE, size) < NOTHING:
        return False
    return pair.misfit(placement, TOLERANCE[1]) < (1 - GAIN) * pair.misfit(WHOLE, TOLERANCE[1])


def fits(original: Tensor, edited: Tensor) -> list[tuple[float, float]]:
    """Scales (x, y) of the ways in which a picture gets to another shape: stretched, cut to it, or with bars around it."""
    wider = original.shape[-1] * edited.shape[-2] / (original.shape[-2] * edited.shape[-1])
    ways = [(1.0, 1.0)]
    if abs(wider - 1) > 0.002:
        ways += [(wider, 1.0), (1.0, 1 / wider)]
    return ways


def candidates(original: Tensor, edited: Tensor, counts: Tensor | None) -> Iterator[tuple[float, Placement]]:
    """Misfit and placement of each guess."""
    for x, y in fits(original, edited):
        pair = Pair.at(COARSE, original, edited, Placement((x, y)), counts)
        for scale in SCALES:
            still = Placement((x * scale, y * scale))
            for guess in (still, pair.shifted(still)):
                yield pair.misfit(guess, TOLERANCE[0]), guess


@dataclass(frozen=True)
class Pair:
    """Both pictures at one size, as contrasts.

    Attributes:
        original: (1, 1, H, W).
        edited: As dense; (1, 1, h, w).
        texture: What counts; 0 to 1, (1, 1, H, W).
        pictures: Both before they became contrasts.
    """

    original: Tensor
    edited: Tensor
    texture: Tensor
    pictures: tuple[Tensor, Tensor]

    @classmethod
    def at(cls, side: int, original: Tensor, edited: Tensor, placement: Placement, counts: Tensor | None) -> "Pair":
        height, width = size_within(original, side)
        one = resize_picture(original, height, width)
        x, y = placement.scale
        other = resize_picture(edited, max(1, round(height / y)), max(1, round(width / x)))
        texture = textured(one).float()
        if counts is not None:
            texture = texture * resize_picture(counts, height, width)
        return cls(contrast(one), contrast(other), texture, (one, other))

    @property
    def size(self) -> tuple[int, int]:
        return self.original.shape[-2], self.original.shape[-1]

    def laid(self, placement: Placement) -> tuple[Tensor, Tensor]:
        """The edited contrast on the original's grid, and what counts there."""
        box, inside = placement.covered(self.size), torch.zeros_like(self.texture)
        inside[..., box.top : box.bottom, box.left : box.right] = 1
        return laid_over(self.edited, placement, self.size), inside * self.texture

    def misfit(self, placement: Placement, tolerance: float) -> float:
        """0 where all that is covered fits, 1 where nothing does; of less than half the picture, the rest does not fit."""
        laid, counts = self.laid(placement)
        fitting = counts / (1 + ((self.original - laid) / tolerance) ** 2)
        return 1 - float(fitting.sum() / torch.maximum(counts.sum(), self.texture.sum() / 2).clamp(min=1))

    def share_that_agrees(self, placement: Placement) -> float:
        laid = laid_over(self.pictures[1], placement, self.size)
        agreeing = (agreement(self.pictures[0], laid) > AGREE) * self.laid(placement)[1]
        return float(agreeing.sum() / self.texture.sum().clamp(min=1))

    def shifted(self, placement: Placement) -> Placement:
        """The shift at which both correlate best."""
        laid, counts = self.laid(placement)
        spectra = [torch.fft.rfft2((picture * counts)[0, 0]) for picture in (self.original, laid)]
        cross = spectra[0].conj() * spectra[1]
        peaks = torch.fft.irfft2(cross / cross.abs().clamp(min=1e-6), s=self.size)
        height, width = self.size
        y, x = divmod(int(peaks.argmax()), width)
        x, y = x - width * (x > width // 2), y - height * (y > height // 2)
        scale, shift = placement.scale, placement.shift
        return Placement(scale, (shift[0] + scale[0] * 2 * x / width, shift[1] + scale[1] * 2 * y / height))

    def refined(self, placement: Placement, tolerance: float) -> Placement:
        for _ in range(STEPS):
            after = self.step(placement, tolerance)
            moved, placement = placement.farthest(after, self.size), after
            if moved < STILL:
                break
        return placement

    def step(self, placement: Placement, tolerance: float) -> Placement:
        """One Gauss-Newton step, no longer than a twentieth of the picture."""
        laid, counts = self.laid(placement)
        residual = self.original - laid
        weight = counts / (1 + (residual / tolerance) ** 2) ** 2
        (height, width), (ax, ay) = self.size, placement.scale
        mean = (self.original + laid) / 2
        slope_x, slope_y = slope(mean, -1) * (width / 2 / ax), slope(mean, -2) * (height / 2 / ay)
        u = (2 * torch.arange(width, device=mean.device) + 1) / width - 1
        v = ((2 * torch.arange(height, device=mean.device) + 1) / height - 1)[:, None]
        columns = torch.stack([slope_x * u, slope_y * v, slope_x, slope_y]).flatten(1)
        normal, right = normal_equations(columns, residual.flatten(), weight.flatten())
        ridge = 1e-4 * normal.diagonal().max().clamp(min=1e-9)
        change = torch.linalg.solve(normal + ridge * torch.eye(4, dtype=normal.dtype), right)
        dax, day, dbx, dby = (float(value) for value in change.clamp(-0.05, 0.05))
        (ax, ay), (bx, by) = placement.scale, placement.shift
        return Placement((ax + dax, ay + day), (bx + dbx, by + dby))


def slope(pictures: Tensor, axis: int) -> Tensor:
    """Central differences; 0 at the border."""
    out = torch.zeros_like(pictures)
    length = pictures.shape[axis]
    if length < 3:
        return out
    both = pictures.narrow(axis, 2, length - 2) - pictures.narrow(axis, 0, length - 2)
    out.narrow(axis, 1, length - 2).copy_(both / 2)
    return out
