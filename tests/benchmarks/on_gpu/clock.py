"""Times of several ways to do the same, in turn, so that what disturbs one disturbs all."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

from .asked import Asked

__all__ = ["milliseconds", "seconds"]

WARM, ROUNDS = 10, 30


def milliseconds(ways: Mapping[str, Callable[[], object]], asked: Asked) -> dict[str, float]:
    """Median of each; by the device's own clock where it has one."""
    for way in ways.values():
        for _ in range(asked.fits(WARM, 1)):
            way()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(asked.fits(ROUNDS, 3)):
        for name, way in ways.items():
            times[name].append(once(way, asked.gpu))
    return {name: statistics.median(those) for name, those in times.items()}


def once(way: Callable[[], object], gpu: bool) -> float:
    if not gpu:
        return 1000 * seconds(way, gpu)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    way()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def seconds(way: Callable[[], object], gpu: bool) -> float:
    """Of a wall clock, from an idle device to an idle device."""
    if gpu:
        torch.cuda.synchronize()
    started = time.perf_counter()
    way()
    if gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - started
