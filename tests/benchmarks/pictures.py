"""Quality against model calls on pictures: the example model, held-out pictures, the masks of the RePaint paper.

    python tests/benchmarks/pictures.py [--count 16] [--masks half box ...] [--methods ...] [--cfg 1 4 7] [--sheet sheet.png]

LanPaint runs in a ComfyUI (COMFYUI_PATH, else the one that run.py made) if its checkout is given: --lanpaint PATH.
Every method runs the same network on the same pictures, masks and seeds. Columns, lower is better unless said:

    seam        jump of colour across the mask's edge over the original's own jump there; 1 is perfect
    beside      squared error of the painted pixels within 4 px of the edge, on [0, 1]
    hole        squared error of all painted pixels
    grain       median second difference of the painted pixels, on [0, 1]; the originals are flat in most places: 0
    features    distance of the network's own middle features, original against painted, over the distance of two
                unrelated pictures of the same style (a perceptual distance that needs no download)
    class       share of painted pictures that the network, used as a classifier, gives the class of the original (higher)
    margin      by how much it prefers that class: error of the best other one over its own, less 1 (higher)
    contrast    spread of the painted pixels over the original's; 1 is perfect, and cfg that saturates raises it
    diversity   squared difference between two seeds in the hole; not an aim, but 0 would be a method that draws nothing

With --against a second table says by how many standard errors each method's numbers are larger than that one's, paired over
pictures (means over seeds): beyond 2 it is worse, beyond -2 better.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "examples" / "train")]
import conftest  # noqa: E402, F401 - the pack as `mask_guidance`
from mask_guidance.sampler import (  # noqa: E402
    CFG_REPEATS,
    FADED,
    Chain,
    Feedback,
    ImageNoise,
    Ladder,
    Method,
    Settings,
    denoiser,
    feedback,
    largest_sigma,
    paint,
    respaced_timesteps,
    sigmas,
    visits_by_level,
    with_preset,
)
from mask_guidance.sampler import methods as kinds  # noqa: E402
from mask_guidance.sampler.mask.paper import PAPER_MASKS, paper_mask  # noqa: E402
from mask_guidance.sampler.recognition import load_network  # noqa: E402
from measures import (  # noqa: E402
    beside,
    contrast,
    errors_by_label,
    grain,
    held_out,
    jump,
    margin,
    save_sheet,
    score,
    seam,
    squared_error,
)
from peers import host, lanpaint  # noqa: E402
from pictures import SIZE, STYLES  # noqa: E402

DIGITS = {
    "seam": 2,
    "beside": 4,
    "hole": 4,
    "grain": 4,
    "features": 2,
    "class": 2,
    "margin": 3,
    "contrast": 3,
    "diversity": 4,
    "score": 4,
}
COMPARED = ("seam", "beside", "hole", "grain", "features", "score")  # with --against
PROBED = 250  # timestep at which features are compared and classes are told apart


@dataclass(frozen=True)
class Net:
    """The network, its schedule, and how it is guided; the same as a MODEL of a host where there is one.

    Attributes:
        null_class: Label of "any class".
        cfg: Of classifier-free guidance; 1 is none.
        cfg_repeats: How calls share it, a key of CFG_REPEATS.
        clip: Guesses are kept in [-1, 1].
        model: MODEL.
    """

    unet: torch.nn.Module
    schedule: Tensor
    null_class: int
    cfg: float = 1.0
    cfg_repeats: str = "shared"
    clip: bool = True
    model: object = None

    def __call__(self, labels: Tensor, chain: Chain | None = None, method: str = "feedback"):
        """The network for pictures of these labels, on a chain's visits; without one each call follows cfg."""
        shares = self.shares(chain, kinds.METHODS[method]) if chain else {}

        def predicted(x: Tensor, t: Tensor) -> Tensor:
            output = self.unet(x, t, labels)
            if self.cfg == 1:
                return output
            noise, variance = output.tensor_split([x.shape[1]], 1)
            away = noise - self.unet(x, t, torch.full_like(labels, self.null_class))[:, : x.shape[1]]
            return torch.cat([noise + (self.cfg - 1) * shares.get(int(t[0]), 1.0) * away, variance], 1)

        return predicted

    def shares(self, chain: Chain, method: Method) -> dict[int, float]:
        """Of guidance, by timestep."""
        ladder = Ladder.from_alphas_cumprod(self.schedule, chain.timesteps)
        shares = CFG_REPEATS[self.cfg_repeats](
            ladder, visits_by_level(method, chain.levels, ladder.steps), FADED["pixels"]
        )
        return dict(zip(chain.timesteps, reversed(shares), strict=False))


