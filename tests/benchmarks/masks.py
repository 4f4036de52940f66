"""The mask operations against the definitions that others use: largest difference, and time of both in one run.

    python tests/benchmarks/masks.py [--sizes 512 2048] [--pixels 16] [--device cpu]

Needs what requirements-dev.txt names. Times are the best of a few runs, on as many threads as torch takes.
"""

import argparse
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage import morphology

pack = types.ModuleType("mask_guidance")
pack.__path__ = [str(Path(__file__).resolve().parents[2])]
sys.modules["mask_guidance"] = pack

from mask_guidance.sampler.mask import (  # noqa: E402
    distance,
    feather,
    fill_holes,
    grow,
    label,
    region_boxes,
    remove_specks,
    shrink,
    to_grid,
)
from mask_guidance.sampler.mask.merging import merged  # noqa: E402
from mask_guidance.sampler.mask.resample import resize_picture  # noqa: E402
from mask_guidance.sampler.mask.soften import blur  # noqa: E402

try:
    import kornia
except ImportError:  # its rows are missing then
    kornia = None

CORNERS = np.ones((3, 3), dtype=bool)


def blobs(size: int, device: str) -> torch.Tensor:
    """A mask as drawn: random blobs with specks and holes."""
    coarse = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic", align_corners=False)[:, 0]
    specks = torch.rand(1, size, size, generator=torch.Generator().manual_seed(1)) < 0.0005
    return (((smooth > 0.55) ^ specks).float()).to(device)


def disc(n: int) -> np.ndarray:
    y, x = np.mgrid[-n : n + 1, -n : n + 1]
    return y * y + x * x <= n * n


def isotropic_erosion(mask: np.ndarray, n: int) -> np.ndarray:
    """Not from the picture's border: what lies outside counts for nothing, as in ours."""
    return morphology.isotropic_erosion(np.pad(mask, n + 1, constant_values=True), n)[n + 1 : -n - 1, n + 1 : -n - 1]


def seed_for_holes(mask: np.ndarray) -> np.ndarray:
    seed = mask.copy()
    seed[1:-1, 1:-1] = 1
    return seed


def feather_by_distance(mask: np.ndarray, n: int) -> np.ndarray:
    """The same ramp on scipy's distances."""
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(mask == 0)
    signed = np.where(
        mask > 0, np.where(inside <= n, inside, np.inf) - 0.5, 0.5 - np.where(outside <= n, outside, np.inf)
    )
    share = np.clip(0.5 + signed / (2 * n), 0, 1)
    return share * share * (3 - 2 * share)


