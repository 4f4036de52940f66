"""The methods that are compared: this pack's own, and mask replacement as ComfyUI's own nodes do it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from mask_guidance.sampler import (
    Descent,
    Feedback,
    Kriging,
    Ladder,
    alphas_cumprod,
    feedback,
    karras_sigmas,
    kriged,
    named_betas,
    repaint,
    repaint_levels,
    repeated_levels,
    respaced_timesteps,
    sigmas,
)
from torch import Tensor

from .problems import Problem

__all__ = [
    "METHODS",
    "PAPER",
    "Method",
    "Task",
    "by_feedback",
    "by_kriging",
    "by_repaint",
    "karras_ladder",
    "paper_ladder",
]

TABLE = alphas_cumprod(named_betas("linear", 1000))
SMALLEST, LARGEST = 0.01, 20.0
SHIPPED, KRIGING = Feedback(), Kriging()
KRIGING_OFF: dict[str, dict] = {
    "no mean": {"share": 0.0},
    "no draw": {"draw": 0.0},
    "gain 1": {"gain": 1.0},
    "no opening": {"opening": False},
    "mean only": {"draw": 0.0, "gain": 1.0, "opening": False},
}


class Task:
    """Pictures to fill, the exact denoiser, and a count of its calls.

    Attributes:
        problem: Distribution and mask.
        pictures: Known pixels, zeros elsewhere; float32 (N, D).
        known: Boolean; (D,).
        chains: So many neighbouring rows have the same known pixels.
        calls: Denoiser calls so far.
    """

    def __init__(self, problem: Problem, pictures: Tensor, seed: int, chains: int = 1):
        self.problem, self.pictures, self.known, self.seed = problem, pictures.float(), problem.known, seed
        self.chains = chains
        self.generator = torch.Generator().manual_seed(seed)
        self.calls = 0

    def noise(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype)

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        """E[x0 | x] for x = x0 + sigma n."""
        self.calls += 1
        return self.problem.model.denoise(x, sigma)

    def on(self, ladder: Ladder) -> Callable[[Tensor, int], tuple[Tensor, None]]:
        """The denoiser in a ladder's own coordinates."""
        signal, noise = ladder.signal.tolist(), ladder.noise.tolist()
        return lambda x, level: (self.denoise(x / signal[level], noise[level] / signal[level]), None)


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        name: Unique.
        line: Rows with the same line are joined in the plot.
        run: Fills a task's pictures; (N, D).
    """

    name: str
    line: str
    run: Callable[[Task], Tensor]


def finished(chain) -> Tensor:
    for step in chain:
        last = step.x
    return last


def paper_ladder(steps: int = 250) -> Ladder:
    """guided-diffusion's linear betas, uniform respacing."""
    return Ladder.from_alphas_cumprod(TABLE, respaced_timesteps(1000, "uniform", steps))


def karras_ladder(steps: int, largest: float, smallest: float = SMALLEST) -> Ladder:
    noise = torch.cat([torch.zeros(1, dtype=torch.float64), karras_sigmas(steps, largest, smallest)])
    return Ladder(torch.ones_like(noise), noise)


def trained_ladder(steps: int, largest: float) -> Ladder:
    """The karras levels moved to the nearest of guided-diffusion's thousand timesteps."""
    timesteps = respaced_timesteps(1000, "karras", steps, sigmas(TABLE), largest)
    return Ladder.from_alphas_cumprod(TABLE, timesteps)


def by_repaint(ladder: Ladder, jump_length: int, jump_n_sample: int, jumps_every: int = 0) -> Callable[[Task], Tensor]:
    def run(task: Task) -> Tensor:
        levels = repaint_levels(ladder.steps, jump_length, jump_n_sample, jumps_every=jumps_every)
        x = float(ladder.noise[-1]) * task.noise(task.pictures)
        rules = "fixed_small", jumps_every > 0
        return finished(repaint(task.on(ladder), ladder, levels, x, task.pictures, task.known, task.noise, *rules))

    return run


def by_feedback(ladder: Ladder, repeats: int, rule: Feedback = SHIPPED, levels=None) -> Callable[[Task], Tensor]:
    def run(task: Task) -> Tensor:
        order = levels or repeated_levels(Descent.on(ladder, LARGEST), repeats)
        x = float(ladder.noise[-1]) * task.noise(task.pictures)
        return finished(feedback(task.on(ladder), ladder, order, x, task.pictures, task.known, task.noise, rule))

    return run


def by_kriging(ladder: Ladder, repeats: int, rule: Kriging = KRIGING) -> Callable[[Task], Tensor]:
    """Pictures on their grid; vectors have none."""

    def run(task: Task) -> Tensor:
        shape = (-1, 1, task.problem.side, task.problem.side) if task.problem.side else (-1, task.problem.data.dim)
        flat = task.on(ladder)

        def denoise(x: Tensor, level: int) -> tuple[Tensor, None]:
            return flat(x.flatten(1), level)[0].view(shape), None

        order = repeated_levels(Descent.on(ladder, LARGEST), repeats)
        x = float(ladder.noise[-1]) * task.noise(task.pictures)
        pictures, known = task.pictures.view(shape), task.known.view(shape)
        return finished(
            kriged(denoise, ladder, order, x.view(shape), pictures, known, task.noise, kriging=rule)
        ).flatten(1)

    return run


