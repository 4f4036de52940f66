"""A norm as one factor and one summand for each channel, so that it can be done on the way to something else."""

import torch
from torch import Tensor, nn

__all__ = ["Modulation", "affine", "modulated"]

Modulation = tuple[Tensor, Tensor]  # scale and shift: times (1 + scale), plus shift


def affine(h: Tensor, norm: nn.GroupNorm, modulation: Modulation | None = None) -> tuple[Tensor, Tensor]:
    """The factor and the summand that norm and modulate one picture.

    Args:
        h: Channels last; (1, C, H, W).
        norm: Over its channels.
        modulation: What follows the norm; (C,) each.

    Returns:
        Float32; (C,) each.
    """
    mean, variance = torch.batch_norm_update_stats(h, None, None, 0.0)
    groups = (norm.num_groups, -1)
    means = mean.view(groups)
    centre = means.mean(dim=1, keepdim=True)
    spread = variance.view(groups).mean(dim=1, keepdim=True) + (means - centre).square().mean(dim=1, keepdim=True)
    scale = (spread + norm.eps).rsqrt().expand_as(means).reshape(-1) * norm.weight
    return modulated(scale, norm.bias - centre.expand_as(means).reshape(-1) * scale, modulation)


def modulated(scale: Tensor, shift: Tensor, modulation: Modulation | None) -> tuple[Tensor, Tensor]:
    """A factor and a summand, and what follows them, in one."""
    if modulation is None:
        return scale, shift
    more, further = (part.float() for part in modulation)
    return scale * (1 + more), shift * (1 + more) + further
