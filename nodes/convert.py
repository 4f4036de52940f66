"""The one place where the host's conventions meet the core's."""

import torch
from torch import Tensor

__all__ = ["known_from_mask", "to_8_bits"]


def known_from_mask(mask: Tensor | None, like: Tensor) -> Tensor:
    """The host's mask (1 = repaint) as the core's known region (1 = keep).

    Args:
        mask: In [0, 1], any shape that broadcasts to `like`; None repaints everything.
        like: The latent.

    Returns:
        float, broadcastable to `like`, on its device.
    """
    if mask is None:
        return torch.zeros((1,) * like.ndim, device=like.device)
    return 1 - mask.to(like.device, torch.float32)


def to_8_bits(image: Tensor) -> Tensor:
    """[-1, 1] to [0, 1] in steps of 1/255, in place.

    SaveImage truncates instead of rounding, so a known pixel that is off by one part in 10^7 would lose a whole level.
    """
    return image.add_(1).mul_(127.5).round_().clamp_(0, 255).div_(255)
