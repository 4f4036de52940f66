"""How well the example model fills the right half of pictures it never saw: the table of its model card.

    python evaluate.py model.safetensors [--count 64] [--steps 50] [--picture sheet.png]

For each r, on held-out pictures of all styles: the jump of colour across the mask's edge over the original's own jump
there (1 is perfect, more is a visible seam), and the squared error of the four columns beside the edge and of the whole
hole, on [0, 1]. The picture shows original, masked, and one row a setting.
"""

import argparse
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pictures import HELD_OUT, SIZE, STYLES, render
from PIL import Image

# The pack's folder may have any name; here it is called as the library is.
PACK = types.ModuleType("mask_guidance")
PACK.__path__ = [str(Path(__file__).resolve().parents[2])]
sys.modules["mask_guidance"] = PACK

from mask_guidance.sampler import PRESETS, paint  # noqa: E402
from mask_guidance.sampler.recognition import load_network  # noqa: E402

EDGE = SIZE // 2
BESIDE = 4  # columns of the hole next to the edge
SHOWN = 12


def seam(pictures: torch.Tensor) -> float:
    """Mean absolute difference of colour across the edge."""
    return float((pictures[..., EDGE] - pictures[..., EDGE - 1]).abs().mean())


def fill(net, schedule, pictures, labels, known, steps, r, j, seed) -> tuple[torch.Tensor, int]:
    """Painted pictures, and the number of model calls."""
    settings = replace(PRESETS["paper"], skip_steps=steps, resample_j=j, resample_r=r)
    with torch.no_grad():
        for step in paint(
            lambda x, t: net(x, t, labels),
            schedule,
            pictures,
            known,
            settings,
            seed=seed,
        ):
            last = step
    return last.x, last.calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=64, help="pictures, the same number of each style")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--jump", type=int, default=10, help="RePaint's j")
    parser.add_argument("--r", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()

    net, detection = load_network(args.model)
    schedule = detection.diffusion.alphas_cumprod()
    rendered, labels = render(STYLES, range(HELD_OUT, HELD_OUT + args.count // len(STYLES)))
    turn = np.argsort(np.arange(len(labels)) % (args.count // len(STYLES)), kind="stable")  # styles in turn
    pictures = torch.from_numpy(rendered[turn]).permute(0, 3, 1, 2).float() / 127.5 - 1
    labels = torch.from_numpy(labels[turn])
    known = torch.ones(1, 1, SIZE, SIZE, dtype=torch.bool)
    known[..., EDGE:] = False

    rows = [pictures, torch.where(known, pictures, 0.0)]
    print("| r | model calls | seam / original's | error beside the seam | error in the hole | seconds |")
    print("|---|---|---|---|---|---|")
    for r in args.r:
        started = time.monotonic()
        painted, calls = fill(net, schedule, pictures, labels, known, args.steps, r, args.jump, args.seed)
        error = ((painted - pictures) / 2).square()
        beside, hole = error[..., EDGE : EDGE + BESIDE].mean(), error[..., EDGE:].mean()
        seconds = time.monotonic() - started
        ratio = seam(painted) / seam(pictures)
        print(f"| {r} | {calls} | {ratio:.2f} | {beside:.4f} | {hole:.4f} | {seconds:.0f} |", flush=True)
        rows.append(painted)
    if args.picture:
        sheet = torch.cat([torch.cat(list(row[:SHOWN]), dim=2) for row in rows], dim=1)
        Image.fromarray(((sheet.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()).save(args.picture)


if __name__ == "__main__":
    main()
