"""A chain as a curve: which noise level after how many model calls."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from .feedback import Feedback

__all__ = ["curve"]


def curve(levels: Sequence[int], timesteps: Sequence[int], sigmas: Tensor) -> list[tuple[int, int]]:
    """Points (model calls so far, timestep) of a chain; a climb costs no call and stands upright.

    A level visited again at once (feedback) is left for a dip at the timestep of that share of its noise.

    Args:
        levels: Order of visits, see `Resampling.levels`.
        timesteps: Of the levels from the highest down, strictly falling.
        sigmas: Noise over signal by training step; (T,).
    """
    points, calls = [(0, timesteps[-levels[0]])], 0
    for before, after in pairwise(levels):
        calls += after <= before
        if after == before:
            low = Feedback.dip * sigmas[timesteps[-after]]
            points.append((calls, int((sigmas - low).abs().argmin())))
        points.append((calls, timesteps[-after] if after else 0))
    return points
