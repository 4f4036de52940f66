"""RePaint: fill the unknown part of a picture with a diffusion model that never saw a mask.

Before each call of the model the known region is noised to the current level and pasted in (mask guidance; Song & Ermon
2019, https://arxiv.org/abs/1907.05600, appendix B; Avrahami et al. 2022, https://arxiv.org/abs/2111.14818). RePaint also
climbs back up the noise levels and comes down again, so that new content and old agree (Lugmayr et al. 2022,
https://arxiv.org/abs/2201.09865, algorithm 1).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from .known import Known, keep, known_at, pasted
from .ladder import Ladder
from .posterior import Posterior

__all__ = ["Step", "count_model_calls", "repaint", "repaint_levels"]

EVERYWHERE = 10**9

Denoise = Callable[[Tensor, int], tuple[Tensor, Tensor | None]]


def repaint_levels(
    steps: int,
    jump_length: int,
    jump_n_sample: int,
    start_resampling: int = EVERYWHERE,
    inner_jumps: Sequence[tuple[int, int]] = (),
    step_n_sample: int = 1,
) -> list[int]:
    """Order in which RePaint visits noise levels, from pure noise down to the finished picture.

    One level down is one call of the model; one level up adds that step's noise back. After each `jump_length` levels
    the chain climbs back and repeats. The top `jump_length` levels are never entered again.

    Args:
        steps: Levels of the ladder, >= 1.
        jump_length: RePaint's j, levels climbed per jump, >= 1.
        jump_n_sample: RePaint's r, times each stretch is sampled, >= 1; 1 means plain sampling.
        start_resampling: No jump reaches above this level.
        inner_jumps: (length, n_sample) of further jumps nested in the main ones, outermost first; they start anew after
            each jump around them (the official code's jump2 and jump3).
        step_n_sample: Times every single step is sampled, outside all jumps (the official code's n_sample).

    Returns:
        Levels visited, first `steps`, last 0; neighbours differ by exactly 1.

    Source: Lugmayr et al. 2022, figure 8 of the appendix.

    >>> repaint_levels(steps=4, jump_length=2, jump_n_sample=2)
    [4, 3, 2, 1, 2, 3, 2, 1, 0]
    """
    if min(steps, jump_length, jump_n_sample, step_n_sample) < 1:
        raise ValueError("steps, jump_length, jump_n_sample and step_n_sample must each be at least 1.")
    jumps = [(jump_length, jump_n_sample), *inner_jumps]
    left = [repeats_by_level(steps, length, n_sample) for length, n_sample in jumps]
    levels = [steps]
    while levels[-1] > 1:
        levels.append(levels[-1] - 1)
        if levels[-1] < steps - 1 and levels[-1] - 1 <= start_resampling:
            levels += [levels[-1] + 1, levels[-1]] * (step_n_sample - 1)
        for depth in reversed(range(len(jumps))):
            level, length = levels[-1], jumps[depth][0]
            if left[depth].get(level, 0) > 0 and level - 1 <= start_resampling - length:
                left[depth][level] -= 1
                levels += range(level + 1, level + length + 1)
                for inner in range(depth + 1, len(jumps)):
                    left[inner] = repeats_by_level(steps, *jumps[inner])
    return [*levels, 0]


def repeats_by_level(steps: int, jump_length: int, jump_n_sample: int) -> dict[int, int]:
    """Jumps still to be made from each level that is the foot of one."""
    return {level: jump_n_sample - 1 for level in range(1, steps - jump_length + 1, jump_length)}


def count_model_calls(steps: int, jump_length: int, jump_n_sample: int, start_resampling: int = EVERYWHERE) -> int:
    """Model calls of `repaint_levels(steps, jump_length, jump_n_sample, start_resampling)`, in closed form.

    steps + (r - 1) * j * feet, where the feet of jumps are the multiples of j below steps - j, none above
    start_resampling - j.
    """
    feet = max(0, -(-(steps - jump_length) // jump_length))
    feet = min(feet, max(0, (start_resampling - jump_length) // jump_length + 1))
    return steps + (jump_n_sample - 1) * jump_length * feet


@dataclass(frozen=True)
class Step:
    """What a chain shows after each call of the model.

    Attributes:
        call: Calls so far, from 1.
        calls: Calls in all.
        level: Level reached, 0 when the picture is finished.
        x: State at that level; the finished picture in the last step, known region exact.
        x0: The model's guess of the finished picture, known region in place.
    """

    call: int
    calls: int
    level: int
    x: Tensor
    x0: Tensor


def repaint(
    denoise: Denoise,
    ladder: Ladder,
    levels: Sequence[int],
    x: Tensor,
    x0: Tensor,
    known: Known,
    noise: Callable[[Tensor], Tensor],
    var_type: str = "auto",
) -> Iterator[Step]:
    """Run one chain, a step at a time; stop iterating to stop it.

    Args:
        denoise: Called as denoise(x, level); returns the predicted clean picture and the variance channels or None.
        ladder: Noise levels.
        levels: Order of visits, see `repaint_levels`; the last may lie above 0 for a chain that another one finishes.
        x: Start state at `levels[0]`; (B, C, ...).
        x0: The picture to fill, in the model's own range; same shape. What it holds in the unknown region is not used.
        known: 1 where the picture is kept, see `known.py`.
        noise: Returns fresh standard normal noise like its argument.
        var_type: Variance of the step down, see `posterior.VAR_TYPES`; a learned one needs a model that gives it.

    Yields:
        A `Step` after each model call.
    """
    posterior = Posterior(ladder)
    calls = sum(after < before for before, after in pairwise(levels))
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
        x = posterior.mean(x, predicted, level)
        reached = levels[position]
        if reached > 0 or ladder.noise[0] > 0:
            x = x + (0.5 * posterior.log_variance(var_type, level, v)).exp().to(x) * noise(x)
        call += 1
        if position == len(levels) - 1:
            x = ended(weight, x0, x, ladder, reached, noise)
        yield Step(call, calls, reached, x, keep(weight, x0, predicted))


def ended(
    known: Tensor, x0: Tensor, x: Tensor, ladder: Ladder, level: int, noise: Callable[[Tensor], Tensor]
) -> Tensor:
    """The chain's last state: the known region is the picture itself, or the picture at the level where the chain stops."""
    return keep(known, x0, x) if ladder.noise[level] == 0 else pasted(known, x0, x, ladder, level, noise(x))
