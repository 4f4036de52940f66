"""How far each call of the model follows classifier-free guidance, where noise levels are visited again.

A repeat guides anew what the last visit made. With exact predictions that ends at p(x | c)^cfg p(x)^(1 - cfg) (Bradley &
Nakkiran 2024, https://arxiv.org/abs/2408.09000); a trained network's two predictions differ by their errors too, which cfg
multiplies and the repeats pile up: hard colours, a visible seam. So a call follows only its share of cfg - 1.
"""

from collections.abc import Callable, Sequence

import torch

from .ladder import Ladder
from .methods.method import Method, count_visits, most_visits

__all__ = ["CFG_REPEATS", "FADED", "visits_by_level"]

# Noise over signal at which guidance has faded to half, by what the model paints: where the picture itself tells what it
# shows, what is left of the difference is error (Kynkaanniemi et al. 2024, https://arxiv.org/abs/2404.07724). Latents follow
# their prompt nearly to the end. Measured, see tests/benchmarks/NOTES.md.
FADED = {"pixels": 1.0, "latents": 0.1}


def shared(ladder: Ladder, visits: Sequence[int], faded: float) -> list[float]:
    """The share by level of the ladder: one in as many as its visits, less where guidance fades; 1 where none is visited again.

    Args:
        visits: By level, see `visits_by_level`.
        faded: Of FADED.
    """
    if max(visits) == 1:
        return full(ladder, visits, faded)
    ratios = (ladder.noise / ladder.signal).clamp(min=1e-6)  # level 0 is never called
    return (1 / (1 + (faded / ratios).square()) / torch.tensor(visits)).tolist()


def full(ladder: Ladder, visits: Sequence[int], faded: float) -> list[float]:
    return [1.0] * (ladder.steps + 1)


def visits_by_level(method: Method, levels: Sequence[int], steps: int, most: int = 1) -> list[int]:
    """Visits among which cfg is shared, of each level from 0 to `steps`.

    Args:
        method: One of "alike" levels counts every level as the most visited one: of a few levels, the noisiest, visited once,
            would set colours that the many calls after them do not ask for.
        levels: Order of visits.
        most: Visits of the most visited level of the whole chain, where this is a part of one.
    """
    counts = count_visits(levels)
    if method.alike:
        return [max(most, most_visits(levels))] * (steps + 1)
    return [max(1, counts[level]) for level in range(steps + 1)]


# By name: (ladder, visits, noise at which guidance fades) -> the share of cfg - 1 that a call at each level follows.
CFG_REPEATS: dict[str, Callable[[Ladder, Sequence[int], float], list[float]]] = {"shared": shared, "full": full}
