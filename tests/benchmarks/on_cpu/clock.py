"""Times of several ways to do the same in turn, by the clock that other programs disturb least."""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping

import torch

__all__ = ["interleaved", "ratio"]


def interleaved(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each in each round; of this thread's processor where it does all, which other programs disturb little.

    Each is warm already; another one is the first in each round.
    """
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in ways}
    for first in range(rounds):
        for name in itertools.islice(itertools.cycle(ways), first % len(ways), first % len(ways) + len(ways)):
            started = clock()
            ways[name]()
            times[name].append(clock() - started)
    return times


def ratio(theirs: list[float], ours: list[float]) -> float:
    """How many times as fast ours is: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