def cases(mask: torch.Tensor, n: int) -> list[tuple]:
    """(operation, ours, theirs by name); each a function without arguments that gives an array."""
    size = mask.shape[-1]
    array = mask[0].cpu().numpy()
    on = array > 0
    soft = blur(mask[:, None], 8)[:, 0]
    soft_array = soft[0].cpu().numpy()
    picture = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(2)).to(mask.device)
    rows = Image.fromarray(picture[0, 0].cpu().numpy())
    specks = torch.rand(mask.shape, generator=torch.Generator().manual_seed(3)).to(mask.device) < 0.1
    kernel, cell = 2 * n + 1, size // 8
    element = torch.from_numpy(disc(n)).float().to(mask.device)
    return [
        (f"distance, Euclidean, up to {n}", lambda: distance(mask == 0, within=n).clamp(max=n),
         {"scipy": lambda: np.minimum(ndimage.distance_transform_edt(on), n)}),
        ("distance, Euclidean, everywhere", lambda: distance(mask == 0), {"scipy": lambda: ndimage.distance_transform_edt(on)}),
        ("distance, chessboard", lambda: distance(mask == 0, "chessboard"),
         {"scipy": lambda: ndimage.distance_transform_cdt(on, "chessboard")}),
        ("distance, city-block", lambda: distance(mask == 0, "city-block"),
         {"scipy": lambda: ndimage.distance_transform_cdt(on, "taxicab")}),
        (f"grow {n}, round", lambda: grow(mask, n),
         {"scipy edt": lambda: ndimage.distance_transform_edt(~on) <= n,
          "skimage": lambda: morphology.isotropic_dilation(on, n)}),
        (f"shrink {n}, round", lambda: shrink(mask, n),
         {"skimage": lambda: isotropic_erosion(on, n)}),
        (f"grow {n}, square, soft", lambda: grow(soft, n, "square"),
         {"scipy": lambda: ndimage.grey_dilation(soft_array, size=(kernel, kernel), mode="nearest")}),
        (f"grow {n}, round, soft", lambda: grow(soft, n),
         {"kornia": lambda: kornia.morphology.dilation(soft[:, None], element)[0, 0]} if size * n <= 512 * 16 else {}),
        ("fill holes", lambda: fill_holes(mask), {"scipy": lambda: ndimage.binary_fill_holes(on)}),
        ("fill holes, soft", lambda: fill_holes(soft), {
            "skimage": lambda: morphology.reconstruction(
                seed_for_holes(soft_array), soft_array, "erosion", ndimage.generate_binary_structure(2, 1))}),
        ("specks below 30 px", lambda: remove_specks(mask, 30),
         {"skimage": lambda: morphology.remove_small_objects(on, max_size=29, connectivity=2)}),
        ("regions", lambda: label(mask > 0)[0], {"scipy": lambda: ndimage.label(on, CORNERS)[0]}),
        (f"specks of 10 % joined within {n}", lambda: merged(region_boxes(*label(specks)), n)[1], {}),
        (f"feather {n}", lambda: feather(mask, n), {"scipy edt": lambda: feather_by_distance(array, n)}),
        (f"blur {n}", lambda: blur(mask[:, None], n), {
            "scipy": lambda: ndimage.gaussian_filter(array, n / 2, mode="nearest", radius=n),
            "kornia": lambda: kornia.filters.gaussian_blur2d(
                mask[:, None], (kernel, kernel), (n / 2, n / 2), border_type="replicate")[0, 0]}),
        ("grid of 1/8, any touch", lambda: to_grid(mask, (cell, cell)),
         {"numpy": lambda: array.reshape(cell, 8, cell, 8).max((1, 3))}),
        ("half size, bicubic", lambda: resize_picture(picture[:, :1], size // 2, size // 2),
         {"Pillow": lambda: np.clip(np.asarray(rows.resize((size // 2, size // 2), Image.Resampling.BICUBIC)), 0, 1)}),
    ]  # fmt: skip


def timed(step, seconds: float = 1.0) -> tuple[np.ndarray, float]:
    """The result, and the best time of as many runs as fit into a second, one at least."""
    best, started, result = float("inf"), time.perf_counter(), None
    while result is None or time.perf_counter() - started < seconds:
        before = time.perf_counter()
        result = step()
        if torch.is_tensor(result) and result.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - before)
    if torch.is_tensor(result):
        result = result.cpu().numpy()
    return np.asarray(result, dtype=np.float64).squeeze(), best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 2048, 4096])
    parser.add_argument("--pixels", type=int, default=16, help="radius of growing, feathering and blurring")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    print(f"{'size':>5}  {'operation':<32} {'ours':>9}  {'theirs':>9}  {'difference':>10}  by")
    for size in args.sizes:
        for name, ours, others in cases(blobs(size, args.device), args.pixels):
            mine, took = timed(ours)
            for other, step in others.items() or {"-": None}.items():
                if other == "kornia" and kornia is None:
                    continue
                if step is None:
                    print(f"{size:>5}  {name:<32} {took:>8.3f}s")
                    continue
                theirs, needed = timed(step)
                difference = np.abs(mine - theirs).max()
                print(f"{size:>5}  {name:<32} {took:>8.3f}s  {needed:>8.3f}s  {difference:>10.2g}  {other}", flush=True)


if __name__ == "__main__":
    main()
