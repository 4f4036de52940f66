"""What a call of the model costs besides the network: our loop, RePaint's own, diffusers' and the host's."""

import importlib.util
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from mask_guidance.sampler import PRESETS, Settings, alphas_cumprod, named_betas, paint
from peers.counted import Counted
from peers.repaint import repaints_own
from torch import Tensor

from .asked import Asked
from .clock import milliseconds, seconds
from .nets import inputs, ours, published
from .report import Missing, Row

STEPS, R, J = 25, 3, 5
REPAINT = Settings(method="repaint", skip_type="uniform", skip_steps=STEPS, resample_r=R, resample_j=J)
LOOPS = {"repaint": REPAINT, "kriged": PRESETS["balanced"]}
SHORT = {"repaint": replace(REPAINT, skip_steps=5), "kriged": replace(PRESETS["draft"], skip_steps=3)}
OVER = 1.0  # ms a call
IDLE = 5.0  # % of a call

Net = Callable[[Tensor, Tensor], Tensor]  # noisy pictures and timesteps; prediction and variance


def task(asked: Asked, side: int) -> tuple[Tensor, Tensor]:
    """A grey picture and what is known of it, on the device."""
    picture = torch.zeros(1, 3, side, side, device=asked.device)
    known = torch.ones(1, 1, side, side, dtype=torch.bool, device=asked.device)
    known[..., side // 4 : 3 * side // 4] = False
    return picture, known


def by_us(asked: Asked, side: int, net: Net, settings: Settings = REPAINT) -> None:
    for _ in paint(net, alphas_cumprod(named_betas("linear", 1000)), *task(asked, side), settings):
        pass


def by_diffusers(asked: Asked, side: int, net: Net) -> None:
    if importlib.util.find_spec("diffusers") is None:
        raise Missing("needs diffusers (tests/benchmarks/requirements.txt)")
    from diffusers import RePaintPipeline, RePaintScheduler

    class Network(torch.nn.Module):
        dtype, device = torch.float32, torch.device(asked.device)

        def forward(self, x: Tensor, t: Tensor) -> types.SimpleNamespace:
            return types.SimpleNamespace(sample=net(x, t.expand(len(x)))[:, :3])

    picture, known = task(asked, side)
    pipeline = RePaintPipeline(unet=Network(), scheduler=RePaintScheduler())
    pipeline.set_progress_bar_config(disable=True)
    draw = torch.Generator(asked.device).manual_seed(0)
    steps = {"num_inference_steps": STEPS, "eta": 1.0, "jump_length": J, "jump_n_sample": R}
    pipeline(image=picture, mask_image=known.float(), generator=draw, output_type="np", **steps)


def by_its_authors(asked: Asked, side: int, net: Net) -> None:
    folder = asked.folder("repaint", "RePaint's own code")
    fill, _ = repaints_own(folder, STEPS, R, J)  # this section does not use OpenAI's package of the same name
    fill(lambda x, t, **_: net(x, t), *task(asked, side))


PEERS = {"RePaint's own": by_its_authors, "diffusers": by_diffusers}


def nothing(x: Tensor, t: Tensor) -> Tensor:
    return torch.cat([0.1 * x, 0 * x], 1)


@torch.inference_mode()
def without_a_network(asked: Asked) -> Iterator[Row]:
    side = asked.fits(256, 32)
    ways = {f"ours, {name}": partial(by_us, settings=settings) for name, settings in LOOPS.items()}
    for name, way in (ways | PEERS).items():
        counted = Counted(nothing)
        try:
            way(asked, side, counted)
        except Missing as missing:
            yield Row(name, missing=str(missing))
            continue
        calls, counted.calls = counted.calls, 0
        took = min(seconds(lambda way=way: way(asked, side, nothing), asked.gpu) for _ in range(asked.fits(5, 1)))
        goal = asked.most(OVER) if name.startswith("ours") else None
        yield Row(f"{name}: a call of no network", 1000 * took / calls, "ms", most=goal)


@torch.inference_mode()
def with_the_network(asked: Asked) -> Iterator[Row]:
    dtype = torch.float16 if asked.gpu else torch.float32
    config, side = published("ADM-256", asked), asked.fits(256, 32)
    net = ours(config, asked.device, dtype)

    def call(x: Tensor, t: Tensor) -> Tensor:
        return net(x.to(dtype), t)

    given, times = inputs(config, side, 1, asked.device), asked.fits(10, 1)

    def alone() -> None:
        for _ in range(times):
            call(*given)

    network = milliseconds({"alone": alone}, asked)["alone"] / times
    yield Row(f"ADM-256 alone, {str(dtype).removeprefix('torch.')}", network, "ms a call")
    for name, settings in asked.fits(LOOPS, SHORT).items():
        counted = Counted(call)
        took = 1000 * seconds(lambda c=counted, s=settings: by_us(asked, side, c, s), asked.gpu) / counted.calls
        yield Row(f"ours, {name}: over the network", took - network, "ms a call", most=asked.most(OVER))
        yield Row(f"ours, {name}: of a call not in the network", 100 * (1 - network / took), "%", most=asked.most(IDLE))


def in_the_host(asked: Asked) -> Iterator[Row]:
    asked.start_host()
    from peers.host import scheduled, stock

    from .hosted import order, pixel_model
    from .hosted import paint as by_node

    model = pixel_model(asked, "fp16")
    side = asked.fits(256, 32)
    text = [[torch.zeros(1, 1, 1), {}]]
    wanted = order(model, (1, 3, side, side), text, text, scheduled(model, "karras", asked.fits(STEPS, 5)))
    loops = asked.fits(LOOPS, SHORT)
    ways = {
        "stock euler": lambda: stock(wanted),
        **{f"ours, {n}": lambda s=s: by_node(wanted, s) for n, s in loops.items()},
    }
    took = {}
    for name, way in ways.items():
        calls = way()[1]
        took[name] = 1000 * min(seconds(way, asked.gpu) for _ in range(asked.fits(3, 1))) / calls
        yield Row(f"in the host, {name}", took[name], "ms a call")
    for name in loops:
        yield Row(f"in the host, {name} over stock", took[f"ours, {name}"] / took["stock euler"], most=asked.most(1.02))


CHECKS = (without_a_network, with_the_network, in_the_host)
