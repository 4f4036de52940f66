"""RePaint: fill the unknown part of a picture with a diffusion model that never saw a mask.

Before each call of the model the known region is noised to the current level and pasted in (mask guidance; Song & Ermon
2019, https://arxiv.org/abs/1907.05600, appendix B; Avrahami et al. 2022, https://arxiv.org/abs/2111.14818). RePaint also
climbs back up the noise levels and comes down again, so that new content and old agree (Lugmayr et al. 2022,
https://arxiv.org/abs/2201.09865, algorithm 1).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from ..known import Known, keep, known_at, pasted
from ..ladder import Ladder
from ..posterior import Posterior
from .method import Denoise, Descent, Method, Noise, Step, count_calls, ended, ruled

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["EVERYWHERE", "REPAINT", "repaint", "repaint_levels"]

EVERYWHERE = 10_000  # as start_resampling: no limit, however long the chain


def repaint_levels(steps: int, jump_length: int, jump_n_sample: int, start_resampling: int = EVERYWHERE) -> list[int]:
    """Order in which RePaint visits noise levels, from pure noise down to the finished picture.

    One level down is one call of the model; one level up adds that step's noise back. After each `jump_length` levels
    the chain climbs back and repeats. The top `jump_length` levels are never entered again.

    Args:
        steps: Levels of the ladder, >= 1.
        jump_length: RePaint's j, levels climbed per jump, >= 1.
        jump_n_sample: RePaint's r, times each stretch is sampled, >= 1; 1 means plain sampling.
        start_resampling: No jump reaches above this level; from EVERYWHERE on there is no limit.

    Returns:
        Levels visited, first `steps`, last 0; neighbours differ by exactly 1.

    Source: Lugmayr et al. 2022, figure 8 of the appendix.

    >>> repaint_levels(steps=4, jump_length=2, jump_n_sample=2)
    [4, 3, 2, 1, 2, 3, 2, 1, 0]
    """
    if min(steps, jump_length, jump_n_sample) < 1:
        raise ValueError(
            f"steps is {steps}, jump_length (j) {jump_length} and jump_n_sample (r) {jump_n_sample}; each must be at least 1."
        )
    highest_foot = (steps if start_resampling >= EVERYWHERE else min(steps, start_resampling + 1)) - jump_length
    left = dict.fromkeys(
        range(1, highest_foot + 1, jump_length), jump_n_sample - 1
    )  # jumps still to be made from a foot
    levels = [steps]
    while (level := levels[-1]) > 0:
        if left.get(level, 0) > 0:
            left[level] -= 1
            levels += range(level + 1, level + jump_length + 1)
        levels.append(levels[-1] - 1)
    return levels


def repaint(
    denoise: Denoise,
    ladder: Ladder,
    levels: Sequence[int],
    x: Tensor,
    x0: Tensor,
    known: Known,
    noise: Noise,
    var_type: str = "auto",
) -> Iterator[Step]:
    """RePaint's loop; arguments as for `Run`.

    Args:
        var_type: Variance of the step down, see `posterior.VAR_TYPES`; a learned one needs a model that gives it.
    """
    posterior = Posterior(ladder)
    calls = count_calls(levels)
    call, position = 0, 0
    while position < len(levels) - 1:
        level, start = levels[position], position
        position += 1
        if levels[position] > level:
            while position < len(levels) - 1 and levels[position + 1] > levels[position]:
                position += 1
            x = ladder.climb(x, level, levels[position], noise(x))
            continue

        weight = known_at(known, level, x)
        if start > 0:  # the very first state is noise already
            x = pasted(weight, x0, x, ladder, level, noise(x))
        predicted, v = denoise(x, level)
        x = posterior.mean(x, predicted, level, var_type)
        reached = levels[position]
        if reached > 0 or ladder.noise[0] > 0:
            # A variance that is one number stays on the CPU: to send it would wait for the device.
            x = x + (0.5 * posterior.log_variance(var_type, level, v)).exp().to(x.dtype) * noise(x)
        call += 1
        if position == len(levels) - 1:
            x = ended(weight, x0, x, ladder, reached, noise)
        yield Step(call, calls, reached, x, keep(weight, x0, predicted))


def levels_of(settings: "Settings", descent: Descent) -> list[int]:
    """Jumps keep to the part of a chain that is cut in two."""
    return repaint_levels(descent.steps, settings.resample_j, settings.repeats, settings.start_resampling)


REPAINT = Method(
    name="repaint",
    words="as published; each stretch of j steps is climbed back and sampled again, r times in all",
    uses=("resample_r", "resample_j", "start_resampling", "var_type"),
    levels=levels_of,
    run=ruled(repaint, lambda settings: settings.var_type),
)
