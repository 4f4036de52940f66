"""A network beside others with the same weights: how fast, how far off, how much memory."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from live_bytes import LiveBytes
from on_gpu.report import Row
from torch import Tensor, nn

from .clock import interleaved, ratio

__all__ = ["KINDS", "Kind", "compared", "mebibytes", "packed_bytes"]


def largest(difference: Tensor, expected: Tensor) -> float:
    return float(difference.abs().max() / expected.abs().max())


def root_mean_square(difference: Tensor, expected: Tensor) -> float:
    return float(difference.norm() / expected.norm())


@dataclass(frozen=True)
class Kind:
    """A type of weights, and what is asked of it.

    Attributes:
        ratio: Times as fast as the other side in float32, at least.
        off: How an error is measured, over the other side's result.
        error: At most.
    """

    dtype: torch.dtype
    ratio: float
    off: Callable[[Tensor, Tensor], float]
    error: float


KINDS = {
    "fp32": Kind(torch.float32, 1.35, largest, 1e-4),
    "bf16": Kind(torch.bfloat16, 2.7, root_mean_square, 1.5e-2),
}


def packed_bytes(net: nn.Module) -> int:
    """Of what a network has made beside its weights."""
    return sum(pack.made.numel() * pack.made.element_size() for pack in net.packs.made.values())


def mebibytes(size: float) -> str:
    return f"{size / 2**20:.0f}"


def compared(
    what: str,
    theirs: nn.Module,
    call: Callable[[Tensor, Tensor], Tensor],
    ours: Mapping[str, nn.Module],
    given: tuple[Tensor, Tensor],
    rounds: int,
    goals: bool,
) -> Iterator[Row]:
    """A row for each kind of our network, all in the same rounds.

    Args:
        theirs: Their network.
        call: How it is called.
        ours: By a key of KINDS.
        given: Pictures and timesteps.
        goals: Whether `Kind.ratio` is one here.
    """
    x, t = given
    inputs = {name: x.to(KINDS[name].dtype) for name in ours}

    def as_their_sampler() -> Tensor:
        with torch.no_grad():
            return call(x, t)

    def by_us(name: str) -> Tensor:
        with torch.inference_mode():
            return ours[name](inputs[name], t)

    with LiveBytes(theirs.parameters()) as alive:
        expected = as_their_sampler()
    peaks, errors = {"theirs": alive.most}, {}
    for name, net in ours.items():
        by_us(name)  # packs its weights, which are counted by themselves
        with LiveBytes(net.parameters()) as alive:
            errors[name] = KINDS[name].off(by_us(name) - expected, expected)
        peaks[name] = alive.most
    ways = {"theirs": as_their_sampler, **{name: lambda name=name: by_us(name) for name in ours}}
    times = interleaved(ways, rounds)
    for name, net in ours.items():
        kind = KINDS[name]
        packs = mebibytes(packed_bytes(net))
        yield Row(
            f"{what}, {name}",
            ratio(times["theirs"], times[name]),
            "x",
            least=kind.ratio if goals else None,
            theirs=f"{statistics.median(times['theirs']):.3g} s",
            ours=f"{statistics.median(times[name]):.3g} s",
            error=errors[name],
            error_most=kind.error,
            memory=f"{mebibytes(peaks[name])} of {mebibytes(peaks['theirs'])} MiB, packs {packs} MiB",
        )
