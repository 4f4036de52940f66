"""The one place where the host's conventions meet the core's."""

import torch
from torch import Tensor

__all__ = ["REPAINT_FROM", "known_from_mask", "to_8_bits"]

REPAINT_FROM = 0.5  # mask values from here on are painted


def known_from_mask(mask: Tensor | None, like: Tensor) -> Tensor:
    """The host's mask (1 = repaint) as the core's known region (True = keep).

    Args:
        mask: In [0, 1], any shape that broadcasts to `like`; None repaints everything.
        like: The latent.

    Returns:
        bool, broadcastable to `like`, on its device.
    """
    if mask is None:
        return torch.zeros((1,) * like.ndim, dtype=torch.bool, device=like.device)
    return mask.to(like.device) < REPAINT_FROM


def to_8_bits(image: Tensor) -> Tensor:
    """[-1, 1] to [0, 1] in steps of 1/255, in place.

    SaveImage truncates instead of rounding, so a known pixel that is off by one part in 10^7 would lose a whole level.
    """
    return image.add_(1).mul_(127.5).round_().clamp_(0, 255).div_(255)
