"""Perfectly distilled models: the probability-flow ODE solved inside the model, and counted as one call.

What Turbo, Lightning, LCM and schnell aim at. Where the teacher's denoiser is exact, so is such a student: its guess is no mean
but a draw of the data, the one in which the ODE that starts from the state ends (Song et al. 2023,
https://arxiv.org/abs/2303.01469).
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import torch
from mask_guidance.sampler import (
    Ladder,
    alphas_cumprod,
    distilled,
    every_level_repeated,
    karras_sigmas,
    respaced_timesteps,
    sigmas,
)
from torch import Tensor

from .methods import Method, Task, finished

__all__ = [
    "LADDERS",
    "OURS",
    "STOCK",
    "DistilledTask",
    "anew",
    "euler",
    "few_calls",
    "lcm",
    "on_distilled",
    "ours",
    "solved",
]

SMALLEST = 0.01  # where the ODE ends, in one denoising
STEPS = 12  # of Heun's method; 24 move no number by more than 2 %
OURS = {4: (4, 1), 6: (3, 2), 8: (4, 2), 10: (5, 2), 12: (4, 3), 16: (4, 4), 20: (5, 4)}  # calls: levels, r
EIGHT = {16: (8, 2), 24: (8, 3)}  # on a model distilled to eight steps


class DistilledTask(Task):
    """A task whose model is a perfectly distilled one."""

    @classmethod
    def of(cls, task: Task) -> "DistilledTask":
        return cls(task.problem, task.pictures, task.seed, task.chains)

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        self.calls += 1
        return solved(self.problem.model.denoise, x, sigma)


def solved(teacher: Callable[[Tensor, float], Tensor], x: Tensor, sigma: float, steps: int = STEPS) -> Tensor:
    """Where the probability-flow ODE from x at noise sigma ends (Karras et al. 2022, https://arxiv.org/abs/2206.00364)."""
    for high, low in pairwise(inner_levels(sigma, steps)):
        slope = (x - teacher(x, high)) / high
        there = x + (low - high) * slope
        x = x + (low - high) * (slope + (there - teacher(there, low)) / low) / 2
    return teacher(x, min(sigma, SMALLEST))


@cache
def inner_levels(sigma: float, steps: int) -> list[float]:
    if sigma <= SMALLEST:
        return []
    levels: list[float] = karras_sigmas(steps + 1, sigma, SMALLEST).flip(0).tolist()
    return levels


BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
STABLE_DIFFUSION = sigmas(alphas_cumprod(BETAS))
SPREAD = 0.5  # standard deviation of the data here; of Stable Diffusion's latents: 1


def trailing(steps: int) -> list[float]:
    """The levels that Turbo and Lightning are distilled for: timesteps 999, 749, 499, 249, or 999, 874 ... 124."""
    timesteps = respaced_timesteps(len(STABLE_DIFFUSION), "trailing", steps)
    return [SPREAD * float(STABLE_DIFFUSION[t]) for t in timesteps]


def karras(steps: int) -> list[float]:
    levels: list[float] = karras_sigmas(steps, 20.0, 0.02).flip(0).tolist()
    return levels


LADDERS = {"trailing": trailing, "karras": karras}
Fill = Callable[[Task, list[float]], Tensor]


def euler(task: Task, levels: list[float]) -> Tensor:
    """A stock sampler under a latent noise mask: one noise for the known region, and the known region put into each guess."""
    return stock(task, levels, lambda x, x0, sigma, target: x0 + target / sigma * (x - x0))


def lcm(task: Task, levels: list[float]) -> Tensor:
    """The same with the sampler "lcm", which noises each guess anew."""
    return stock(task, levels, lambda x, x0, sigma, target: x0 + target * task.noise(x))


def anew(task: Task, levels: list[float]) -> Tensor:
    """The same, and the known region noised anew too."""
    return stock(task, levels, lambda x, x0, sigma, target: x0 + target * task.noise(x), one_noise=False)


def stock(task: Task, levels: list[float], step: Callable[..., Tensor], one_noise: bool = True) -> Tensor:
    noise = task.noise(task.pictures)
    x = levels[0] * noise
    for sigma, target in pairwise([*levels, 0.0]):
        x = torch.where(task.known, task.pictures + sigma * noise, x)
        x0 = torch.where(task.known, task.pictures, task.denoise(x, sigma))
        x = step(x, x0, sigma, target) if target else x0
        noise = noise if one_noise else task.noise(x)
    return x


STOCK: dict[str, Fill] = {"stock mask, euler": euler, "stock mask, lcm": lcm, "known noised anew, lcm": anew}


def ours(repeats: int, **options) -> Fill:
    """Method "distilled" of the pack."""

    def fill(task: Task, levels: list[float]) -> Tensor:
        noise = torch.tensor([0.0, *reversed(levels)], dtype=torch.float64)
        ladder = Ladder(torch.ones_like(noise), noise)
        start = levels[0] * task.noise(task.pictures)
        order = every_level_repeated(len(levels), repeats)
        known = task.known
        denoise = task.on(ladder)
        return finished(distilled(denoise, ladder, order, start, task.pictures, known, task.noise, **options))

    return fill


def on_distilled(fill: Fill, levels: list[float]) -> Callable[[Task], Tensor]:
    def run(task: Task) -> Tensor:
        few = DistilledTask.of(task)
        filled = fill(few, levels)
        task.calls = few.calls
        return filled

    return run


def few_calls(ladder: str, counts: tuple[int, ...] = tuple(OURS)) -> list[Method]:
    """Every method at every number of calls, on the levels of one kind."""
    rows = []
    for calls in counts:
        for name, fill in STOCK.items():
            rows.append(Method(f"{name} {calls}", name, on_distilled(fill, LADDERS[ladder](calls))))
        shapes = [OURS[calls]] + ([EIGHT[calls]] if calls in EIGHT else [])
        for steps, repeats in shapes:
            run = on_distilled(ours(repeats), LADDERS[ladder](steps))
            rows.append(Method(f"distilled {steps}x{repeats} ({calls})", "distilled (ours)", run))
    return rows
