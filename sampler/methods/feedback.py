"""RePaint with feedback: the same climbing and coming down, at a small part of the model calls.

Mask guidance shows the model the known region, but does not ask whether the model believes it: where the guess of the
known region and the region itself differ, the guess of the hole is as wrong. Four changes to RePaint's loop, each a
function here and each to be switched off in `Feedback`:

1. `fed_back`: the difference (residual) is added to what is pasted in at the next call, so that the guess moves until it
   agrees. For Gaussian data the fixed point is the exact conditional expectation (a Landweber iteration).
2. `matched`: the picture plus that shift would carry more energy than the level's noise; the noise gives way.
3. `spread`: the residual's mean square is the error of the guess, measured for free; it belongs into the variance of a
   long step.
4. Repeats: instead of j small steps, one long step down to a share of the level's noise, and back up.

A combination of our own, measured in tests/benchmarks/posterior.py. Near it: RePaint (https://arxiv.org/abs/2201.09865),
LanPaint's guidance of both regions (https://arxiv.org/abs/2502.03491), analytic variance (Bao et al. 2022,
https://arxiv.org/abs/2201.06503).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..known import Known, known_at, pasted
from ..ladder import Ladder
from .method import Denoise, Descent, Method, Noise, Step, ended, ruled

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["FEEDBACK", "Feedback", "feedback", "repeated_levels"]

LOUDEST_SHIFT = 0.9  # of the level's noise amplitude
# Noise over signal between which levels are visited again: above, nothing is fixed yet; below, nothing is open any more.
REPEATED_FROM = 0.2  # of what drowns the picture: the coarsest patterns of a larger one show in louder noise
REPEATED_TO = 0.02


@dataclass(frozen=True)
class Feedback:
    """Which of the ideas are used, and how strongly.

    Attributes:
        strength: Of the residual that is fed back; 0 is plain RePaint with long steps, 1 is for guesses that are means.
        leak: Share of the shift forgotten at each call; keeps errors that the model cannot mend from piling up.
        fade: Power of the noise ratio by which the shift shrinks from level to level.
        match_energy: The known region's noise gives way to the shift.
        calibrate: The measured error of the guess goes into the variance of each step.
        settle: Where a step ends at the lowest level above the picture, the error adds at most this share of the noise that the
            step comes down to. What it adds there is grain that no later call takes out. (A chain that stops at that level, for
            another to go on, is not held to it.)
        caution: Factor of that error. Feedback pulls the guess nearer to the truth where that is known than elsewhere, so
            what is measured there is too small.
        dip: A repeat goes down to this share of the level's noise and back up, 0 to 1.
    """

    strength: float = 1.0
    leak: float = 0.2
    fade: float = 1.5
    match_energy: bool = True
    calibrate: bool = True
    caution: float = 1.5
    dip: float = 0.5
    settle: float = 1.0


def repeated_levels(descent: Descent, repeats: int) -> list[int]:
    """Order of levels: those of middling noise `repeats` times in a row, from the highest down to 0.

    Whatever their noise, the level that a chain starts at and the one above the finished picture are visited once. Every
    entry but the last is a model call.

    >>> repeated_levels(Descent(torch.tensor([0.01, 0.1, 1.0, 9.0, 90.0]), largest=80.0), repeats=3)
    [5, 4, 3, 3, 3, 2, 2, 2, 1, 0]
    """
    if min(descent.steps, repeats) < 1:
        raise ValueError(f"steps is {descent.steps} and repeats (r) {repeats}; each must be at least 1.")
    once = {descent.steps * (not descent.above), 1 * (not descent.below)}
    order = []
    for level in range(descent.steps, 0, -1):
        again = REPEATED_TO < descent.ratios[level - 1] <= REPEATED_FROM * descent.largest
        order += [level] * (repeats if again and level not in once else 1)
    return [*order, 0]


def feedback(
    denoise: Denoise,
    ladder: Ladder,
    levels: Sequence[int],
    x: Tensor,
    x0: Tensor,
    known: Known,
    noise: Noise,
    rule: Feedback = Feedback(),
) -> Iterator[Step]:
    """RePaint's loop with feedback; arguments as for `Run`.

    Args:
        levels: See `repeated_levels`; equal neighbours are a repeat.
        rule: Which ideas are used.
    """
    shift = torch.zeros_like(x0)
    for call, (level, target) in enumerate(pairwise(levels), start=1):
        weight = known_at(known, level, x)
        (signal, amplitude), sigma = ladder.amplitudes[level], ladder.ratios[level]
        shift, share = matched(shift, weight, sigma, rule)
        x = pasted(weight, x0 + shift, x, ladder, level, noise(x), share)
        predicted, _ = denoise(x, level)
        residual = weight * (x0 - predicted)
        shift = fed_back(shift, residual, rule)

        if ladder.ratios[target] == 0:
            x = predicted
        else:
            direction = (x - signal * predicted) / amplitude
            reached = ladder.ratios[target]
            low = reached if level != target else rule.dip * sigma
            error = spread(residual, weight, rule)
            if target == 1 and ladder.ratios[0] == 0:
                error = settled(error, sigma, low, rule)
            x = stepped(predicted, direction, sigma, low, reached, error, noise(x))
            x = ladder.amplitudes[target][0] * x
            shift = shift * (reached / sigma) ** rule.fade
        if call == len(levels) - 1:
            x = ended(weight, x0, x, ladder, target, noise)
        yield Step(call, len(levels) - 1, target, x, predicted, weight, x0)


def fed_back(shift: Tensor, residual: Tensor, rule: Feedback) -> Tensor:
    """What is added to the known region in the next call."""
    return (1 - rule.leak) * shift + rule.strength * residual


def matched(shift: Tensor, weight: Tensor, sigma: float, rule: Feedback) -> tuple[Tensor, Tensor | float]:
    """The shift held below the level's noise, and the share of that noise that makes room for it, picture by picture."""
    if rule.strength == 0:
        return shift, 1.0
    loudness = known_mean(shift.square(), weight).sqrt() / sigma
    shift = shift * (LOUDEST_SHIFT / loudness.clamp(min=LOUDEST_SHIFT))
    share = (1 - loudness.clamp(max=LOUDEST_SHIFT).square()).sqrt()
    return shift, share if rule.match_energy else 1.0


