"""How often the processor waits for the device in a run; each wait leaves the device without work."""

import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from mask_guidance.sampler import Settings, alphas_cumprod, named_betas
from mask_guidance.sampler import paint as by_core

from .asked import Asked
from .report import Row

MOST = 0.2  # of a call: one look in eight that numbers are finite, and the start and end of a run
LOOPS = {
    "repaint": Settings(method="repaint", skip_type="uniform", skip_steps=25, resample_r=3, resample_j=5),
    "feedback": Settings(method="feedback"),
    "kriged": Settings(),
}
NETS: dict[str, Callable] = {
    "fixed variance": lambda x, t: 0.1 * x,
    "learned variance": lambda x, t: torch.cat([0.1 * x, 0 * x], 1),
}


def waits_of(run: Callable[[], int]) -> tuple[float, str]:
    """Waits a call, and where most of them come from."""
    places: Counter[str] = Counter()

    def note(message, category, filename, lineno, file=None, line=None) -> None:
        if "synchroniz" in str(message):
            ours = [f for f in traceback.extract_stack() if "/sampler/" in f.filename or "/nodes/" in f.filename]
            places[f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else f"{filename}:{lineno}"] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        torch.cuda.set_sync_debug_mode("warn")
        try:
            calls = run()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    (most, _), *_ = places.most_common(1) or [("nowhere", 0)]
    return places.total() / calls, most


def in_the_loops(asked: Asked) -> Iterator[Row]:
    asked.need_gpu()
    table = alphas_cumprod(named_betas("linear", 1000))
    picture = torch.zeros(1, 3, 256, 256, device=asked.device)
    known = torch.ones(1, 1, 256, 256, dtype=torch.bool, device=asked.device)
    known[..., 64:192] = False
    for loop, settings in LOOPS.items():
        for variance, net in NETS.items():

            def run(net=net, settings=settings) -> int:
                with torch.inference_mode():
                    *_, last = by_core(net, table, picture, known, settings)
                return last.calls

            run()
            number, place = waits_of(run)
            yield Row(f"{loop}, {variance}: waits a call, most at {place}", number, most=MOST)


def in_the_host(asked: Asked) -> Iterator[Row]:
    asked.need_gpu()
    asked.start_host()
    from .hosted import order, paint, pixel_model

    model = pixel_model(asked)
    text = [[torch.zeros(1, 1, 1), {}]]
    wanted = order(model, (1, 3, 256, 256), text, text)
    for loop, settings in LOOPS.items():
        run = lambda s=settings: paint(wanted, s)[1]  # noqa: E731
        run()
        number, place = waits_of(run)
        yield Row(f"in the host, {loop}: waits a call, most at {place}", number, most=MOST)


CHECKS = (in_the_loops, in_the_host)
