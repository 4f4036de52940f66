"""The known region: how much of each pixel is kept, at each noise level.

`known` is 1 (True) where the picture is kept and 0 where it is painted. Values between keep a share of the picture
("blend"), or keep all of it until late in the chain (`freed_in_time`).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .ladder import Ladder

__all__ = ["SOFT_MASKS", "Known", "freed_in_time", "keep", "known_at", "pasted"]

Known = Tensor | Callable[[int], Tensor]


def known_at(known: Known, level: int, like: Tensor) -> Tensor:
    """Share of the picture that is kept at a level, in [0, 1], on the device of `like` and of its type, or bool as given.

    Args:
        known: A tensor that broadcasts to `like`, or a function of the level that returns one.
        level: The level the chain steps down from.
        like: The state; (B, C, ...).
    """
    weight = known(level) if callable(known) else known
    return weight.to(like.device) if weight.dtype == torch.bool and like.dtype == torch.float32 else weight.to(like)


def keep(known: Tensor, kept: Tensor, x: Tensor) -> Tensor:
    """`kept` where known is 1, `x` where it is 0, to the bit; a mixture between.

    Args:
        known: From `known_at`.
        kept: Like x; (B, C, ...).
        x: The same.
    """
    if known.dtype == torch.bool:
        return torch.where(known, kept, x)
    return torch.where(known == 1, kept, torch.lerp(x, kept, known))  # Apple's lerp does not end at `kept` exactly


def pasted(
    known: Tensor, x0: Tensor, x: Tensor, ladder: Ladder, level: int, noise: Tensor, share: Tensor | float = 1.0
) -> Tensor:
    """A state with the known region noised to its level and put in (mask guidance).

    Where pixels are kept in part, what is left of the state's noise is topped up, so that the mixture has the level's
    noise amplitude too; two noises merely averaged would look like a cleaner picture to the model.

    Args:
        known: From `known_at`.
        x0: The picture; (B, C, ...).
        x: State at `level`; like x0.
        ladder: Noise levels.
        level: The state's, from 0.
        noise: Standard normal; like x.
        share: Of the level's noise amplitude that goes into the known region; a number or (B, 1, ...).
    """
    if known.dtype == torch.bool:
        return torch.where(known, ladder.diffuse(x0, level, noise, share), x)
    signal, amplitude = ladder.amplitudes[level]
    topped_up = (1 - (1 - known).square()).sqrt() * amplitude
    return keep(known, signal * x0, x) + share * topped_up * noise


def freed_in_time(known: Tensor, steps: int) -> Callable[[int], Tensor]:
    """Grey values as a time: a pixel that is kept to the share g is free below level (1 - g) * steps.

    So faint masks change details only, strong ones everything (Levin & Fried 2023, Differential Diffusion,
    https://arxiv.org/abs/2306.00950, algorithm 1).

    Args:
        known: In [0, 1].
        steps: Levels of the ladder.
    """
    return lambda level: (known > 1 - level / steps) | (known == 1)


# How grey values of a known region are meant, by name: functions of the region and the number of levels.
SOFT_MASKS: dict[str, Callable[[Tensor, int], Known]] = {
    "binary": lambda known, steps: known > 0.5,
    "blend": lambda known, steps: known,
    "time-dependent": freed_in_time,
}