def spread(residual: Tensor, weight: Tensor, rule: Feedback) -> Tensor | float:
    """Mean squared error of the guess, measured where the truth is known, picture by picture; (B, 1, ...)."""
    if not rule.calibrate:
        return 0.0
    return rule.caution * known_mean(residual.square(), weight)


def settled(error: Tensor | float, sigma: float, low: float, rule: Feedback) -> Tensor | float:
    """The error, as much of it as a step from the noise `sigma` to `low` may turn into noise at the end of a chain."""
    share = 1 - low**2 / sigma**2  # of the error's amplitude that the step keeps, see `stepped`
    most = (rule.settle * low / share) ** 2 if share else math.inf
    return error.clamp(max=most) if isinstance(error, Tensor) else min(error, most)


def stepped(
    predicted: Tensor,
    direction: Tensor,
    sigma: float,
    low: float,
    reached: float,
    error: Tensor | float,
    noise: Tensor,
) -> Tensor:
    """The state at another level, before its signal amplitude; at the same level for a repeat.

    One step of the posterior q(x_t | x_sigma, x0) down to the noise `low`, with the guess as x0, and the guess's error in
    its variance; a repeat then climbs back to `reached`, which adds the variance in between.
    """
    along = low**2 / sigma  # of the old noise that is kept
    return predicted + along * direction + added(sigma, low, reached, error) * noise


def added(sigma: float, low: float, reached: float, error: Tensor | float) -> Tensor | float:
    """Standard deviation of the noise that `stepped` adds."""
    along = low**2 / sigma
    variance = low**2 - along**2 + (1 - along / sigma) ** 2 * error + reached**2 - low**2
    return variance.sqrt() if isinstance(variance, Tensor) else variance**0.5


def known_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean over the known region of each picture; (B, 1, ...), 0 where nothing is known."""
    weight = weight.expand_as(values)
    dims, exact = tuple(range(1, values.ndim)), torch.promote_types(values.dtype, torch.float32)  # half sums overflow
    total = (weight * values).sum(dims, keepdim=True, dtype=exact)
    return (total / weight.sum(dims, keepdim=True, dtype=exact).clamp(min=1e-6)).to(values)


def levels_of(settings: "Settings", descent: Descent) -> list[int]:
    return repeated_levels(descent, settings.repeats)


FEEDBACK = Method(
    name="feedback",
    words="what the model gets wrong about the known part is fed back, and resampling takes long steps; about the paper's "
    "quality in a small part of its model calls",
    uses=("feedback", "resample_r"),
    levels=levels_of,
    run=ruled(feedback, lambda settings: Feedback(strength=settings.feedback)),
    dip=Feedback.dip,
    alike=True,
)
