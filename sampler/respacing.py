"""Which of the training timesteps a shorter chain visits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .sentence import shortly

__all__ = [
    "SKIP_TYPES",
    "USUAL_LARGEST",
    "SkipType",
    "karras_sigmas",
    "largest_sigma",
    "parse_respacing",
    "respaced_timesteps",
]


def uniform_timesteps(total: int, count: int) -> list[int]:
    """guided-diffusion's "250": evenly spread, both 0 and total - 1 among them."""
    if count == 1:
        return [total - 1]  # the original gives 0 here, where a chain that starts from pure noise cannot begin
    stride = (total - 1) / (count - 1)
    ascending: list[int] = []
    position = 0.0
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
            f"skip_type 'leading' (respacing 'ddim') cannot take exactly {count} of {total} timesteps with a whole stride; "
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
    ascending: list[int] = []
    for i in range(count):
        wanted = round((total - 1) * (i / (count - 1)) ** 2)
        ascending.append(wanted if i == 0 else max(wanted, ascending[-1] + 1))
    return ascending


USUAL_LARGEST = 160.0  # `largest_sigma` of a picture of 128 pixels, where the picture is not known


def largest_sigma(shape: Sequence[int]) -> float:
    """Noise over signal at which a picture of this size is drowned, and a "karras" chain may start.

    The coarsest patterns of a picture are louder than its pixels, in proportion to its side: a level that drowns 16x16
    pixels (20; data of standard deviation 0.5) leaves the brightness of a 256x256 picture in plain sight.

    Args:
        shape: (B, C, ...).
    """
    return 1.25 * max(shape[2:], default=64)


def karras_sigmas(count: int, largest: float, smallest: float, rho: float = 7.0) -> Tensor:
    """Noise levels dense near the picture (Karras et al. 2022, https://arxiv.org/abs/2206.00364, equation 5).

    Returns:
        float64 (count,), rising.
    """
    ramp = torch.linspace(0, 1, count, dtype=torch.float64) if count > 1 else torch.ones(1, dtype=torch.float64)
    low, high = smallest ** (1 / rho), largest ** (1 / rho)
    return (low + ramp * (high - low)) ** rho


def karras_timesteps(total: int, count: int, sigmas: Tensor | None, largest: float) -> list[int]:
    """The timesteps nearest to `karras_sigmas`, on a logarithmic scale, none twice."""
    if sigmas is None:
        raise ValueError("skip_type 'karras' chooses by noise level: give the model's sigmas as well.")
    table = sigmas.cpu().double()
    top = min(largest, float(table[table.isfinite()].max()))
    wanted = karras_sigmas(count, top, float(table[0])).log()
    ascending: list[int] = []
    for i, value in enumerate(wanted):
        nearest = int((table.log() - value).abs().argmin())
        lowest = ascending[-1] + 1 if ascending else 0
        ascending.append(min(max(nearest, lowest), total - count + i))
    return ascending


@dataclass(frozen=True)
class SkipType:
    """A way to choose timesteps.

    Attributes:
        choose: Called with the number of training steps, how many to keep, the model's sigmas and where "karras" starts, see
            `respaced_timesteps`; returns training steps, strictly rising.
        words: Which they are, for people.
        counted: So many are kept as were asked for; False takes as many as there are.
    """

    choose: Callable[[int, int, Tensor | None, float], list[int]]
    words: str
    counted: bool = True


SKIP_TYPES = {
    "karras": SkipType(karras_timesteps, "evenly in noise level, dense near the picture; best for few steps"),
    "uniform": SkipType(
        lambda total, count, *_: uniform_timesteps(total, count),
        "evenly, both ends included (guided-diffusion, RePaint)",
    ),
    "leading": SkipType(lambda total, count, *_: leading_timesteps(total, count), "every n-th from 0 (DDIM)"),
    "trailing": SkipType(
        lambda total, count, *_: trailing_timesteps(total, count), "every n-th from the end (Turbo, Lightning, schnell)"
    ),
    "quad": SkipType(lambda total, count, *_: quad_timesteps(total, count), "dense near the finished picture"),
    "none": SkipType(lambda total, *_: list(range(total)), "all of them, whatever skip_steps says", counted=False),
}


def respaced_timesteps(
    total: int,
    skip_type: str = "uniform",
    skip_steps: int = 250,
    sigmas: Tensor | None = None,
    largest: float = math.inf,
    named: str = "skip_steps",
) -> list[int]:
    """The training steps a shorter chain visits.

    Args:
        total: T, training steps.
        skip_type: A key of SKIP_TYPES.
        skip_steps: How many to keep, 1 to T; not used with "none".
        sigmas: Noise over signal by training step, for "karras"; (T,).
        largest: "karras" starts at the timestep nearest to this sigma, if the model goes beyond it.
        named: The setting that `skip_steps` was written in, for the error.

    Returns:
        Exactly `skip_steps` training steps, strictly falling.

    Raises:
        ValueError: Unknown type, or a number that cannot be had; names the nearest possible.
    """
    if skip_type not in SKIP_TYPES:
        raise ValueError(f"Unknown skip_type '{skip_type}'; choose one of {', '.join(SKIP_TYPES)}.")
    kind = SKIP_TYPES[skip_type]
    if kind.counted and not 1 <= skip_steps <= total:
        nearest = min(max(skip_steps, 1), total)
        raise ValueError(
            f"{named} is {skip_steps}, but the model has timesteps 1 to {total}; the nearest possible is {nearest}."
        )
    return kind.choose(total, skip_steps, sigmas, largest)[::-1]


RESPACING = "timestep_respacing"
MOST_DIGITS = 9  # of a number of steps; Python itself reads no more than 4300


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
    if text.startswith("ddim") and is_number(count):
        return respaced_timesteps(total, "leading", int(count), named=RESPACING)
    parts = [part.strip() for part in text.split(",")]
    if not all(is_number(part) and int(part) > 0 for part in parts):
        raise ValueError(
            f"{RESPACING} is {shortly(respacing)}; write a number ('250'), 'ddim50', or sections '10,10,5'."
        )
    if len(parts) == 1:
        return respaced_timesteps(total, "uniform", int(parts[0]), named=RESPACING)
    return section_timesteps(total, [int(part) for part in parts])


def is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MOST_DIGITS


def section_timesteps(total: int, counts: list[int]) -> list[int]:
    """The range cut into equal sections, `counts[i]` evenly spread steps from each; strictly falling."""
    ascending: list[int] = []
    start = 0
    for i, count in enumerate(counts):
        size = total // len(counts) + (1 if i < total % len(counts) else 0)
        if count > size:
            raise ValueError(f"Section {i + 1} of {RESPACING} holds {size} steps; {count} cannot be taken from it.")
        # A section of one step keeps its first, as the original does.
        steps = [0] if count == 1 else uniform_timesteps(size, count)
        ascending += [start + step for step in steps]
        start += size
    return ascending[::-1]
