"""Composite Edit against plain compositing by a fixed threshold, on pictures edited by known operations.

    python tests/benchmarks/edits.py [--set held-out] [--drawn 2] [--shares 0.004 0.05 0.2] [--sheet sheet.png]

Photographs of scikit-image and drawn pictures, changed by four operations, drifted by fifteen (tests/known_edits.py). Ours is
the node at its defaults. The plain way stretches the edited picture over the original, takes where any channel differs by more
than a threshold, cleans that mask and blends it in by the same functions; its best threshold is the one with the smallest
error on these very pictures, the usual one is 0.1. Columns; all but the first two are of 255, lower is better:

    IoU        overlap of mask and truth over both, masks not grown (higher); truth: the ideal differs by 12 of 255 or more
    recall     share of the truth that the mask covers (higher)
    error      mean absolute difference to the ideal: the original with the change and nothing else
    changed    the same inside the truth
    outside    largest change farther from the truth than grow + blend + 8 px, mean over pictures: what came along
    seam       mean difference to the ideal within 12 px of the truth's edge
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "examples" / "train")]
import conftest  # noqa: E402, F401 - the pack as `mask_guidance`
from known_edits import CHANGES, DRIFTS, Edit, edit, photograph  # noqa: E402
from mask_guidance.sampler.edit import Cleaning, composite_edit  # noqa: E402
from mask_guidance.sampler.mask import Crops, distance, stitch  # noqa: E402
from mask_guidance.sampler.mask.cropping import Box, Region  # noqa: E402
from mask_guidance.sampler.mask.resample import resize_picture  # noqa: E402

SETS = {
    "tuning": (("astronaut", "coffee", "camera"), 0),
    "held-out": (("chelsea", "rocket", "motorcycle", "hubble_deep_field", "retina"), 1000),
}
THRESHOLDS = (0.03, 0.05, 0.1, 0.15, 0.2, 0.3)
USUAL = 0.1
SIDE = 512
CLEANING = Cleaning()
PIXELS = 8
COLUMNS = ("IoU", "recall", "error", "changed", "outside", "seam")


def pictures(which: str, drawn: int) -> list[Tensor]:
    names, first = SETS[which]
    found = [at_most(motorcycle() if name == "motorcycle" else photograph(name)) for name in names]
    if drawn:
        from pictures import HELD_OUT, STYLES, picture  # of examples/train

        for k in range(drawn):
            values = picture(STYLES[k % len(STYLES)], HELD_OUT + first + k, SIDE)
            found.append(torch.from_numpy(values.copy()).permute(2, 0, 1)[None].float() / 255)
    return [(one * 255).round() / 255 for one in found]


def motorcycle() -> Tensor:
    from skimage.data import stereo_motorcycle

    return torch.from_numpy(stereo_motorcycle()[0].copy()).permute(2, 0, 1)[None].float() / 255


def at_most(one: Tensor) -> Tensor:
    factor = min(1, SIDE / max(one.shape[-2:]))
    return resize_picture(one, round(one.shape[-2] * factor), round(one.shape[-1] * factor))


def ours(given: Edit) -> tuple[Tensor, Tensor]:
    """Picture, and mask before it is grown."""
    result = composite_edit(given.original[0], given.edited[0])
    bare = Cleaning(CLEANING.specks, CLEANING.holes, 0).of(result.change.mask[None])[0]
    return result.picture, bare


def plain(given: Edit, threshold: float) -> tuple[Tensor, Tensor]:
    height, width = given.original.shape[-2:]
    new = resize_picture(given.edited, height, width)
    raw = ((new - given.original).abs().amax(1) > threshold).float()
    bare, mask = Cleaning(CLEANING.specks, CLEANING.holes, 0).of(raw), CLEANING.of(raw)
    crops = Crops(given.original, mask, (Region(0, Box(0, 0, height, width), mask[0]),), given.original, mask)
    return (stitch(crops, new, "feathered", PIXELS).pictures if mask.any() else given.original)[0], bare[0]


def measured(given: Edit, picture: Tensor, mask: Tensor) -> list[float]:
    away = 255 * (picture - given.wanted[0]).abs().mean(0)
    moved = 255 * (picture - given.original[0]).abs().amax(0)
    truth, inside = given.truth, mask > 0
    near = distance(truth[None])[0]
    edge = torch.maximum(near, distance(~truth[None])[0]) <= 12
    far = near > CLEANING.grow + PIXELS + 8
    return [
        float((truth & inside).sum() / (truth | inside).sum().clamp(min=1)),
        float((truth & inside).sum() / truth.sum()),
        float(away.mean()),
        float(away[truth].mean()),
        float(moved[far].max()) if far.any() else 0.0,
        float(away[edge].mean()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=list(SETS), default="held-out")
    parser.add_argument("--drawn", type=int, default=2, help="drawn pictures besides the photographs")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=[0.004, 0.05, 0.2], help="of the picture that changes, in turn"
    )
    parser.add_argument("--every", type=int, default=1, help="take one of so many cases")
    parser.add_argument("--sheet", type=Path, help="original, edited, ours, mask of some cases")
    args = parser.parse_args()
    originals = pictures(args.set, args.drawn)
    rows: dict[tuple[str, str], list[list[float]]] = {}
    sheet, took, number = [], 0.0, 0
    for drift in DRIFTS:
        for (k, original), change in product(enumerate(originals), CHANGES):
            number += 1
            if number % args.every:
                continue
            given = edit(original, change, drift, args.shares[number % len(args.shares)], 17 * number, originals[k - 1])
            if not given.truth.any():
                continue
            started = time.perf_counter()
            picture, mask = ours(given)
            took += time.perf_counter() - started
            rows.setdefault(("ours", drift), []).append(measured(given, picture, mask))
            for threshold in THRESHOLDS:
                rows.setdefault((f"plain {threshold}", drift), []).append(measured(given, *plain(given, threshold)))
            if args.sheet and number % (4 * args.every) == 0:
                stretched = resize_picture(given.edited, *original.shape[-2:])[0]
                sheet.append(torch.cat([original[0], stretched, picture, mask.expand(3, -1, -1)], 2))
        if ("ours", drift) not in rows:
            continue
        best = min(THRESHOLDS, key=lambda t: np.mean([row[2] for row in rows[f"plain {t}", drift]]))
        for name in ("ours", f"plain {best}", f"plain {USUAL}"):
            print(line(drift, name, rows[name, drift]), flush=True)
    every = {t: [row for (name, _), some in rows.items() if name == f"plain {t}" for row in some] for t in THRESHOLDS}
    best = min(THRESHOLDS, key=lambda t: np.mean([row[2] for row in every[t]]))
    mine = [row for (name, _), some in rows.items() if name == "ours" for row in some]
    print(line("every drift", "ours", mine))
    print(line("every drift", f"plain {best}, its best", every[best]))
    print(line("every drift", f"plain {USUAL}", every[USUAL]))
    print(
        f"{len(mine)} edits; ours took {took / len(mine):.2f} s each; IoU below 0.5 in {sum(row[0] < 0.5 for row in mine)}"
    )
    if sheet:
        width = max(row.shape[-1] for row in sheet)
        padded = [torch.nn.functional.pad(row, (0, width - row.shape[-1])) for row in sheet]
        Image.fromarray((torch.cat(padded, 1).permute(1, 2, 0) * 255).byte().numpy()).save(args.sheet)


def line(drift: str, name: str, rows: list[list[float]]) -> str:
    values = np.mean(rows, axis=0)
    return f"| {drift:<18} | {name:<20} |" + "".join(f" {value:7.3f} |" for value in values)


if __name__ == "__main__":
    main()
