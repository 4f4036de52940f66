"""A norm as one factor and one summand for each channel, so that it can be done on the way to something else."""

import torch
from torch import Tensor, nn

__all__ = ["affine"]


def affine(h: Tensor, norm: nn.GroupNorm) -> tuple[Tensor, Tensor]:
    """The factor and the summand that norm one picture; (1, C, H, W), channels last, to twice float32 (C,)."""
    mean, variance = torch.batch_norm_update_stats(h, None, None, 0.0)
    groups = (norm.num_groups, -1)
    means = mean.view(groups)
    centre = means.mean(dim=1, keepdim=True)
    spread = variance.view(groups).mean(dim=1, keepdim=True) + (means - centre).square().mean(dim=1, keepdim=True)
    scale = (spread + norm.eps).rsqrt().expand_as(means).reshape(-1) * norm.weight
    return scale, norm.bias - centre.expand_as(means).reshape(-1) * scale
