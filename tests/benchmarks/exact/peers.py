"""Other people's samplers, each run from its own package; where one is not installed, the table says so.

None of them is a dependency of the pack: `tests/benchmarks/requirements.txt` names those on PyPI, LanPaint is found by
the path that the user gives. DInG, whose code needs its own models, is written here after its paper.
"""

import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from .methods import LARGEST, Method, Task, karras_ladder, simple_sigmas

__all__ = ["peers"]

LANPAINT = {"Friction": 15.0, "Lambda": 5.0, "Beta": 1.0, "MinStepFrac": 1.0}  # what the nodes of its 2.1.0 give it
DING_STD = 0.01  # of the known values
LANPAINT_STEPS = {"": 0.2, ", step size 1": 1.0}  # its default; what is best of its range on the example model


def peers(lanpaint: Path | None) -> tuple[list[Method], list[str]]:
    """Rows of the peers that are here, and a line about each that is not."""
    rows, missing = ding_rows(), []
    for package, make in (("diffusers", diffusers_rows), ("azula", azula_rows)):
        if importlib.util.find_spec(package):
            rows += make()
        else:
            missing.append(f"{package}: not installed (pip install -r tests/benchmarks/requirements.txt)")
    if lanpaint:
        rows += lanpaint_rows(lanpaint)
    else:
        missing.append("LanPaint: not run (give its checkout with --lanpaint PATH)")
    return rows, missing


def diffusers_rows() -> list[Method]:
    settings = ((20, 4, 5), (25, 5, 5), (50, 6, 5), (100, 10, 10), (250, 10, 10))
    return [
        Method(f"diffusers RePaint T{steps} j{j} r{r}", "diffusers RePaintScheduler", by_diffusers(steps, j, r))
        for steps, r, j in settings
    ]


def by_diffusers(steps: int, jump_length: int, jump_n_sample: int) -> Callable[[Task], Tensor]:
    """The loop of its RePaintPipeline, with its default eta 0; pictures here reach past [-1, 1], so no clipping."""

    def run(task: Task) -> Tensor:
        from diffusers import RePaintScheduler

        scheduler = RePaintScheduler(eta=0.0, clip_sample=False)
        scheduler.set_timesteps(steps, jump_length, jump_n_sample)
        x, before = task.noise(task.pictures), int(scheduler.timesteps[0]) + 1
        for t in scheduler.timesteps.tolist():
            if t < before:
                share = float(scheduler.alphas_cumprod[t])
                x0 = task.denoise(x / share**0.5, (1 / share - 1) ** 0.5)
                eps = (x - share**0.5 * x0) / (1 - share) ** 0.5
                x = scheduler.step(eps, t, x, task.pictures, task.known.float(), task.generator).prev_sample
            else:
                x = scheduler.undo_step(x, before, task.generator)
            before = t
        return x

    return run


def azula_rows() -> list[Method]:
    settings = ((16, 3), (25, 4), (50, 5), (100, 9))
    return [Method(f"azula RePaint {steps} x {n}", "azula RePaintSampler", by_azula(steps, n)) for steps, n in settings]


def by_azula(steps: int, iterations: int) -> Callable[[Task], Tensor]:
    """Its default eta 0, on its own variance-preserving schedule."""

    def run(task: Task) -> Tensor:
        from azula.denoise import Denoiser, DiracPosterior
        from azula.guidance.repaint import RePaintSampler
        from azula.noise import VPSchedule

        class Exact(Denoiser):
            schedule = VPSchedule()

            def forward(self, x: Tensor, t: Tensor, **ignored) -> DiracPosterior:
                signal, noise = (float(value) for value in self.schedule(t))
                return DiracPosterior(mean=task.denoise(x / signal, noise / signal))

        with torch.random.fork_rng():
            torch.manual_seed(task.seed)  # it draws from the process's generator
            sampler = RePaintSampler(Exact(), task.pictures, task.known, iterations, steps=steps, silent=True)
            return sampler(sampler.init(task.pictures.shape))

    return run


def ding_rows() -> list[Method]:
    return [Method(f"DInG {steps}", "DInG", by_ding(steps)) for steps in (10, 23, 43, 113)]


