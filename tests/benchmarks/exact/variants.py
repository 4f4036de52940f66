"""The feedback sampler with one thing changed: what NOTES.md reports on, so that it can be measured again."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from mask_guidance.sampler import Descent, Feedback
from mask_guidance.sampler.methods import feedback as MODULE
from torch import Tensor
from torch.nn.functional import conv2d

from .adaptive import CRITERIA, by_adaptive
from .methods import (
    LARGEST,
    PRESETS,
    Method,
    Task,
    by_feedback,
    by_repaint,
    karras_ladder,
    paper_ladder,
    preset,
    trained_ladder,
)

__all__ = ["variants"]

MIDDLE, LOWER_THIRD = 1.04, 0.35  # noise at these places of a ladder from 0.01 to 20


def variants() -> list[Method]:
    makers = (
        strengths,
        settling,
        ranges,
        snapped,
        windows,
        stable_diffusion,
        levels_or_repeats,
        errors,
        energies,
        dips,
        combined,
        adaptives,
        fixed_repeats,
        bouts,
    )
    return [Method(name, name, run) for make in makers for name, run in make()]


def bouts():
    """RePaint's jumps at every so many levels, the known region left to the model in them; 0: the paper's order."""
    for steps, every, r in ((50, 0, 1), (50, 0, 5), (50, 10, 4), (250, 0, 3), (250, 25, 5), (250, 100, 10)):
        yield f"bouts T{steps} j10 r{r} every {every}", by_repaint(paper_ladder(steps), 10, r, every)


def strengths():
    for leak in (0.05, 0.1, 0.4):
        yield f"leak {leak}", preset("balanced", replace(Feedback(), leak=leak))
    for strength in (0.25, 0.5, 0.75):
        yield f"strength {strength}", preset("balanced", replace(Feedback(), strength=strength))
    for fade in (0.5, 1.0, 2.0, 3.0):
        yield f"fade {fade}", preset("balanced", replace(Feedback(), fade=fade))
    for dip in (0.2, 0.3, 0.4, 0.6, 0.7):
        yield f"lower dip {dip}", preset("balanced", replace(Feedback(), dip=dip))


def settling():
    """How much of the measured error the last step above the picture may turn into noise; inf: all of it."""
    for name in ("draft", "fast", "balanced"):
        for settle in (0.5, 0.75, 1.0, 1.5, 2.0, math.inf):
            yield f"settle {settle:g} {name}", preset(name, replace(Feedback(), settle=settle))


def ranges():
    for largest in (5, 10, 40, 80, 157):
        yield f"top {largest}", preset("balanced", largest=largest)
    for largest, steps in ((40, 18), (80, 20), (157, 22)):
        run = by_feedback(karras_ladder(steps, largest), round(1 + (86 - steps) / middle(steps)))
        yield f"top {largest}, {steps} levels", run
    for smallest in (0.003, 0.02, 0.04):
        yield f"bottom {smallest}", by_feedback(karras_ladder(16, LARGEST, smallest), 8)


def middle(steps: int) -> int:
    return len(MODULE.repeated_levels(Descent.on(karras_ladder(steps, LARGEST), LARGEST), 2)) - 1 - steps


def snapped():
    for name, (steps, repeats) in PRESETS.items():
        yield f"snapped {name}", by_feedback(trained_ladder(steps, LARGEST), repeats)


def windows():
    """Where to repeat, at about 86 calls: levels left out at the noisy and at the clean end."""
    for top, end in ((1, 1), (3, 1), (4, 1), (6, 1), (7, 1), (8, 1), (5, 2), (5, 3), (5, 5), (3, 3)):
        repeated = 16 - top - end
        levels = order(16, top, end, round(1 + 70 / repeated))
        yield f"window {top} {end}", by_feedback(karras_ladder(16, LARGEST), 0, levels=levels)


def stable_diffusion():
    """Stable Diffusion's noise at 512 px (64 x 64 latents of deviation 1, sigmas 14.6 to .029), for 16 px of deviation .5.

    Its top level does not drown the picture, so that levels where repeats help begin at once.
    """
    ladder = {steps: karras_ladder(steps, 1.83, 0.0146) for steps in (7, 13, 16)}
    for steps, top, end, repeats in (
        *((7, 2, 1, 4), (7, 1, 1, 4), (7, 1, 1, 3), (7, 1, 1, 2)),
        *((16, 5, 1, 4), (16, 1, 1, 4), (16, 2, 1, 3), (16, 1, 1, 3), (13, 1, 1, 4)),
        *((16, 5, 1, 8), (16, 1, 1, 6), (13, 1, 1, 8)),
    ):
        levels = order(steps, top, end, repeats)
        yield f"sd {steps} levels, {top} {end} once, r {repeats}", by_feedback(ladder[steps], 0, levels=levels)


def order(steps: int, top: int, end: int, repeats: int) -> list[int]:
    return [n for n in range(steps, 0, -1) for _ in range(repeats if end < n <= steps - top else 1)] + [0]


def levels_or_repeats():
    """Levels against repeats, at about 86 calls."""
    for steps in (8, 10, 12, 20, 24, 32):
        repeats = round(1 + (86 - steps) / middle(steps))
        yield f"levels {steps} r {repeats}", by_feedback(karras_ladder(steps, LARGEST), repeats)


def fixed_repeats():
    for repeats in (2, 3, 4, 5, 6, 8, 10, 12, 16, 24):
        yield f"fixed r {repeats}", by_feedback(karras_ladder(16, LARGEST), repeats)


@contextmanager
def patched(**functions) -> Iterator[None]:
    before = {name: getattr(MODULE, name) for name in functions}
    try:
        for name, function in functions.items():
            setattr(MODULE, name, function)
        yield
    finally:
        for name, function in before.items():
            setattr(MODULE, name, function)


def changed(run: Callable[[Task], Tensor], **makers) -> Callable[[Task], Tensor]:
    """A method with functions of feedback.py replaced; each maker gets the task and the original."""

    def changed_run(task: Task) -> Tensor:
        with patched(**{name: make(task, getattr(MODULE, name)) for name, make in makers.items()}):
            return run(task)

    return changed_run


def errors():
    """Other estimates of the guess's error than one number a picture."""
    for name in ("fast", "balanced"):
        yield f"batch-wide {name}", changed(preset(name), known_mean=batch_wide)
        for few in (2, 16):
            yield f"fewest known {few} {name}", changed(preset(name), spread=from_enough(few))
        for times in (0.5, 1.5, 2.0, 3.0):
            yield f"error x{times} {name}", changed(preset(name), spread=scaled(times))
        for reach in (1.0, 2.0, 4.0):
            yield f"local error {reach:g} {name}", changed(preset(name), spread=local(reach))
            yield f"error near the seam {reach:g} {name}", changed(preset(name), spread=near(reach))
    yield "smoothed residual", changed(preset("balanced"), fed_back=smoothed(0.7))