def painted_with(settings: Settings, net: Net, labels: Tensor, pictures: Tensor, known: Tensor, seed: int) -> Iterator:
    chain = Chain.of(settings, sigmas(net.schedule), largest_sigma(pictures.shape))
    return paint(net(labels, chain, settings.method), net.schedule, pictures, known, settings, clip=net.clip, seed=seed)


def preset(name: str, method: str = "kriged", **changes):
    settings = replace(with_preset(name, Settings(method=method)), **changes)

    def run(net, labels, pictures, known, seed) -> Iterator:
        return painted_with(settings, net, labels, pictures, known, seed)

    return run


def published(steps: int, r: int, j: int, skip_type: str = "uniform"):
    settings = Settings(method="repaint", skip_type=skip_type, skip_steps=steps, resample_r=r, resample_j=j)

    def run(net, labels, pictures, known, seed) -> Iterator:
        return painted_with(settings, net, labels, pictures, known, seed)

    return run


def changed(name: str, **rule):
    """A preset of feedback with something else in its rule, see `Feedback`."""
    settings = with_preset(name, Settings(method="feedback"))

    def run(net, labels, pictures, known, seed) -> Iterator:
        chain = Chain.of(settings, sigmas(net.schedule), largest_sigma(pictures.shape))
        ladder = Ladder.from_alphas_cumprod(net.schedule, chain.timesteps)
        start, steps = (ImageNoise(seed, range(len(pictures)), stream) for stream in ("start", "steps"))
        denoise = denoiser(net(labels, chain), ladder, chain.timesteps, clip=net.clip)
        yield from feedback(denoise, ladder, chain.levels, start(pictures), pictures, known, steps, Feedback(**rule))

    return run


def stock(steps: int):
    """What a host does that has masks but no resampling: Euler's method, one noise for the known region throughout."""

    def run(net, labels, pictures, known, seed) -> Iterator:
        table = sigmas(net.schedule)
        timesteps = respaced_timesteps(len(table), "karras", steps, table, 80.0)
        ladder = Ladder.from_alphas_cumprod(net.schedule, timesteps)
        denoise = denoiser(net(labels), ladder, timesteps, clip=net.clip)
        sigma = (ladder.noise / ladder.signal).flip(0)
        noise = ImageNoise(seed, range(len(pictures)), "start")(pictures)
        x = float(sigma[0]) * noise
        for i in range(steps):
            x = torch.where(known, pictures + float(sigma[i]) * noise, x)
            x0, _ = denoise(float(ladder.signal[steps - i]) * x, steps - i)
            x0 = torch.where(known, pictures, x0)
            x = x0 + float(sigma[i + 1] / sigma[i]) * (x - x0)
            yield type("Step", (), {"x": x, "calls": steps})

    return run


def by_lanpaint(painter: lanpaint.LanPaint, scheduler: str, steps: int):
    """LanPaint's nodes in the host, on the levels that one of its schedulers gives."""

    def run(net, labels, pictures, known, seed) -> Iterator:
        levels = host.scheduled(net.model, scheduler, steps)
        asked = host.pictures_asked(net.model, pictures, ~known[0], labels.tolist(), levels, seed, net.cfg)
        painted, calls = host.each(painter.paint, asked)
        yield type("Step", (), {"x": painted, "calls": calls})

    return run


METHODS = {
    "stock mask, euler 20": stock(20),
    "stock mask, euler 86": stock(86),
    "repaint r=1, T=50": published(50, 1, 10),
    "repaint r=5, T=50": published(50, 5, 10),
    "repaint r=10, T=50": published(50, 10, 10),
    "repaint on karras, r=8, T=16, j=2": published(16, 8, 2, "karras"),
    "feedback 0, balanced": preset("balanced", "feedback", feedback=0.0),
    "feedback, draft": preset("draft", "feedback"),
    **{
        f"settle {x:g}, {name}": changed(name, settle=x)
        for name in ("draft", "fast")
        for x in (0.5, 0.75, 1.0, 1.5, math.inf)
    },
    "feedback, fast": preset("fast", "feedback"),
    "feedback, balanced": preset("balanced", "feedback"),
    "feedback, quality": preset("quality", "feedback"),
    **{f"kriged, {name}": preset(name) for name in ("draft", "fast", "balanced", "quality")},
    "repaint, paper": preset("paper"),
}
QUICK = [name for name in METHODS if name != "repaint, paper" and "settle" not in name]


