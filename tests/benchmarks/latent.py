"""Quality on a latent model, in the real host: its VAE and guider, the pack's own nodes, stock samplers beside them.

    COMFYUI_PATH=... python tests/benchmarks/latent.py --model latent.safetensors [--count 8] [--masks half ...] [--cfg 1 4 7]

LanPaint has rows if its checkout is given: --lanpaint PATH. The model is train_latent.py's. Every row: the picture is encoded,
the masked part painted, decoded and stitched into the original. The first row of a mask is the VAE alone, nothing painted: no
method can do better. Columns, lower is better unless said:

    seam        in the decoded picture: jump of colour across the line of the cut over the original's own there; 1 is perfect
    hard        hard stitching: the largest such jump of all lines at 0 to 7 px outside the mask
    feathered   the same with feathered stitching, 4 px
    poisson     the same with Poisson stitching, 4 px
    hole        squared error of the masked pixels, on [0, 1]
    grain       median second difference of the masked pixels, on [0, 1]
    saturation  standard deviation of the painted latents over the original's; 1 is perfect
    class       how much better the picture's own text explains the painted latents than any other text (higher)
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "host"), str(ROOT / "examples" / "train")]
import conftest  # noqa: E402, F401 - the pack as `mask_guidance`
from in_process import start_host  # noqa: E402
from latent_model import RATIO, SCALE, SIZE, LatentModel, load  # noqa: E402
from mask_guidance.sampler import Feedback, ImageNoise, Settings, feedback, largest_sigma, with_preset  # noqa: E402
from mask_guidance.sampler.chain import chosen_timesteps  # noqa: E402
from mask_guidance.sampler.mask import to_grid  # noqa: E402
from mask_guidance.sampler.mask.paper import PAPER_MASKS, paper_mask  # noqa: E402
from mask_guidance.sampler.methods.method import Descent  # noqa: E402
from measures import (  # noqa: E402
    BLEND,
    errors_by_label,
    grain,
    held_out,
    margin,
    save_sheet,
    seam,
    squared_error,
    widened,
    worst_seam,
)
from peers import host as peer  # noqa: E402
from peers import lanpaint  # noqa: E402

COLUMNS = {"seam": 2, "hard": 2, "feathered": 2, "poisson": 2, "hole": 4, "grain": 4, "saturation": 2, "class": 3}
LINES = BLEND + RATIO - 1  # a mask on the grid may be so much wider
PROBED = (0.6, 1.2, 2.4)  # sigmas at which classes are told apart
# Windows of repeats, just wide enough for a level of the presets on Stable Diffusion's sigmas.
HIGHS, LOWS = (20, 11.1, 8.3, 6.1, 4.5, 3.2, 2.3, 1.6), (0.02, 0.05, 0.09, 0.16, 0.25, 0.4)


def box(top: int, left: int, height: int, width: int) -> Callable[[], Tensor]:
    def draw() -> Tensor:
        mask = torch.zeros(1, SIZE, SIZE)
        mask[:, top : top + height, left : left + width] = 1
        return mask

    return draw


MASKS: dict[str, Callable[[], Tensor]] = {
    **{name: lambda name=name: paper_mask(name, SIZE, SIZE) for name in PAPER_MASKS},
    "half, 2 px off": box(0, 34, 64, 30),
    "half, 1 px off": box(0, 33, 64, 31),
    "half, 3 px off": box(0, 35, 64, 29),
    "box, on grid": box(16, 20, 28, 24),
    "box, off grid": box(17, 22, 25, 21),
}


@dataclass(frozen=True)
class Scene:
    """What is painted: a model, pictures, a mask, guidance.

    Attributes:
        image: IMAGE; (B, H, W, 3) in [0, 1].
        labels: (B,).
        mask: MASK, 1 where it is painted; (1, H, W).
        latent: LATENT, with the mask.
    """

    model: LatentModel
    image: Tensor
    labels: Tensor
    mask: Tensor
    latent: dict
    cfg: float

    @property
    def texts(self) -> dict:
        any_style = torch.full_like(self.labels, self.model.any_style)
        return {"positive": self.model.conditioning(self.labels), "negative": self.model.conditioning(any_style)}


PicturesOf = Callable[[int, int], tuple[Tensor, Tensor]]  # see `held_out`
Method = Callable[[Scene, int], Tensor]  # the scene and a seed; the painted latents


def ours(preset: str, **options) -> Method:
    """The pack's own KSampler."""

    def run(scene: Scene, seed: int) -> Tensor:
        from nodes_by_hand import ksampler

        chosen = {"preset": preset, "method": "kriged", "cfg": scene.cfg, "seed": seed, **scene.texts, **options}
        return ksampler(scene.model.model, scene.latent, **chosen)[0]

    return run


