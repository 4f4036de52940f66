"""What a call of the model costs besides the network: RePaint's order by our loop and by RePaint's own.

RePaint's own loop is its algorithm over OpenAI's sampler (MIT), which its code is made of, one noising step a climb; or its
code itself, where a checkout is given. The network is none, so that the loops are all that there is.
"""

import importlib.util
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from mask_guidance.sampler import Settings, alphas_cumprod, named_betas, paint
from mask_guidance.sampler.methods.repaint import repaint_levels
from on_gpu.asked import Asked
from on_gpu.report import Missing, Row
from peers.repaint import repaints_algorithm, repaints_own
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from .clock import interleaved

MOST = 0.4  # of RePaint's own
ACTIVATION = 31 * 2**20  # bytes; glibc learns from no block above 32 MiB
ORDERS = {40: (20, 3, 10), 130: (50, 3, 10)}  # steps, r and j, by calls of the model


def nothing(x: Tensor, t: Tensor, **words: object) -> Tensor:
    return OUTPUTS[x.shape]


OUTPUTS: dict[torch.Size, Tensor] = {}


def task(side: int) -> tuple[Tensor, Tensor]:
    """A picture and what is known of it; what the network would say of it comes to `OUTPUTS`."""
    draw = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, side, side, generator=draw) * 2 - 1
    known = torch.ones(1, 1, side, side, dtype=torch.bool)
    known[..., side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = False
    OUTPUTS[picture.shape] = torch.rand(1, 6, side, side, generator=draw) * 2 - 1
    return picture, known


def by_us(side: int, steps: int, r: int, j: int) -> Callable[[], Tensor]:
    picture, known = task(side)
    settings = Settings(method="repaint", skip_type="uniform", skip_steps=steps, resample_r=r, resample_j=j)
    table = alphas_cumprod(named_betas("linear", 1000))

    @torch.inference_mode()
    def run() -> Tensor:
        for step in paint(nothing, table, picture, known, settings):
            last = step.x
        return last

    return run


def by_repaints_loop(side: int, steps: int, r: int, j: int) -> Callable[[], Tensor]:
    if importlib.util.find_spec("guided_diffusion") is None:
        raise Missing("needs guided-diffusion-sdk")
    return filling(repaints_algorithm(steps, repaint_levels(steps, j, r), "linear"), side)


def by_repaints_code(side: int, steps: int, r: int, j: int, folder: object) -> Callable[[], Tensor]:
    fill, _ = repaints_own(folder, steps, r, j)
    return filling(fill, side)


def filling(fill: Callable[..., Tensor], side: int) -> Callable[[], Tensor]:
    picture, known = task(side)
    return lambda: fill(nothing, picture, known.float())


class Passes(TorchDispatchMode):
    """Counts operations that write as much as a picture: each starts a kernel on a GPU, as do some that only read."""

    def __init__(self, picture: int):
        super().__init__()
        self.picture, self.count = picture, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        view = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        writes = not view and "empty" not in func.__name__
        self.count += writes and isinstance(result, Tensor) and result.numel() >= self.picture
        return result


def passes(way: Callable[[], object], side: int) -> int:
    with Passes(3 * side * side) as counted:
        way()
    return counted.count


def without_a_network(asked: Asked) -> Iterator[Row]:
    side = asked.fits(256, 32)
    # As a network would have done: the C library learns from a block given back how much memory to keep, and both loops wait
    # for fresh memory less.
    torch.empty(ACTIVATION, dtype=torch.uint8)
    theirs = partial(by_repaints_code, folder=asked.repaint) if asked.repaint else by_repaints_loop
    for calls, order in ORDERS.items():
        ways = {"theirs": theirs(side, *order), "ours": by_us(side, *order)}
        for way in ways.values():
            way()
        times = interleaved(ways, asked.fits(8, 1))
        counts = {name: passes(way, side) / calls for name, way in ways.items()}
        yield Row(
            f"passes over the picture around {calls} calls",
            counts["ours"] / counts["theirs"],
            "of RePaint's",
            **{name: f"{count:.3g} a call" for name, count in counts.items()},
        )
        yield Row(
            f"the loop around {calls} calls, {side} px",
            statistics.median(a / b for a, b in zip(times["ours"], times["theirs"], strict=True)),
            "of RePaint's",
            most=asked.fits(MOST, None),
            **{name: f"{1000 * statistics.median(those) / calls:.3g} ms a call" for name, those in times.items()},
        )


CHECKS = (without_a_network,)
