"""Of several fills, is the one that the model believes most nearer to the truth than a random one?

    python tests/benchmarks/keep_best.py [--count 32] [--first 600] [--fills 6] [--preset draft]

Runs in a ComfyUI (COMFYUI_PATH, else the one that run.py made) what the Inpaint node runs: the example model on held-out
pictures, two masks. For each way to choose: squared error of the chosen fill in the hole over the mean of all fills, and its
rank among them (0 is the best; chance is the middle), with the standard error of both. The rule was chosen among 22 on the
pictures from 400 and 500 on.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples" / "train"), str(ROOT / "tests"), str(ROOT / "tests" / "host")]
import conftest  # noqa: E402, F401 - the pack as `mask_guidance`
from pictures import SIZE  # noqa: E402

sys.path.append(str(Path(__file__).parent))
from measures import held_out  # noqa: E402
from peers import host  # noqa: E402

EXAMPLE = ROOT / "examples" / "models" / "eight_styles_64.safetensors"
EDGES = {"half": (0, SIZE, SIZE // 2, SIZE), "box": (SIZE // 4, 3 * SIZE // 4, SIZE // 4, 3 * SIZE // 4)}


def holes() -> dict[str, Tensor]:
    """(1, 1, SIZE, SIZE), 1 is painted."""
    masks = {name: torch.zeros(1, 1, SIZE, SIZE) for name in EDGES}
    for name, (top, bottom, left, right) in EDGES.items():
        masks[name][..., top:bottom, left:right] = 1
    return masks


def fills(model, pictures: Tensor, mask: Tensor, wanted, count: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Error in the hole of each fill (fills, B), and the figures to choose by."""
    from mask_guidance.nodes.familiarity import disbelief, errors_of
    from mask_guidance.nodes.guidance import completed
    from mask_guidance.nodes.painting import paint

    error, figures = [], {"doubt (the node's)": [], "error of the known part alone": []}
    conds = completed(model, None, None, 1.0)
    for seed in range(count):
        chosen = replace(wanted, seed=seed)
        painted = paint(model, {"samples": pictures, "noise_mask": mask}, None, None, chosen, place=None)
        square = ((painted.samples - pictures) / 2).square() * mask
        error.append(square.sum((1, 2, 3)) / mask.sum() / pictures.shape[1])
        figures["doubt (the node's)"].append(disbelief(model, None, None, chosen, painted))
        figures["error of the known part alone"].append(errors_of(model, conds, painted.samples, 1 - mask).measured)
    return torch.stack(error), {name: torch.stack(values) for name, values in figures.items()}


def row(mask: str, name: str, error: Tensor, chosen: Tensor) -> str:
    picked = error.gather(0, chosen[None])[0]
    ranks = (error < picked).sum(0).float()
    ratio = picked / error.mean(0)
    spread = [float(values.std()) / len(values) ** 0.5 for values in (ratio, ranks)]
    return f"| {mask} | {name} | {float(ratio.mean()):.3f} +- {spread[0]:.3f} | {float(ranks.mean()):.2f} +- {spread[1]:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=32, help="pictures")
    parser.add_argument("--first", type=int, default=600, help="the first one's number among the held-out")
    parser.add_argument("--fills", type=int, default=6)
    parser.add_argument("--preset", default="draft")
    args = parser.parse_args()
    found = host.find()
    if found is None:
        parser.error("needs a ComfyUI: run `python run.py --once`, or set COMFYUI_PATH")
    host.start(found)
    from mask_guidance.nodes.painting import Wanted
    from mask_guidance.sampler import PRESETS

    pictures, _ = held_out(args.count, args.first)
    model = host.example_model(EXAMPLE)
    wanted = Wanted(PRESETS[args.preset], args.preset, 0, 1.0)
    print("| mask | chosen by | error over the mean of all fills | rank |\n|---|---|---|---|")
    with torch.inference_mode():
        for name, mask in holes().items():
            error, figures = fills(model, pictures, mask, wanted, args.fills)
            chance = (args.fills - 1) / 2
            print(f"| {name} | chance | 1 | {chance:.2f} |")
            print(row(name, "the truth", error, error.argmin(0)))
            for what, values in figures.items():
                print(row(name, what, error, values.argmin(0)), flush=True)


if __name__ == "__main__":
    main()
