"""Noise schedules.

Tables are float64, one-dimensional and indexed by training step unless a name says otherwise; `alphas_cumprod[t]` is the
share of the picture's variance left at step t (Ho et al. 2020, https://arxiv.org/abs/2006.11239, equation 4).
"""

import math

import torch
from torch import Tensor

__all__ = [
    "BETAS",
    "alphas_cumprod",
    "named_betas",
    "sigmas",
]

MOST_BETA = 0.999  # of the cosine schedule


def linear_betas(steps: int, start: float, end: float) -> Tensor:
    return torch.linspace(start, end, steps, dtype=torch.float64)


def quad_betas(steps: int, start: float, end: float) -> Tensor:
    """Square of a linear ramp: Stable Diffusion's "scaled linear", DDIM's "quad"."""
    return torch.linspace(math.sqrt(start), math.sqrt(end), steps, dtype=torch.float64) ** 2


def const_betas(steps: int, start: float, end: float) -> Tensor:
    """The end at every step."""
    return torch.full((steps,), end, dtype=torch.float64)


def cosine_betas(steps: int, start: float, end: float) -> Tensor:
    """Nichol & Dhariwal 2021, https://arxiv.org/abs/2102.09672, equation 17; it has no ends to choose."""
    u = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=MOST_BETA)


def sigmoid_betas(steps: int, start: float, end: float) -> Tensor:
    """Jabri et al. 2022, https://arxiv.org/abs/2212.11972, figure 8, from -3 to 3; like cosine it has no ends to choose."""
    u = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = torch.sigmoid(3 - 6 * u) - torch.sigmoid(torch.tensor(-3.0, dtype=torch.float64))
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=MOST_BETA)


BETAS = {
    "linear": linear_betas,
    "cosine": cosine_betas,
    "quad": quad_betas,
    "const": const_betas,
    "sigmoid": sigmoid_betas,
}


def named_betas(name: str, steps: int, start: float | None = None, end: float | None = None) -> Tensor:
    """Training betas by name.

    Args:
        name: "linear", "cosine", "quad", "const" or "sigmoid".
        steps: T, the number of training steps, >= 1.
        start: The first beta, in (0, 1); default 1e-4 at 1000 steps, rescaled for other lengths as in guided-diffusion.
        end: The last one; default 0.02, likewise.

    Returns:
        float64 (steps,), each in (0, 1).

    Raises:
        ValueError: Unknown name, no steps, or a length at which a beta would reach 1 (linear schedules of 2 to 20 steps).
    """
    if name not in BETAS:
        raise ValueError(f"Unknown noise schedule '{name}'; choose one of {', '.join(BETAS)}.")
    if steps < 1:
        raise ValueError(f"A noise schedule needs at least 1 step, not {steps}.")
    scale = 1000 / steps
    betas = BETAS[name](steps, scale * 1e-4 if start is None else start, scale * 0.02 if end is None else end)
    if betas.max() >= 1:
        raise ValueError(f"The '{name}' noise schedule needs more than {steps} steps: its last beta would reach 1.")
    return betas


def alphas_cumprod(betas: Tensor) -> Tensor:
    """Product of (1 - beta) up to and including each step; float64, same shape."""
    return torch.cumprod(1 - betas.double(), dim=0)


def sigmas(alphas_cumprod: Tensor) -> Tensor:
    """Noise over signal, sqrt((1 - a) / a): the host's and k-diffusion's `sigma`; same shape."""
    return ((1 - alphas_cumprod) / alphas_cumprod).sqrt()
