"""For models distilled to a few steps: Turbo, Lightning, LCM, Hyper, schnell.

Their guess is no mean of all that may be: it is one finished picture, the end of the way that the teacher would go from this
state. So it needs no variance, and is noised anew (consistency sampling; Song et al. 2023,
https://arxiv.org/abs/2303.01469, algorithm 1). What they have in common with other models is that their guess of the
known region is wrong where their guess of the hole is, and that the difference can be fed back (see feedback.py). What is
different, each measured in tests/benchmarks/distilled.py:

1. The known region has one noise throughout. Then the shift needs to find one answer, and does not chase another noise at
   every call.
2. The residual is fed back twice over, and nothing of the shift is forgotten at a level: there are few calls to find it
   in. From level to level it fades, and what was found where nothing of the picture is left is dropped.
3. Every level that shows anything of the picture is visited equally often: there are few levels, and each is needed.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..known import Known, known_at, pasted
from ..ladder import Ladder
from .feedback import Feedback, fed_back, matched
from .method import Denoise, Descent, Method, Noise, Step, ended, ruled

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = ["DISTILLED", "distilled", "every_level_repeated"]

STRENGTH = 2.0  # of the residual that is fed back, where the setting `feedback` is 1
FADE = 0.5  # power of the noise ratio by which the shift shrinks from level to level


def every_level_repeated(steps: int, repeats: int) -> list[int]:
    """Order of levels: each `repeats` times in a row, from `steps` down to 0. Every entry but the last is a model call.

    >>> every_level_repeated(steps=3, repeats=2)
    [3, 3, 2, 2, 1, 1, 0]
    """
    if min(steps, repeats) < 1:
        raise ValueError(f"steps is {steps} and repeats (r) {repeats}; each must be at least 1.")
    return [*(level for level in range(steps, 0, -1) for _ in range(repeats)), 0]


def distilled(
    denoise: Denoise,
    ladder: Ladder,
    levels: Sequence[int],
    x: Tensor,
    x0: Tensor,
    known: Known,
    noise: Noise,
    strength: float = STRENGTH,
) -> Iterator[Step]:
    """Consistency sampling with feedback; arguments as for `Run`.

    Args:
        levels: See `every_level_repeated`; equal neighbours are a repeat.
        strength: Of the residual that is fed back.
    """
    rule = Feedback(strength=strength, leak=0.0, fade=FADE)
    shift, fixed = torch.zeros_like(x0), noise(x0)
    for call, (level, target) in enumerate(pairwise(levels), start=1):
        weight = known_at(known, level, x)
        shift, share = matched(shift, weight, ladder.ratios[level], rule)
        x = pasted(weight, x0 + shift, x, ladder, level, fixed, share)
        predicted, _ = denoise(x, level)
        shift = fed_back(shift, weight * (x0 - predicted), rule)
        if target != level:  # the ratio may be infinite
            shift = shift * (ladder.ratios[target] / ladder.ratios[level]) ** rule.fade
        x = ladder.diffuse(predicted, target, noise(x))
        if call == len(levels) - 1:
            x = ended(weight, x0, x, ladder, target, noise)
        yield Step(call, len(levels) - 1, target, x, predicted, weight, x0)


def levels_of(settings: "Settings", descent: Descent) -> list[int]:
    """Each level r times, but for one that shows nothing of the picture (schnell's first): there is nothing to agree with."""
    order = every_level_repeated(descent.steps, settings.repeats)
    return order if descent.ratios[-1].isfinite() else order[settings.repeats - 1 :]


DISTILLED = Method(
    name="distilled",
    words="for models distilled to a few steps (Turbo, Lightning, LCM, schnell), on the steps that they were made for: the "
    "guess is noised anew, each level is sampled r times, and the model's error is fed back",
    uses=("feedback", "resample_r"),
    levels=levels_of,
    run=ruled(distilled, lambda settings: STRENGTH * settings.feedback),
    dip=0.0,
    alike=True,
    guesses_means=False,
)
