"""Noise schedules and the choice of timesteps.

Tables are float64, one-dimensional and indexed by training step unless a name says otherwise; `alphas_cumprod[t]` is the
share of the picture's variance left at step t (Ho et al. 2020, https://arxiv.org/abs/2006.11239, equation 4).
"""

import math

import torch
from torch import Tensor

__all__ = [
    "BETAS",
    "SKIP_TYPES",
    "alphas_cumprod",
    "named_betas",
    "parse_respacing",
    "respaced_timesteps",
    "sigmas",
]


def linear_betas(steps: int) -> Tensor:
    """1e-4 to 0.02 at 1000 steps, rescaled for other lengths (guided-diffusion)."""
    scale = 1000 / steps
    return torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64)


def quad_betas(steps: int) -> Tensor:
    """Square of a linear ramp with the ends of `linear_betas`: Stable Diffusion's "scaled linear", DDIM's "quad"."""
    scale = 1000 / steps
    return torch.linspace(math.sqrt(scale * 1e-4), math.sqrt(scale * 0.02), steps, dtype=torch.float64) ** 2


def const_betas(steps: int) -> Tensor:
    """The last value of `linear_betas` at every step."""
    return torch.full((steps,), 1000 / steps * 0.02, dtype=torch.float64)


def cosine_betas(steps: int, max_beta: float = 0.999) -> Tensor:
    """Nichol & Dhariwal 2021, https://arxiv.org/abs/2102.09672, equation 17."""
    u = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=max_beta)


BETAS = {"linear": linear_betas, "cosine": cosine_betas, "quad": quad_betas, "const": const_betas}


def named_betas(name: str, steps: int) -> Tensor:
    """Training betas by name.

    Args:
        name: "linear", "cosine", "quad" or "const".
        steps: T, the number of training steps, >= 1.

    Returns:
        float64 (steps,), each in (0, 1).

    Raises:
        ValueError: Unknown name, no steps, or a length at which a beta would reach 1 (linear schedules of 2 to 20 steps).
    """
    if name not in BETAS:
        raise ValueError(f"Unknown noise schedule '{name}'; choose one of {', '.join(BETAS)}.")
    if steps < 1:
        raise ValueError(f"A noise schedule needs at least 1 step, not {steps}.")
    betas = BETAS[name](steps)
    if betas.max() >= 1:
        raise ValueError(f"The '{name}' noise schedule needs more than {steps} steps: its last beta would reach 1.")
    return betas


def alphas_cumprod(betas: Tensor) -> Tensor:
    """Product of (1 - beta) up to and including each step; float64, same shape."""
    return torch.cumprod(1 - betas.double(), dim=0)


def sigmas(alphas_cumprod: Tensor) -> Tensor:
    """Noise over signal, sqrt((1 - a) / a): the host's and k-diffusion's `sigma`; same shape."""
    return ((1 - alphas_cumprod) / alphas_cumprod).sqrt()


def uniform_timesteps(total: int, count: int) -> list[int]:
    """guided-diffusion's "250": evenly spread, both 0 and total - 1 among them."""
    if count == 1:
        return [total - 1]  # the original gives 0 here, where a chain that starts from pure noise cannot begin
    stride = (total - 1) / (count - 1)
    ascending, position = [], 0.0
    for _ in range(count):
        ascending.append(round(position))
        position += stride  # summed, not multiplied: the original's rounding depends on it
    return ascending


def leading_timesteps(total: int, count: int) -> list[int]:
    """guided-diffusion's "ddimN": every i-th step from 0 for a whole i; the last one stays below total - 1."""
    stride = max(1, math.ceil(total / count))
    ascending = list(range(0, total, stride))
    if len(ascending) != count:
        more = math.ceil(total / (stride - 1)) if stride > 1 else total
        raise ValueError(
            f"skip_type 'leading' cannot take exactly {count} of {total} timesteps with a whole stride; "
            f"the nearest possible are {len(ascending)} and {more}."
        )
    return ascending


def trailing_timesteps(total: int, count: int) -> list[int]:
    """Evenly spread and ending at total - 1 (Lin et al. 2023, https://arxiv.org/abs/2305.08891, table 2)."""
    return [round((i + 1) * total / count) - 1 for i in range(count)]


def quad_timesteps(total: int, count: int) -> list[int]:
    """Quadratic, dense near the picture (Song et al. 2020, DDIM, appendix D.3), reaching total - 1, none twice."""
    if count == 1:
        return [total - 1]
    ascending = []
    for i in range(count):
        wanted = round((total - 1) * (i / (count - 1)) ** 2)
        ascending.append(wanted if i == 0 else max(wanted, ascending[-1] + 1))
    return ascending


def all_timesteps(total: int, count: int) -> list[int]:
    """Every step; `count` is not used."""
    return list(range(total))


SKIP_TYPES = {
    "uniform": uniform_timesteps,
    "leading": leading_timesteps,
    "trailing": trailing_timesteps,
    "quad": quad_timesteps,
    "none": all_timesteps,
}


def respaced_timesteps(total: int, skip_type: str = "uniform", skip_steps: int = 250) -> list[int]:
    """The training steps a shorter chain visits.

    Args:
        total: T, training steps.
        skip_type: "uniform", "leading", "trailing", "quad" or "none" (all of them).
        skip_steps: How many to keep, 1 to T; not used with "none".

    Returns:
        Exactly `skip_steps` training steps, strictly falling.

    Raises:
        ValueError: Unknown type, or a number that cannot be had; names the nearest possible.
    """
    if skip_type not in SKIP_TYPES:
        raise ValueError(f"Unknown skip_type '{skip_type}'; choose one of {', '.join(SKIP_TYPES)}.")
    if skip_type != "none" and not 1 <= skip_steps <= total:
        nearest = min(max(skip_steps, 1), total)
        raise ValueError(
            f"skip_steps is {skip_steps}, but the model has timesteps 1 to {total}; the nearest possible is {nearest}."
        )
    return SKIP_TYPES[skip_type](total, skip_steps)[::-1]


def parse_respacing(total: int, respacing: str) -> list[int]:
    """Timesteps from guided-diffusion's `timestep_respacing` string.

    Args:
        total: T, training steps.
        respacing: "250" (uniform), "ddim50" (leading), or "10,10,5": that many from each equal section, first section
            nearest to the picture.

    Returns:
        Training steps, strictly falling.

    Raises:
        ValueError: Not such a string, or a number that cannot be had.
    """
    text = respacing.strip()
    count = text.removeprefix("ddim")
    if text.startswith("ddim") and count.isdecimal():
        return respaced_timesteps(total, "leading", int(count))
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(
            f"timestep_respacing is '{respacing}'; write a number ('250'), 'ddim50', or sections '10,10,5'."
        )
    if len(parts) == 1:
        return respaced_timesteps(total, "uniform", int(parts[0]))
    return section_timesteps(total, [int(part) for part in parts])


def section_timesteps(total: int, counts: list[int]) -> list[int]:
    """The range cut into equal sections, `counts[i]` evenly spread steps from each; strictly falling."""
    ascending, start = [], 0
    for i, count in enumerate(counts):
        size = total // len(counts) + (1 if i < total % len(counts) else 0)
        if count > size:
            raise ValueError(
                f"Section {i + 1} of timestep_respacing holds {size} steps; {count} cannot be taken from it."
            )
        # A section of one step keeps its first, as the original does.
        steps = [0] if count == 1 else uniform_timesteps(size, count)
        ascending += [start + step for step in steps]
        start += size
    return ascending[::-1]