def noised(net: Net, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """State, noise and timestep of PROBED, the same noise for every picture."""
    noise = ImageNoise(7, [0] * len(pictures), "probe")(pictures)
    share = float(net.schedule[PROBED])
    return share**0.5 * pictures + (1 - share) ** 0.5 * noise, noise, torch.full((len(pictures),), PROBED)


def features(net: Net, pictures: Tensor, labels: Tensor) -> Tensor:
    """Middle features of each picture, (B, n)."""
    kept = []
    hook = net.unet.middle_block.register_forward_hook(lambda module, inputs, output: kept.append(output.flatten(1)))
    x, _, t = noised(net, pictures)
    net.unet(x, t, labels)
    hook.remove()
    return kept[0]


def class_errors(net: Net, pictures: Tensor) -> Tensor:
    """Error of the predicted noise with each label; (labels, B)."""
    x, noise, t = noised(net, pictures)
    return errors_by_label(lambda labels: net.unet(x, t, labels)[:, : x.shape[1]], noise, len(STYLES))


def classes(net: Net, pictures: Tensor) -> Tensor:
    """The label with which the network predicts the noise best."""
    return class_errors(net, pictures).argmin(0)


def measured(
    net: Net, painted: list[Tensor], pictures: Tensor, labels: Tensor, known: Tensor, unrelated: Tensor
) -> dict:
    error = torch.stack([squared_error(one, pictures) for one in painted]).mean(0)
    hole = ~known[0, 0]
    first = painted[0]
    original = features(net, pictures, labels)
    distance = (features(net, first, labels) - original).norm(dim=1).mean() / unrelated
    errors = class_errors(net, first)
    apart = (
        ((painted[0] - painted[1]) / 2).square().mean((0, 1))[hole].mean()
        if len(painted) > 1
        else torch.tensor(torch.nan)
    )
    return {
        "seam": seam(torch.cat(painted), pictures, known),
        "beside": error[beside(known)].mean(),
        "hole": error[hole].mean(),
        "grain": grain(torch.cat(painted), hole),
        "features": distance,
        "class": (errors.argmin(0) == labels).float().mean(),
        "margin": margin(errors, labels).mean(),
        "contrast": contrast(torch.cat(painted), hole) / contrast(pictures, hole),
        "diversity": apart,
        "score": score(painted, pictures, hole).mean(),
    }


def by_picture(
    net: Net,
    painted: list[Tensor],
    pictures: Tensor,
    labels: Tensor,
    known: Tensor,
    original: Tensor,
    unrelated: Tensor,
) -> Tensor:
    """What is compared, of each picture, a mean over the fills; (B, COMPARED). `original`: features of the pictures."""
    hole = ~known[0, 0]

    def of_one(given: Tensor, fill: Tensor) -> list[Tensor]:
        error = squared_error(fill, given)
        return [jump(fill, known), error[beside(known)].mean(), error[hole].mean(), grain(fill, hole)]

    fills = []
    for fill in painted:
        rows = [torch.stack(of_one(*pair)) for pair in zip(pictures[:, None], fill[:, None], strict=True)]
        distance = (features(net, fill, labels) - original).norm(dim=1) / unrelated
        fills.append(torch.cat([torch.stack(rows), distance[:, None]], 1))
    return torch.cat([torch.stack(fills).mean(0), score(painted, pictures, hole)[:, None]], 1)


def larger(values: Tensor, others: Tensor) -> Tensor:
    """By how many standard errors, paired over pictures; (COMPARED,)."""
    difference = values - others
    return difference.mean(0) / (difference.std(0) / len(difference) ** 0.5).clamp(min=1e-12)


def guided(net: Net, strengths: list[float], repeats: list[str]) -> Iterator[tuple[str, Net]]:
    """The network with each strength of guidance, and what to call it."""
    for cfg in strengths:
        for kind in repeats[:1] if cfg == 1 else repeats:
            yield "" if cfg == 1 else f", cfg {cfg:g} {kind}", replace(net, cfg=cfg, cfg_repeats=kind)


def print_compared(compared: dict[tuple[str, str], Tensor], against: str) -> None:
    print(f"\nLarger than {against}, in standard errors over {len(next(iter(compared.values())))} pictures\n")
    print(f"| mask | method | {' | '.join(COMPARED)} |")
    print("|---" * (2 + len(COMPARED)) + "|")
    for (mask, method), values in compared.items():
        if method != against:
            sure = larger(values, compared[mask, against])
            print(f"| {mask} | {method} | {' | '.join(f'{float(value):+.1f}' for value in sure)} |")


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "examples" / "models" / "eight_styles_64.safetensors")
    parser.add_argument("--count", type=int, default=16, help="pictures, the same number of each style")
    parser.add_argument("--first", type=int, default=0, help="of each style's held-out pictures")
    parser.add_argument("--styles", nargs="+", choices=STYLES, default=STYLES, help="those that the model has seen")
    parser.add_argument("--against", metavar="METHOD", help="print how sure differences from this method are")
    parser.add_argument("--masks", nargs="+", default=["half"], choices=list(PAPER_MASKS))
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, *lanpaint.SETTINGS], metavar="METHOD")
    parser.add_argument("--lanpaint", type=Path, help="a checkout of LanPaint")
    parser.add_argument("--seeds", type=int, default=1, help="fills of each picture")
    parser.add_argument("--cfg", nargs="+", type=float, default=[1.0], help="strengths of guidance, each in turn")
    parser.add_argument("--cfg_repeats", nargs="+", default=["shared"], choices=list(CFG_REPEATS), help="above cfg 1")
    parser.add_argument("--free", action="store_true", help="do not keep the network's guesses in [-1, 1]")
    parser.add_argument("--sheet", type=Path, help="original, masked, then one row a method; a file a mask")
    args = parser.parse_args()
    if args.count < 2 * len(args.styles):
        parser.error(f"--count must be at least {2 * len(args.styles)}: two pictures of each style")

    unet, detection = load_network(args.model)
    net = Net(unet, detection.diffusion.alphas_cumprod(), detection.null_class, clip=not args.free)
    methods = dict(METHODS)
    if args.lanpaint:
        host.start(host.find())
        net = replace(net, model=host.example_model(args.model, clip_denoised=not args.free))
        for name, (levels, settings) in lanpaint.SETTINGS.items():
            methods[name] = by_lanpaint(lanpaint.LanPaint(args.lanpaint, **settings), *levels)
    else:
        print(lanpaint.MISSING)
    wanted = [name for name in args.methods or [*QUICK, *lanpaint.SETTINGS] if name in methods]
    pictures, labels = held_out(args.count, args.first, args.styles)
    whole = features(net, pictures, labels)
    unrelated = (whole - whole.roll(len(args.styles), 0)).norm(dim=1).mean()
    sure = (classes(net, pictures) == labels).float().mean()
    print(f"{len(pictures)} pictures; originals classified right: {float(sure):.2f}\n")
    print(f"| mask | method | calls | {' | '.join(DIGITS)} | seconds |")
    print("|---" * (4 + len(DIGITS)) + "|")
    compared: dict[tuple[str, str], Tensor] = {}
    for name in args.masks:
        known = paper_mask(name, SIZE, SIZE)[None] < 0.5
        rows = [pictures, torch.where(known, pictures, 0.0)]
        for method, (words, guided_net) in product(wanted, [*guided(net, args.cfg, args.cfg_repeats)]):
            started, painted = time.monotonic(), []
            for seed in range(args.seeds):
                for step in methods[method](guided_net, labels, pictures, known, seed):
                    last = step
                painted.append(last.x)
            values = measured(net, painted, pictures, labels, known, unrelated)
            seconds = time.monotonic() - started
            numbers = " | ".join(f"{float(value):.{DIGITS[column]}f}" for column, value in values.items())
            print(f"| {name} | {method}{words} | {last.calls} | {numbers} | {seconds:.0f} |", flush=True)
            rows.append(painted[0])
            if args.against:
                compared[name, method + words] = by_picture(net, painted, pictures, labels, known, whole, unrelated)
        if args.sheet:
            save_sheet(rows, args.sheet.with_stem(f"{args.sheet.stem}_{name}") if len(args.masks) > 1 else args.sheet)
    if args.against:
        print_compared(compared, args.against)


if __name__ == "__main__":
    main()
