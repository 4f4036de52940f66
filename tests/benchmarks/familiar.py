"""Does a model know a picture? How often the warning of the Inpaint node is right, on pictures of both kinds.

    python tests/benchmarks/familiar.py [--count 32] [--first 64] [--latent MODEL.safetensors]

Runs in a ComfyUI (COMFYUI_PATH, else the one that run.py made): the example model, and a latent model if its file is given
(see train_latent.py). Drawn pictures are held-out ones of the models' own kind, photographs are scikit-image's, in squares
of several sizes. The thresholds were chosen on the first 16 drawn pictures and the photographs' middles; what is reported
here by default is other pictures, and the photographs' corners.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples" / "train"), str(ROOT / "tests"), str(ROOT / "tests" / "host")]
import conftest  # noqa: E402, F401 - the pack as `mask_guidance`
from pictures import SIZE  # noqa: E402

sys.path.append(str(Path(__file__).parent))
from measures import held_out  # noqa: E402
from peers import host  # noqa: E402

EXAMPLE = ROOT / "examples" / "models" / "eight_styles_64.safetensors"
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "coins", "rocket")  # those that come with the package
ROW = "| {} | {} | {} | {:.1f} ({:.1f}-{:.1f}) | {:.2f} ({:.2f}-{:.2f}) | {} of {} |"


def photographs(middles: bool) -> Tensor:
    """Squares of several sizes out of the middle, or out of two corners, at the models' size; (B, 3, SIZE, SIZE) in [-1, 1]."""
    from skimage import data

    squares = []
    for name in PHOTOGRAPHS:
        pixels = torch.from_numpy(getattr(data, name)().copy()).float() / 127.5 - 1
        picture = pixels.expand(3, *pixels.shape) if pixels.ndim == 2 else pixels[..., :3].movedim(-1, 0)
        height, width = picture.shape[1:]
        side = min(height, width)
        for part in (side // 2, side // 4, SIZE):
            for top, left in places(height, width, part, middles):
                square = picture[None, :, top : top + part, left : left + part]
                squares.append(F.interpolate(square, (SIZE, SIZE), mode="area")[0])
    return torch.stack(squares)


def places(height: int, width: int, side: int, middles: bool) -> Iterator[tuple[int, int]]:
    if middles:
        yield (height - side) // 2, (width - side) // 2
    else:
        yield 0, 0
        yield height - side, width - side


def told(model, conds, samples: Tensor) -> list:
    """What the node would say of each picture, all of it known."""
    from mask_guidance.nodes.familiarity import errors_of, own_errors
    from mask_guidance.nodes.painting import Wanted
    from mask_guidance.sampler import PRESETS
    from mask_guidance.sampler.familiarity import Errors, Familiarity

    positive, negative, _ = conds
    own = own_errors(model, positive, negative, conds, Wanted(PRESETS["draft"], "draft", 0, 1.0), samples)
    found = errors_of(model, conds, samples, torch.ones(1))
    return [
        Familiarity.of(Errors(found.measured[i : i + 1], found.expected[i : i + 1]), own) for i in range(len(samples))
    ]


def row(model: str, kind: str, answers: list) -> str:
    spread = []
    for name in ("times_usual", "surprise"):
        values = torch.tensor([getattr(answer, name) for answer in answers])
        spread += [float(values.median()), float(values.min()), float(values.max())]
    return ROW.format(model, kind, len(answers), *spread, sum(answer.strange for answer in answers), len(answers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=32, help="drawn pictures")
    parser.add_argument("--first", type=int, default=64, help="the first one's number among the held-out")
    parser.add_argument("--middles", action="store_true", help="the photographs that thresholds were chosen on")
    parser.add_argument("--latent", type=Path)
    args = parser.parse_args()
    found = host.find()
    if found is None:
        parser.error("needs a ComfyUI: run `python run.py --once`, or set COMFYUI_PATH")
    host.start(found)
    kinds = {"drawn, its own kind": held_out(args.count, args.first)[0], "photographs": photographs(args.middles)}
    print(
        "| model | pictures | count | error, times usual: median (range) | surprise | warned |\n|---|---|---|---|---|---|"
    )
    with torch.inference_mode():
        for kind, pictures in kinds.items():
            from mask_guidance.nodes.guidance import completed

            model = host.example_model(EXAMPLE)
            print(row("example", kind, told(model, completed(model, None, None, 1.0), pictures)), flush=True)
        if args.latent:
            import latent_model

            made = latent_model.load(args.latent)
            conds = (*[made.conditioning(torch.tensor([made.any_style]))] * 2, 1.0)
            for kind, pictures in kinds.items():
                samples = made.vae.encode((pictures.movedim(1, -1) + 1) / 2)
                print(row("latent", kind, told(made.model, conds, samples)), flush=True)


if __name__ == "__main__":
    main()
