"""What a call of the model costs besides the network: RePaint's order by our loop and by RePaint's own; and what a small
folder costs besides it.

RePaint's own loop is its algorithm over OpenAI's sampler (MIT), which its code is made of, one noising step a climb; or its
code itself, where a checkout is given. The network is none, so that the loops are all that there is. The folder is that of
`batch.py`.
"""

import importlib.util
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import batch
import torch
from mask_guidance.sampler import Settings, alphas_cumprod, named_betas, paint
from mask_guidance.sampler.methods.repaint import repaint_levels
from on_gpu.asked import Asked
from on_gpu.report import Missing, Row
from peers.repaint import repaints_algorithm, repaints_own
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from .clock import interleaved
from .command_line import flags
from .took import run

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
    # As a network would have done: the C library learns from a block given back how much memory to keep, and both loops wait
    # for fresh memory less.
    torch.empty(ACTIVATION, dtype=torch.uint8)
    theirs = partial(by_repaints_code, folder=asked.repaint) if asked.repaint else by_repaints_loop
    for side, (calls, order) in itertools.product(asked.fits((64, 256), (32,)), ORDERS.items()):
        ways = {"theirs": theirs(side, *order), "ours": by_us(side, *order)}
        for way in ways.values():
            way()
        times = interleaved(ways, asked.fits(8, 1))
        counts = {name: passes(way, side) / calls for name, way in ways.items()}
        yield Row(
            f"passes over the picture around {calls} calls, {side} px",
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


def of_a_small_folder(asked: Asked) -> Iterator[Row]:
    for calls, (steps, r, j) in ORDERS.items():
        rows = folder_painted(asked, {"steps": steps, "r": r, "j": j, "threads": torch.get_num_threads()})
        told = {
            name: f"{1000 * statistics.median(row['outside'] / row['calls'] for row in runs):.3g} ms a call"
            for name, runs in rows.items()
        }
        beside = {"of the lower peer's": (batch.peers_of(rows), MOST)}
        if asked.repaint:
            beside["of RePaint's"] = [batch.REPAINT], None
        for unit, (peers, most) in beside.items():
            yield Row(
                f"a folder of 4 besides its network, {calls} calls",
                batch.over_the_lower(rows, peers),
                unit,
                most=asked.fits(most, None),
                theirs=", ".join(f"{name} {told[name]}" for name in peers),
                ours=told["ours"],
            )


def folder_painted(asked: Asked, words: dict[str, object]) -> dict[str, list[dict[str, float]]]:
    """What `batch.py` writes, for such words."""
    words = words | asked.fits({}, {"pictures": 2, "size": 16, "rounds": 1})
    checkout = {"repaint": asked.repaint} if asked.repaint else {}
    with TemporaryDirectory() as folder:
        numbers = Path(folder) / "numbers.json"
        run([sys.executable, batch.__file__, *flags(words | checkout | {"json": numbers})])
        return json.loads(numbers.read_text())


CHECKS = (without_a_network, of_a_small_folder)
