"""RePaint: fill the unknown part of a picture with a diffusion model that never saw a mask.

Before each call of the model the known region is noised to the current level and pasted in (mask guidance; Song & Ermon
2019, https://arxiv.org/abs/1907.05600, appendix B; Avrahami et al. 2022, https://arxiv.org/abs/2111.14818). RePaint also
climbs back up the noise levels and comes down again, so that new content and old agree (Lugmayr et al. 2022,
https://arxiv.org/abs/2201.09865, algorithm 1).

Jumps at levels of their own (`jumps_every`) are of a small library of RePaint, and here to repeat what it paints: bouts in
which the known region is left to the model, and not put in place before the next step down either. At equal calls the
error is about three times that of the paper's jumps (tests/benchmarks/NOTES.md). That library pastes the region in with
the noise of one level above; here it is the noise of the level itself.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from torch import Tensor

from ..known import Known, known_at, pasted
from ..ladder import Ladder
from ..posterior import Posterior
from .method import Denoise, Descent, Method, Noise, Step, count_calls, ended, ruled

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["EVERYWHERE", "REPAINT", "repaint", "repaint_levels"]

EVERYWHERE = 10_000  # as start_resampling: no limit, however long the chain
MOST_CALLS = 1_000_000  # no order of the paper's is longer; bouts at every level would be


def repaint_levels(
    steps: int, jump_length: int, jump_n_sample: int, start_resampling: int = EVERYWHERE, jumps_every: int = 0
) -> list[int]:
    """Order in which RePaint visits noise levels, from pure noise down to the finished picture.

    One level down is one call of the model; one level up adds that step's noise back. After each `jump_length` levels
    the chain climbs back and repeats. The top `jump_length` levels are never entered again.

    Args:
        steps: Levels of the ladder, >= 1.
        jump_length: RePaint's j, levels climbed per jump, >= 1.
        jump_n_sample: RePaint's r, times each stretch is sampled, >= 1; 1 means plain sampling.
        start_resampling: No jump reaches above this level; from EVERYWHERE on there is no limit.
        jumps_every: Levels between two feet of jumps, and `jump_n_sample` jumps (bouts) from each; 0: a jump's length, and
            one jump less, for the stretch was sampled on the way down.

    Returns:
        Levels visited, first `steps`, last 0; neighbours differ by exactly 1.

    Source: Lugmayr et al. 2022, figure 8 of the appendix.

    >>> repaint_levels(steps=4, jump_length=2, jump_n_sample=2)
    [4, 3, 2, 1, 2, 3, 2, 1, 0]
    >>> repaint_levels(steps=5, jump_length=1, jump_n_sample=2, jumps_every=3)
    [5, 4, 5, 4, 5, 4, 3, 2, 1, 2, 1, 2, 1, 0]
    """
    if min(steps, jump_length, jump_n_sample) < 1:
        raise ValueError(
            f"steps is {steps}, jump_length (j) {jump_length} and jump_n_sample (r) {jump_n_sample}; each must be at least 1."
        )
    highest_foot = (steps if start_resampling >= EVERYWHERE else min(steps, start_resampling + 1)) - jump_length
    feet = range(1, highest_foot + 1, jumps_every or jump_length)
    jumps = jump_n_sample if jumps_every else jump_n_sample - 1
    if (calls := steps + len(feet) * jumps * jump_length) > MOST_CALLS:
        raise ValueError(
            f"jumps_every {jumps_every}, jump_n_sample (r) {jump_n_sample} and jump_length (j) {jump_length} make {calls:,} "
            f"model calls, more than {MOST_CALLS:,}; raise the first, or lower another."
        )
    levels = [steps]
    for foot in reversed(feet):  # all jumps from one are made before the next is reached
        top = foot + jump_length
        levels += range(levels[-1] - 1, foot - 1, -1)
        levels += [*range(foot + 1, top), *range(top, foot - 1, -1)] * jumps
    return [*levels, *reversed(range(levels[-1]))]


def repaint(
    denoise: Denoise,
    ladder: Ladder,
    levels: Sequence[int],
    x: Tensor,
    x0: Tensor,
    known: Known,
    noise: Noise,
    var_type: str = "auto",
    bouts: bool = False,
) -> Iterator[Step]:
    """RePaint's loop; arguments as for `Run`.

    Args:
        var_type: Variance of the step down, see `posterior.VAR_TYPES`; a learned one needs a model that gives it.
        bouts: See `pastings`.
    """
    posterior = Posterior(ladder)
    calls, pastes = count_calls(levels), pastings(levels, bouts)
    call, position = 0, 0
    while position < len(levels) - 1:
        level, climbs = levels[position], levels[position + 1] > levels[position]
        if position in pastes or not climbs:  # a host's rule is asked no oftener than it is needed
            weight = known_at(known, level, x)
        if position in pastes:
            x = pasted(weight, x0, x, ladder, level, noise(x))
        position += 1
        if climbs:
            while position < len(levels) - 1 and levels[position + 1] > levels[position]:
                position += 1
            x = ladder.climb(x, level, levels[position], noise(x))
            continue

        predicted, v = denoise(x, level)
        reached = levels[position]
        fresh = noise(x) if ladder.ratios[reached] > 0 else None
        x = posterior.step(x, predicted, level, fresh, var_type, v)
        call += 1
        if position == len(levels) - 1:
            x = ended(weight, x0, x, ladder, reached, noise)
        yield Step(call, calls, reached, x, predicted, weight, x0)


def pastings(levels: Sequence[int], bouts: bool) -> set[int]:
    """At which places of an order of levels the known region is pasted in.

    Args:
        bouts: Where a level is reached for the first time, and then no more; else before each call. Never at the first
            place, whose state is noise already.
    """
    lowest = [*accumulate(levels, min)]
    inside = range(1, len(levels) - 1)
    return {at for at in inside if (levels[at] < lowest[at - 1] if bouts else levels[at + 1] <= levels[at])}


def levels_of(settings: "Settings", descent: Descent) -> list[int]:
    """Jumps keep to the part of a chain that is cut in two."""
    jumps = settings.resample_j, settings.repeats, settings.start_resampling, settings.bouts_every
    return repaint_levels(descent.steps, *jumps)


REPAINT = Method(
    name="repaint",
    words="as published; each stretch of j steps is climbed back and sampled again, r times in all",
    uses=("resample_r", "resample_j", "start_resampling", "var_type", "jumps_every"),
    levels=levels_of,
    run=ruled(repaint, lambda settings: settings.var_type, lambda settings: settings.bouts_every > 0),
)