def by_ding(steps: int) -> Callable[[Task], Tensor]:
    """Decoupled guidance (Moufad et al. 2025, https://arxiv.org/abs/2512.18365), two calls a step, after the paper.

    A draw z of the unguided transition tells, by a second call, which noise goes with the known values; the transition is
    then conditioned on these as on a measurement. Flow coordinates, x = (1 - t) x0 + t n, levels evenly spread (karras: half
    as good), and the paper's choice of eta, by which the transition's variance is t^3.
    """
    levels = torch.linspace(LARGEST / (1 + LARGEST), 0, steps + 1, dtype=torch.float64).tolist()

    def run(task: Task) -> Tensor:
        known, x = task.known.float(), levels[0] * task.noise(task.pictures)

        def noise_in(x: Tensor, t: float) -> Tensor:
            return (x - (1 - t) * task.denoise(x / (1 - t), t / (1 - t))) / t

        for t, target in pairwise(levels[:-1]):
            noise = noise_in(x, t)
            x0, variance = (x - t * noise) / (1 - t), target**3
            mean = (1 - target) * x0 + (target**2 - variance) ** 0.5 * noise
            guess = noise_in(mean + variance**0.5 * task.noise(x), target)
            measured = (1 - target) * task.pictures + target * guess
            precision = 1 / variance + known / (DING_STD * (1 - target)) ** 2
            x = (mean / variance + known * measured / (DING_STD * (1 - target)) ** 2) / precision
            x = x + precision**-0.5 * task.noise(x)
        t = levels[-2]
        return torch.where(task.known, task.pictures, (x - t * noise_in(x, t)) / (1 - t))

    return run


def lanpaint_rows(path: Path) -> list[Method]:
    rows = []
    for name, schedule in (("simple", simple_sigmas), ("karras", karras_schedule)):
        for said, size in LANPAINT_STEPS.items():
            for inner, steps in ((5, 5), (5, 11), (10, 12), (5, 26), (20, 18)):
                run = by_lanpaint(path, schedule(steps), inner, size)
                rows.append(Method(f"LanPaint-{inner} {name} {steps}{said}", f"LanPaint, {name}{said}", run))
    return rows


def karras_schedule(steps: int) -> list[float]:
    return karras_ladder(steps, 20.0).noise.flip(0).tolist()


def by_lanpaint(path: Path, schedule: list[float], inner: int, size: float = 0.2) -> Callable[[Task], Tensor]:
    """Its sampler class in Euler's method, driven as its nodes drive it.

    As in its nodes the number of inner steps falls with the noise level, to none in the last step. It is told one sigma for
    all: a sigma for each picture makes it take the model for a flow model (see peers/lanpaint.py).
    """

    def run(task: Task) -> Tensor:
        sampler = lanpaint_class(path)(lanpaint_model(task), inner, StepSize=size, **LANPAINT)
        fixed, known = task.noise(task.pictures), task.known.float().expand_as(task.pictures)
        x = schedule[0] * fixed
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(task.seed)
            for sigma, target in pairwise(schedule):
                at = torch.tensor([sigma])
                share = 1 / (1 + at**2)
                steps = round(inner * float(1 - share)) if target else 0
                noisiness = at / (1 + at)
                x0 = sampler(x, task.pictures, fixed, at, known, (at, share, noisiness), {}, task.seed, n_steps=steps)
                x = x0 + target / sigma * (x - x0)
        return torch.where(task.known, task.pictures, x)

    return run


def lanpaint_model(task: Task):
    """What its class calls: two guesses, of the first and the second guidance scale, which are the same here."""

    def model(x: Tensor, sigma: Tensor, model_options=None, seed=None) -> tuple[Tensor, Tensor]:
        x0 = task.denoise(x, float(sigma.flatten()[0]))
        return x0, x0

    scaling = types.SimpleNamespace(noise_scaling=lambda sigma, noise, picture: picture + sigma * noise)
    model.inner_model = types.SimpleNamespace(model_sampling=scaling)
    return model


def lanpaint_class(path: Path) -> type:
    """The class from the user's files, without the package's own __init__, which needs ComfyUI."""
    found = next((folder for folder in (path / "src" / "LanPaint", path) if (folder / "lanpaint.py").exists()), None)
    if found is None:
        raise SystemExit(f"No lanpaint.py in {path} or in its src/LanPaint.")
    package = sys.modules.setdefault("lanpaint_files", types.ModuleType("lanpaint_files"))
    package.__path__ = [str(found)]
    return importlib.import_module("lanpaint_files.lanpaint").LanPaint