def grown(method: Method, cells: int) -> Method:
    """A method that paints so many cells around the mask too."""

    def run(scene: Scene, seed: int) -> Tensor:
        cells_of = to_grid(scene.latent["noise_mask"], tuple(scene.latent["samples"].shape[-2:]))
        mask = widened(cells_of.reshape(-1, 1, *cells_of.shape[-2:]), cells).float()
        return method(replace(scene, latent={**scene.latent, "noise_mask": mask}), seed)

    return run


def stock(name: str, steps: int, scheduler: str = "karras") -> Method:
    """The host's KSampler, with the mask on the model's grid as ours has it."""

    def run(scene: Scene, seed: int) -> Tensor:
        from nodes import common_ksampler

        size = scene.latent["samples"].shape[-2:]
        latent = {**scene.latent, "noise_mask": to_grid(scene.latent["noise_mask"], tuple(size))}
        texts = scene.texts["positive"], scene.texts["negative"]
        return common_ksampler(scene.model.model, seed, steps, scene.cfg, name, scheduler, *texts, latent)[0]["samples"]

    return run


@dataclass(frozen=True)
class Tuned(Settings):
    """A preset with another rule.

    Attributes:
        rule: See `Feedback`.
        window: Noise over signal, from and to, between which levels are repeated; None: the preset's own choice.
        deaf: Feedback does not listen to known cells so near to the hole.
    """

    rule: Feedback = field(default_factory=Feedback)
    window: tuple[float, float] | None = None
    deaf: int = 0

    def levels(self, descent: Descent) -> list[int]:
        if self.window is None:
            return super().levels(descent)
        high, low = self.window
        inside = [low <= ratio <= high for ratio in descent.ratios.tolist()]
        levels = range(descent.steps, 0, -1)
        return [*(level for level in levels for _ in range(self.repeats if inside[level - 1] else 1)), 0]

    def run(self, denoise, ladder, x, x0, known, noise, levels=None):
        if self.deaf:
            silent = widened(~known, self.deaf) & known
            heard = denoise

            def denoise(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
                predicted, variance = heard(x, level)
                return torch.where(silent, x0, predicted), variance

        yield from feedback(denoise, ladder, levels, x, x0, known, noise, self.rule)


def tuned(preset: str, window: tuple[float, float] | None = None, deaf: int = 0, **rule) -> Method:
    """A preset of feedback with something else in its rule, in the pack's own sampler."""
    of_feedback = with_preset(preset, Settings(method="feedback"))
    own = {f.name: getattr(of_feedback, f.name) for f in fields(Settings)}
    settings = Tuned(**own, rule=Feedback(**rule), window=window, deaf=deaf)

    def run(scene: Scene, seed: int) -> Tensor:
        from mask_guidance.nodes.guidance import guided
        from mask_guidance.nodes.ladder import noise_to_signal
        from mask_guidance.nodes.repaint_sampler import RePaintSampler
        from mask_guidance.nodes.respaced_sigmas import respaced_sigmas

        model, samples = scene.model.model, scene.latent["samples"]
        timesteps = chosen_timesteps(settings, noise_to_signal(model), largest_sigma(samples.shape))
        noise = ImageNoise(seed, range(len(samples)), "start")(torch.zeros(samples.shape))
        mask = to_grid(scene.latent["noise_mask"], tuple(samples.shape[-2:]))
        guider = guided(model, scene.texts["positive"], scene.texts["negative"], scene.cfg)
        sigmas = respaced_sigmas(model, timesteps)
        painted = guider.sample(noise, samples, RePaintSampler(settings), sigmas, mask, None, True, seed)
        return torch.where(mask == 0, samples, painted)

    return run


def by_lanpaint(painter: lanpaint.LanPaint, scheduler: str, steps: int) -> Method:
    """LanPaint's node on the levels of one of the host's schedulers, with the mask on the model's grid as ours has it."""

    def run(scene: Scene, seed: int) -> Tensor:
        latents, model = scene.latent["samples"], scene.model.model
        mask = to_grid(scene.latent["noise_mask"], tuple(latents.shape[-2:])).reshape(1, *latents.shape[-2:])
        sigmas, any_style = peer.scheduled(model, scheduler, steps), torch.tensor([scene.model.any_style])
        texts = [scene.model.conditioning(label) for label in scene.labels.split(1)]
        asked = [
            peer.Inpainting(
                model, one, mask, text, scene.model.conditioning(any_style), sigmas, scene.cfg, 1000 * seed + k
            )
            for k, (one, text) in enumerate(zip(latents.split(1), texts, strict=True))
        ]
        return peer.each(painter.paint, asked)[0]

    return run


def nothing(scene: Scene, seed: int) -> Tensor:
    return encoded(scene.model, scene.image, scene.mask)["samples"]


ALONE = "the VAE alone"
METHODS: dict[str, Method] = {
    ALONE: nothing,
    "euler 20": stock("euler", 20),
    "dpmpp_2m 20": stock("dpmpp_2m", 20),
    "draft": ours("draft"),
    "fast": ours("fast"),
    "balanced": ours("balanced"),
    "quality": ours("quality"),
    **{f"feedback, {name}": ours(name, method="feedback") for name in ("draft", "fast", "balanced", "quality")},
    **{f"{name}, full cfg": ours(name, cfg_repeats="full") for name in ("draft", "fast", "balanced")},
    **{f"{name}, grown {cells}": grown(ours(name), cells) for name in ("draft", "fast") for cells in (1, 2)},
    **{f"{name}, by area": ours(name, mask_grid="area") for name in ("draft", "fast")},
    **{
        f"feedback, {name}, deaf {cells}": tuned(name, deaf=cells)
        for name in ("draft", "fast", "balanced")
        for cells in (1, 2)
    },
    **{
        f"feedback, {name}, {high:g} to {low:g}": tuned(name, window=(high, low))
        for name in ("draft", "fast", "balanced")
        for high in HIGHS
        for low in LOWS
    },
    **{
        f"feedback, {name}, settle {share:g}": tuned(name, settle=share)
        for name in ("draft", "fast", "balanced")
        for share in (0.5, 1.0, 1.5, float("inf"))
    },
}
QUICK = ["euler 20", "dpmpp_2m 20", "draft", "fast", "balanced"]


def filled(how: str) -> Callable[[Tensor, Tensor], Tensor]:
    def fill(image: Tensor, mask: Tensor) -> Tensor:
        from mask_guidance.nodes.fill import FillMaskedArea

        return FillMaskedArea.execute(image, mask, how, 0).result[0]

    return fill


# What the VAE sees under the mask.
UNDER: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "original": lambda image, mask: image,
    "other": lambda image, mask: torch.where(mask[..., None] > 0, image.roll(1, 0), image),
    **{how: filled(how) for how in ("smooth", "edge extend", "mean colour", "neutral", "noise")},
}


