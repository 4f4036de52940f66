"""One change of colours for a whole picture, found where two pictures show the same; what was recoloured does not count."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .least_squares import normal_equations

__all__ = ["Colours", "fitted_colours"]

STEPS = 20
WIDE, NARROW = 0.2, 0.02  # differences that halve a pixel's say: at first, and at the end
HELD = 1e-3  # pull towards no change, as a share of the pixels: colours that few pixels have are not stretched
SAMPLES = 2**15
FEW = 64  # pixels: fewer say nothing about colours
BLACK = 0.02  # brightness at which a gamma's slope is no longer followed
MARGIN = 0.02  # by so much more than any known colour a new one may be changed


@dataclass(frozen=True)
class Colours:
    """A change of colours: for each channel a mixture of all channels and of its own square and square root.

    Attributes:
        weights: A row for each channel; (C, C + 3).
        least: Largest darkening that was seen, by channel; (C,).
        most: Largest brightening; (C,).
    """

    weights: Tensor
    least: Tensor
    most: Tensor

    def of(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W), not clipped."""
        out = pictures.clone()
        for channel in range(len(self.weights)):
            change = (terms(pictures, channel) * self.weights[channel, :, None, None].to(pictures)).sum(1)
            out[:, channel] += change.clamp(float(self.least[channel]), float(self.most[channel]))
        return out


def terms(pictures: Tensor, channel: int) -> Tensor:
    """What a channel's change is made of: 1, every channel, its own square and root; (B, C + 3, H, W)."""
    own = pictures[:, channel : channel + 1].clamp(0, 1)
    root = (own + BLACK).sqrt()
    return torch.cat([torch.ones_like(own), pictures, own * own, root], dim=1)


def fitted_colours(original: Tensor, edited: Tensor, known: Tensor) -> Colours | None:
    """The change that brings the edited picture's colours closest to the original's.

    Reweighted least squares (Geman & McClure 1987) whose tolerance falls from wide to narrow, so that the many decide before
    the few are told apart from them.

    Args:
        original: (1, C, H, W) in [0, 1].
        edited: On the same grid; the same.
        known: Where both show the same; bool (1, 1, H, W).

    Returns:
        None if too few pixels are known.
    """
    at = known[0, 0]
    if int(at.sum()) < FEW:
        return None
    new, old = edited[0][:, at], original[0][:, at]
    stride = -(-new.shape[1] // SAMPLES)
    new, old = new[:, ::stride], old[:, ::stride]
    channels = len(new)
    columns = [terms(new[None, :, None], channel)[0, :, 0] for channel in range(channels)]
    weights = torch.zeros(channels, channels + 3)
    weights[:, 0] = (old - new).median(1).values.cpu()
    for step in range(STEPS):
        changed = torch.stack([weights[c].to(new) @ columns[c] for c in range(channels)])
        away = (old - new - changed).square().amax(0)
        tolerance = max(WIDE * 0.8**step, NARROW)
        say = 1 / (1 + away / tolerance**2) ** 2
        for c in range(channels):
            # The wider the tolerance the stiffer, or colours that only the change has would bend the fit to themselves.
            held = HELD * (tolerance / NARROW) ** 3 * new.shape[1]
            weights[c] = solved(columns[c], old[c] - new[c], say, held)
    changed = torch.stack([weights[c].to(new) @ columns[c] for c in range(channels)])
    trusted = changed[:, say > 0.5]
    if not trusted.numel():
        return None
    return Colours(weights, trusted.amin(1).cpu() - MARGIN, trusted.amax(1).cpu() + MARGIN)


def solved(columns: Tensor, wanted: Tensor, say: Tensor, held: float) -> Tensor:
    normal, right = normal_equations(columns, wanted, say)
    ridge = held * torch.ones(len(normal), dtype=normal.dtype)
    ridge[0] = 1e-9  # a shift is not stretched
    return torch.linalg.solve(normal + ridge.diag(), right).float()