def batch_wide(task: Task, old):
    """The mean over all pictures of one observation, as in a batch with many seeds."""

    def known_mean(values: Tensor, weight: Tensor) -> Tensor:
        each = old(values, weight)
        return each.view(-1, task.chains).mean(1).repeat_interleave(task.chains)[:, None]

    return known_mean


def scaled(times: float):
    return lambda task, old: lambda residual, weight, rule: times * old(residual, weight, rule)


def from_enough(few: int):
    """No error where fewer values are known: the prototype's rule, with 16."""

    def make(task: Task, old):
        enough = int(task.known.sum()) >= few
        return lambda residual, weight, rule: old(residual, weight, rule) * enough

    return make


def blurred(x: Tensor, side: int, reach: float) -> Tensor:
    """Gaussian blur of pictures given as rows, zeros outside."""
    at = torch.arange(-int(3 * reach), int(3 * reach) + 1).to(x)
    kernel = (-(at**2) / (2 * reach**2)).exp()
    kernel, pictures = kernel / kernel.sum(), x.view(-1, 1, side, side)
    down = conv2d(pictures, kernel.view(1, 1, -1, 1), padding=(len(at) // 2, 0))
    return conv2d(down, kernel.view(1, 1, 1, -1), padding=(0, len(at) // 2)).view(len(x), -1)


def local(reach: float):
    """The error at a pixel from the known pixels near it; where none is near, from all."""

    def make(task: Task, old):
        side = task.problem.side
        if not side:
            return old

        def spread(residual: Tensor, weight: Tensor, rule: Feedback) -> Tensor:
            weight = weight.expand_as(residual)
            all_over = old(residual, weight, rule)
            near = blurred(weight, side, reach)
            return (blurred(weight * residual.square(), side, reach) + 0.1 * all_over) / (near + 0.1)

        return spread

    return make


def near(reach: float):
    """One number a picture, from the known pixels near the hole only."""

    def make(task: Task, old):
        side = task.problem.side
        if not side:
            return old

        def spread(residual: Tensor, weight: Tensor, rule: Feedback) -> Tensor:
            band = weight * (blurred(1 - weight.expand_as(residual), side, reach) > 0.05)
            return old(residual, band, rule)

        return spread

    return make


def smoothed(reach: float):
    def make(task: Task, old):
        side = task.problem.side
        if not side:
            return old
        return lambda shift, residual, rule: old(shift, blurred(residual, side, reach) * task.known, rule)

    return make


def energies():
    """How much of the shift's energy the noise gives way to: 1 as shipped, 0 not at all."""
    for name in ("fast", "balanced", "quality"):
        for part in (0.25, 0.5, 0.75):
            yield f"energy {part} {name}", changed(preset(name), matched=partly(part))
        free = replace(Feedback(), match_energy=False, leak=0.0)
        yield f"energy free, leak 0 {name}", preset(name, free)


def partly(part: float):
    def make(task: Task, old):
        def matched(shift: Tensor, weight: Tensor, sigma: float, rule: Feedback):
            shift, share = old(shift, weight, sigma, rule)
            return shift, (1 - part * (1 - share**2)) ** 0.5

        return matched

    return make


def dips():
    """Not the same dip everywhere: by level, or by visit."""
    for name in ("fast", "balanced", "quality"):
        half = PRESETS[name][1] // 2
        rules = {
            "dip .8 everywhere": lambda sigma, visit: 0.8,
            "dip .8 in the lower half": lambda sigma, visit: 0.8 if sigma <= MIDDLE else 0.5,
            "dip .8 in the upper two thirds": lambda sigma, visit: 0.8 if sigma > LOWER_THIRD else 0.5,
            "dip .9 in the upper half": lambda sigma, visit: 0.9 if sigma > MIDDLE else 0.5,
            "dip .8 in the upper half": lambda sigma, visit: 0.8 if sigma > MIDDLE else 0.5,
            "dip .7 in the upper half": lambda sigma, visit: 0.7 if sigma > MIDDLE else 0.5,
            "dip .5 and .85 in turn": lambda sigma, visit: 0.85 if visit % 2 else 0.5,
            "dip .5, then .85": lambda sigma, visit, half=half: 0.85 if visit > half else 0.5,
        }
        for label, rule in rules.items():
            yield f"{label}, {name}", changed(preset(name), stepped=dipping(rule))
        before = Feedback(caution=1.0)
        yield f"prototype, {name}", changed(preset(name, before), spread=from_enough(16))
        yield f"caution 1, {name}", preset(name, replace(Feedback(), caution=1.0))
        yield f"caution 2, {name}", preset(name, replace(Feedback(), caution=2.0))
        yield f"strength 0, caution 1, {name}", preset(name, replace(Feedback(), strength=0.0, caution=1.0))


def dipping(rule):
    """The dip as a function of the level's noise and of the visit."""

    def make(task: Task, old):
        at = {"sigma": None, "visit": 0}

        def stepped(predicted, direction, sigma, low, reached, error, noise):
            at["visit"] = at["visit"] + 1 if at["sigma"] == sigma else 1
            at["sigma"] = sigma
            low = rule(sigma, at["visit"]) * sigma if reached == sigma else low
            return old(predicted, direction, sigma, low, reached, error, noise)

        return stepped

    return make


def combined():
    """Number of levels and window of repeats together, at about 86 and 224 calls."""
    for calls in (86, 224):
        for steps, top, end in ((16, 5, 2), (16, 5, 3), (16, 4, 3), (20, 6, 4), (24, 7, 4), (24, 6, 4), (32, 8, 5)):
            repeats = max(2, round(1 + (calls - steps) / (steps - top - end)))
            run = by_feedback(karras_ladder(steps, LARGEST), 0, levels=order(steps, top, end, repeats))
            yield f"{calls}: {steps} levels, window {top} {end}", run


def adaptives():
    for criterion in CRITERIA:
        for threshold in CRITERIA[criterion]:
            yield f"auto {criterion} {threshold}", by_adaptive(karras_ladder(16, LARGEST), criterion, threshold)
