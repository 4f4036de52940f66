"""Large latent models of the host at 1024 px: a call of ours, of the host's KSampler and of LanPaint."""

from collections.abc import Callable, Iterator

from mask_guidance.sampler import PRESETS

from .asked import Asked
from .clock import seconds
from .report import Missing, Row

OVER_STOCK, OVER_LANPAINT = 1.02, 1.05
STEPS, THOUGHTS = 10, 2


def beside(name: str, asked: Asked) -> Iterator[Row]:
    from peers.host import scheduled, stock
    from peers.lanpaint import LanPaint

    from .hosted import latent_model, order, paint

    model, shape, texts = latent_model(name, asked)
    wanted = order(model, shape, *texts, scheduled(model, "simple", asked.fits(STEPS, 3)))
    ways: dict[str, Callable] = {
        "stock": lambda: stock(wanted),
        "ours": lambda: paint(wanted, PRESETS["draft"]),
    }
    if asked.lanpaint:
        ways["LanPaint"] = lambda: LanPaint(asked.lanpaint, num_steps=THOUGHTS).paint(wanted)
    took = {}
    for way, run in ways.items():
        calls = run()[1]
        took[way] = 1000 * min(seconds(run, asked.gpu) for _ in range(asked.fits(2, 1))) / calls
        yield Row(f"{name}: {way}", took[way], "ms a call")
    yield Row(f"{name}: ours over stock", took["ours"] / took["stock"], most=asked.most(OVER_STOCK))
    if "LanPaint" not in took:
        raise Missing("needs LanPaint (--lanpaint FOLDER)")
    yield Row(f"{name}: ours over LanPaint", took["ours"] / took["LanPaint"], most=asked.most(OVER_LANPAINT))


def SDXL_sized_fp16(asked: Asked) -> Iterator[Row]:
    asked.start_host()
    yield from beside("SDXL-sized", asked)


def Flux_sized_fp8(asked: Asked) -> Iterator[Row]:
    asked.start_host()
    yield from beside("Flux-sized", asked)


CHECKS = (SDXL_sized_fp16, Flux_sized_fp8)
