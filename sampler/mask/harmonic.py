"""Harmonic fields: as smooth as can be between values that are given, the solution of Laplace's equation."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["harmonic"]

TOLERANCE = 1e-5  # of the Laplacian, per pixel; values are colours in [-1, 1]
MOST_STEPS = 400  # at each size
SMALL = 8  # pictures of this side are solved from scratch


def harmonic(values: Tensor, free: Tensor) -> Tensor:
    """Continue values smoothly over the free pixels; nothing flows over the picture's border.

    Solved by conjugate gradients, each size starting from the solution at half the size.

    Args:
        values: What is given where `free` is False; (C, H, W), float.
        free: bool (H, W).

    Returns:
        (C, H, W); what is given is unchanged. 0 everywhere if nothing is given.
    """
    if free.all():
        return torch.zeros_like(values)
    if not free.any():
        return values
    (top, bottom), (left, right) = around(free.any(1)), around(free.any(0))
    part, inside = values[:, top:bottom, left:right], free[top:bottom, left:right]
    out = values.clone()
    out[:, top:bottom, left:right] = solved(torch.where(inside, from_half_size(part, inside), part), inside)
    return out


def around(used: Tensor) -> tuple[int, int]:
    """The span of what is used, and one pixel on either side, which gives the values at the rim."""
    at = used.nonzero()
    return max(0, int(at[0]) - 1), min(len(used), int(at[-1]) + 2)


def from_half_size(values: Tensor, free: Tensor) -> Tensor:
    """A first guess at the free pixels."""
    height, width = free.shape
    given = (~free).to(values)[None, None]
    if max(height, width) <= SMALL:
        return ((values * given[0]).sum((-1, -2), keepdim=True) / given.sum()).expand_as(values)
    share = F.avg_pool2d(given, 2, ceil_mode=True, count_include_pad=False)
    mean = F.avg_pool2d(values[None] * given, 2, ceil_mode=True, count_include_pad=False) / share.clamp(min=1e-9)
    coarse = harmonic(mean[0], share[0, 0] == 0)
    return F.interpolate(coarse[None], (height, width), mode="bilinear", align_corners=False)[0]


def laplacian(field: Tensor) -> Tensor:
    """Sum of differences to the four neighbours, those in the picture; (C, H, W)."""
    out = torch.zeros_like(field)
    down, right = field[:, 1:] - field[:, :-1], field[..., 1:] - field[..., :-1]
    out[:, 1:] += down
    out[:, :-1] -= down
    out[..., 1:] += right
    out[..., :-1] -= right
    return out


def solved(field: Tensor, free: Tensor) -> Tensor:
    """Conjugate gradients on the free pixels, each channel for itself."""
    free = free.to(field)
    residual = -laplacian(field) * free
    direction, power = residual, energy(residual)
    for _ in range(MOST_STEPS):
        if residual.abs().max() < TOLERANCE:
            break
        slope = laplacian(direction) * free
        step = power / (direction * slope).sum((-1, -2), keepdim=True).clamp(min=1e-20)
        field = field + step * direction
        residual = residual - step * slope
        before, power = power, energy(residual)
        direction = residual + power / before.clamp(min=1e-20) * direction
    return field


def energy(field: Tensor) -> Tensor:
    return (field * field).sum((-1, -2), keepdim=True)