def simple_sigmas(steps: int) -> list[float]:
    """The host's scheduler "simple": every so-many-th training timestep from the noisiest, then 0."""
    table = sigmas(TABLE).tolist()
    return [table[-1 - int(i * len(table) / steps)] for i in range(steps)] + [0.0]


def by_stock_mask(schedule: list[float], ancestral: bool) -> Callable[[Task], Tensor]:
    """Mask replacement with one noise for the whole run, as a latent noise mask does in the stock sampler nodes.

    Before each call the known region becomes picture + sigma * noise, after it the picture itself; the solver (Euler's
    method, or its ancestral variant) sees nothing of that.
    """

    def run(task: Task) -> Tensor:
        fixed = task.noise(task.pictures)
        x = schedule[0] * fixed
        for sigma, target in pairwise(schedule):
            x = torch.where(task.known, task.pictures + sigma * fixed, x)
            x0 = torch.where(task.known, task.pictures, task.denoise(x, sigma))
            down, up = split(sigma, target) if ancestral else (target, 0.0)
            x = x0 + down / sigma * (x - x0)
            if up:
                x = x + up * task.noise(x)
        return torch.where(task.known, task.pictures, x)

    return run


def split(sigma: float, target: float) -> tuple[float, float]:
    """How far an ancestral step goes down, and how much noise it then adds, to arrive at `target`."""
    up = min(target, (target**2 * (sigma**2 - target**2) / sigma**2) ** 0.5)
    return (target**2 - up**2) ** 0.5, up


PRESETS = {"draft": (7, 4), "fast": (16, 4), "balanced": (16, 8), "quality": (20, 18)}  # of feedback: levels, visits
OF_KRIGED = PRESETS | {"draft": (9, 3)}
PAPER = "repaint paper (T250 j10 r10)"


def preset(name: str, rule: Feedback = SHIPPED, largest: float = LARGEST) -> Callable[[Task], Tensor]:
    steps, repeats = PRESETS[name]
    return by_feedback(karras_ladder(steps, largest), repeats, rule)


def kriged_preset(name: str, rule: Kriging = KRIGING) -> Callable[[Task], Tensor]:
    steps, repeats = OF_KRIGED[name]
    return by_kriging(karras_ladder(steps, LARGEST), repeats, rule)


def own() -> list[Method]:
    rows = [Method(f"feedback {name}", "feedback (ours)", preset(name)) for name in PRESETS]
    rows += [Method(f"kriged {name}", "kriged (ours)", kriged_preset(name)) for name in PRESETS]
    rows.append(Method(PAPER, "RePaint", by_repaint(paper_ladder(250), 10, 10)))
    for steps, r, j in ((10, 2, 5), (20, 4, 5), (25, 5, 5), (50, 6, 5), (100, 10, 10)):
        rows.append(Method(f"repaint T{steps} j{j} r{r}", "RePaint", by_repaint(paper_ladder(steps), j, r)))
    for steps, r, j in ((7, 4, 2), (16, 4, 3), (20, 5, 5), (40, 7, 5)):
        ladder = karras_ladder(steps, LARGEST)
        rows.append(Method(f"repaint karras T{steps} j{j} r{r}", "RePaint, karras levels", by_repaint(ladder, j, r)))
    return rows


def ablations() -> list[Method]:
    """`feedback` and `kriged` with one idea switched off each."""
    off = {
        "strength 0": {"strength": 0.0},
        "leak 0": {"leak": 0.0},
        "energy free": {"match_energy": False},
        "uncalibrated": {"calibrate": False},
        "dip .9": {"dip": 0.9},
        "strength 0, uncalibrated, dip .9": {"strength": 0.0, "calibrate": False, "dip": 0.9},
    }
    rows = []
    for name in ("fast", "balanced", "quality"):
        for label, change in off.items():
            rule = replace(Feedback(), **change)
            rows.append(Method(f"feedback {name}, {label}", f"feedback, {label}", preset(name, rule)))
    for name in ("draft", "fast", "balanced"):
        for label, change in KRIGING_OFF.items():
            run = kriged_preset(name, replace(KRIGING, **change))
            rows.append(Method(f"kriged {name}, {label}", f"kriged, {label}", run))
    return rows


def stock() -> list[Method]:
    rows = []
    for ancestral, name in ((False, "euler"), (True, "euler_ancestral")):
        for steps in (20, 50, 100, 250):
            run = by_stock_mask(simple_sigmas(steps), ancestral)
            rows.append(Method(f"stock mask {name} {steps}", f"stock mask, {name}", run))
    return rows


METHODS = {"ours": own, "stock": stock, "ablations": ablations}