def encoded(model: LatentModel, image: Tensor, mask: Tensor) -> dict:
    """LATENT of an IMAGE, with its mask."""
    from nodes import SetLatentNoiseMask, VAEEncode

    return SetLatentNoiseMask().set_mask(VAEEncode().encode(model.vae, image)[0], mask)[0]


def decoded(model: LatentModel, samples: Tensor) -> Tensor:
    from nodes import VAEDecode

    return VAEDecode().decode(model.vae, {"samples": samples})[0]


def snapped(mask: Tensor) -> Tensor:
    """The mask as the model painted it, in pixels."""
    return to_grid(to_grid(mask, (SIZE // RATIO, SIZE // RATIO)), (SIZE, SIZE), "nearest")


STITCHED = {"mask": lambda mask: mask, "snapped": snapped}  # with which mask


def stitched(scene: Scene, painted: Tensor, mask: Tensor, blend: str, pixels: int) -> Tensor:
    """Put back by the pack's own nodes."""
    from mask_guidance.nodes.crop import CropForInpainting
    from mask_guidance.nodes.stitch import StitchBack

    whole = {"split": "one per picture", "merge_distance": 0, "context_factor": 100.0, "fit": "multiple", "multiple": 1}
    rest = {"width": SIZE, "height": SIZE, "enlarge": False, "context_mask": None}
    rest |= {f"context_{side}": 0 for side in ("left", "top", "right", "bottom")}
    crops = CropForInpainting.execute(scene.image, scene.mask, **whole, **rest).result[2]
    masks = mask.expand(len(painted), -1, -1)
    return StitchBack.execute(crops, painted, blend, pixels, False, masks).result[0]


def as_pictures(image: Tensor) -> Tensor:
    return image.movedim(-1, 1) * 2 - 1


def class_margin(scene: Scene, samples: Tensor) -> Tensor:
    """Mean margin of the pictures' own texts, over a few noise levels."""
    network, sampling = scene.model.model.model, scene.model.model.get_model_object("model_sampling")
    noise = ImageNoise(7, [0] * len(samples), "probe")(samples)
    errors = 0
    for sigma in PROBED:
        x, level = SCALE * samples + sigma * noise, torch.full((len(samples),), sigma)

        def predicted(labels: Tensor, x=x, level=level, sigma=sigma) -> Tensor:
            return (x - network.apply_model(x, level, c_crossattn=scene.model.texts[labels])) / sigma

        errors = errors + errors_by_label(predicted, noise, scene.model.any_style) / len(PROBED)
    assert sampling.sigma_min < min(PROBED) < max(PROBED) < sampling.sigma_max
    return margin(errors, scene.labels).mean()


def measured(scene: Scene, drawn: list[Tensor], stitch: str, quick: bool) -> tuple[dict[str, Tensor], Tensor]:
    """Values of COLUMNS, and the pictures as stitched with a feather.

    Args:
        drawn: Latents, one tensor a seed.
        stitch: A key of STITCHED.
        quick: Without the class, which takes as long as a short fill.
    """
    original, hole, cut = as_pictures(scene.image), scene.mask[0] > 0, STITCHED[stitch](scene.mask)
    pictures = [decoded(scene.model, samples) for samples in drawn]
    joined = {
        blend: torch.cat([as_pictures(stitched(scene, one, cut, blend, BLEND)) for one in pictures])
        for blend in ("hard", "feathered", "poisson")
    }
    known, cut = ~hole[None, None], cut[None] == 0
    cells = to_grid(scene.mask, (SIZE // RATIO, SIZE // RATIO))[0] > 0
    truth = encoded(scene.model, scene.image, scene.mask)["samples"]
    error = torch.stack([squared_error(one, original) for one in joined["hard"].split(len(original))]).mean(0)
    values = {
        "seam": seam(torch.cat([as_pictures(one) for one in pictures]), original, cut),
        "hard": worst_seam(joined["hard"], original, known, LINES),
        "feathered": worst_seam(joined["feathered"], original, known, LINES),
        "poisson": worst_seam(joined["poisson"], original, known, LINES),
        "hole": error[hole].mean(),
        "grain": grain(joined["hard"], hole),
        "saturation": torch.cat(drawn)[..., cells].std() / truth[..., cells].std(),
        "class": torch.tensor(torch.nan) if quick else class_margin(scene, drawn[0]),
    }
    return values, joined["feathered"][: len(original)]


class Calls:
    """Rows that a network saw, while it is watched."""

    def __init__(self, network: torch.nn.Module):
        self.rows = 0
        network.register_forward_pre_hook(self.count)

    def count(self, network, inputs) -> None:
        self.rows += len(inputs[0])

    def of(self, scene: Scene, seeds: int) -> float:
        """Calls of the model for one fill; both halves of guidance are one."""
        return self.rows / len(scene.image) / (1 if scene.cfg == 1 else 2) / seeds


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / ".run" / "latent.safetensors")
    parser.add_argument("--count", type=int, default=8, help="pictures, the same number of each style")
    parser.add_argument("--first", type=int, default=0, help="of the held-out seeds")
    parser.add_argument("--masks", nargs="+", default=["half"], choices=list(MASKS), metavar="MASK")
    parser.add_argument("--under", nargs="+", default=["original"], choices=list(UNDER), help="what is encoded there")
    parser.add_argument("--stitch", nargs="+", default=["mask"], choices=list(STITCHED))
    parser.add_argument("--methods", nargs="*", choices=[*METHODS, *lanpaint.SETTINGS], metavar="METHOD")
    parser.add_argument("--lanpaint", type=Path, help="a checkout of LanPaint")
    parser.add_argument("--cfg", nargs="+", type=float, default=[1.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="fills of each picture")
    parser.add_argument("--quick", action="store_true", help="without the column class")
    parser.add_argument("--sheet", type=Path, help="original, then one row a method (of the last mask)")
    return parser.parse_args(arguments)


@torch.inference_mode()
def main(arguments: list[str] | None = None, pictures_of: PicturesOf = held_out) -> None:
    args = parsed(arguments)
    start_host(os.environ["COMFYUI_PATH"], "--cpu", "--use-pytorch-cross-attention")
    import comfy.utils

    comfy.utils.PROGRESS_BAR_ENABLED = False
    methods = dict(METHODS)
    if args.lanpaint:
        for name, (levels, settings) in lanpaint.SETTINGS.items():
            methods[name] = by_lanpaint(lanpaint.LanPaint(args.lanpaint, **settings), *levels)
    else:
        print(lanpaint.MISSING)
    wanted = [name for name in args.methods or [*QUICK, *lanpaint.SETTINGS] if name in methods]
    model = load(args.model)
    calls = Calls(model.model.model.diffusion_model)
    pictures, labels = pictures_of(args.count, args.first)
    image = (pictures + 1).movedim(1, -1) / 2
    print(f"{len(image)} pictures from {args.first}, seeds {args.seeds}\n")
    print("| mask | under it | stitched | method | cfg | calls | " + " | ".join(COLUMNS) + " | seconds |")
    print("|---" * (7 + len(COLUMNS)) + "|")
    for name in args.masks:
        mask = MASKS[name]()
        rows = [pictures]
        for under in args.under:
            latent = encoded(model, UNDER[under](image, mask.expand(len(image), -1, -1)), mask)
            for cfg in args.cfg:
                scene = Scene(model, image, labels, mask, latent, cfg)
                for method in dict.fromkeys([ALONE, *wanted]):
                    started, calls.rows = time.monotonic(), 0
                    drawn = [methods[method](scene, seed) for seed in args.seeds[: 1 if method == ALONE else None]]
                    count = calls.of(scene, len(drawn))
                    seconds = time.monotonic() - started
                    for stitch in args.stitch:
                        values, joined = measured(scene, drawn, stitch, args.quick)
                        numbers = " | ".join(
                            f"{float(values[column]):.{digits}f}" for column, digits in COLUMNS.items()
                        )
                        row = f"| {name} | {under} | {stitch} | {method} | {cfg:g} | {count:.0f} | {numbers} | {seconds:.0f} |"
                        print(row, flush=True)
                    rows.append(joined)
        if args.sheet:
            save_sheet(rows, args.sheet)


if __name__ == "__main__":
    main()
