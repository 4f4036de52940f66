"""Few calls: models distilled to a few steps, on data whose truth is known and on pictures.

    python tests/benchmarks/distilled.py exact [--sets 301 401] [--ladders trailing karras] [--lanpaint PATH]
    python tests/benchmarks/distilled.py pictures [--student student.safetensors] [--masks half box] [--sheet sheet.png]

"exact": the distributions of tests/benchmarks/exact, and a perfectly distilled model of each (exact/distilled.py). ED is the
energy distance to exact samples over their own spread, EDw the same after whitening; geometric means. Seam: 1 is perfect.
"pictures": the example model, perfectly distilled (its ODE solved inside, INNER calls counted as one), or a student of it
(examples/train/distil.py), on held-out pictures; columns as in pictures.py.
Every method gets the same levels, or as many of them as it has calls. Results and what was learned: NOTES.md beside this file.
"""

import argparse
import importlib.util
import math
import sys
import time
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

import conftest  # noqa: E402, F401  the tests' name for the pack
from exact.compare import EXACT, FLOORS, Results, Setting, by_problem, paired  # noqa: E402
from exact.distilled import EIGHT, LADDERS, OURS, STOCK, few_calls, on_distilled, ours  # noqa: E402
from exact.methods import Method  # noqa: E402
from exact.peers import by_lanpaint  # noqa: E402
from mask_guidance.sampler import ImageNoise, Ladder, karras_sigmas, sigmas  # noqa: E402
from mask_guidance.sampler.mask.paper import PAPER_MASKS  # noqa: E402

NAMES = ["grf16", "tex16half", "shapes16", "shapes16strip", "mix16rand", "grf16out"]
SEAMS = ["grf16", "tex16half", "mix16rand"]
LANPAINT = ((2, 1), (4, 1), (2, 5), (4, 3), (4, 5), (8, 2))  # steps and inner iterations, for 3 to 16 calls
INNER, BOTTOM = 6, 0.02  # of the example model's ODE: calls, and the level of the last


def lanpaint(path: Path, ladder: str) -> list[Method]:
    rows = []
    for steps, inner in LANPAINT:
        levels = [*LADDERS[ladder](steps), 0.0]
        fill = by_lanpaint(path, levels, inner, size=1.0)  # its best at so few calls
        rows.append(
            Method(
                f"LanPaint-{inner}, {steps} steps",
                "LanPaint",
                on_distilled(lambda task, _, fill=fill: fill(task), levels),
            )
        )
    return rows


def mean(results: Results, names: list[str], method: str, metric: str) -> float:
    """Geometric over distributions, each clipped below; the seam's is plain."""
    values = [float(results.values(name, method, metric).mean()) for name in names]
    if metric == "seam":
        return sum(values) / len(values)
    return math.exp(sum(math.log(max(value, FLOORS[metric])) for value in values) / len(values))


def against_stock(results: Results, method: str, calls: int) -> str:
    """Standard errors to the best stock sampler of as many calls, distribution by distribution; negative: ours is better."""
    scores = []
    for name in NAMES:
        best = min((f"{s} {calls}" for s in STOCK), key=lambda s: float(results.values(name, s, "ed").mean()))
        scores.append(paired(results, name, method, best))
    return " ".join(f"{score:+.1f}" for score in scores)


def exact(args: argparse.Namespace) -> None:
    for ladder in args.ladders:
        methods = few_calls(ladder, tuple(args.calls)) + (lanpaint(args.lanpaint, ladder) if args.lanpaint else [])
        setting = Setting(args.observations, args.chains, tuple(args.sets))
        kept = args.out.with_stem(f"{args.out.stem}_{ladder}") if args.out else None
        results = Results(setting, kept)
        results.run(NAMES, methods, lambda line: print(line, file=sys.stderr, flush=True))
        print(f"\n{ladder} levels; sets {args.sets}, {args.observations} observations x {args.chains} chains each\n")
        print("| method | calls | ED | EDw | seam | against the best stock, s.e. |\n|---|---|---|---|---|---|")
        for method in methods:
            calls = round(results.calls(NAMES[0], method.name))
            cells = [f"{mean(results, names, method.name, metric):.3f}" for metric, names in
                     (("ed", NAMES), ("edw", NAMES), ("seam", SEAMS))]  # fmt: skip
            score = against_stock(results, method.name, calls) if method.name.startswith("distilled") else ""
            print(f"| {method.name} | {calls} | {' | '.join(cells)} | {score} |")
        print("\n" + by_problem(results, NAMES, [*(m.name for m in methods), EXACT]), flush=True)


def picture_benchmark():
    """pictures.py of this folder, whose name another file has too."""
    spec = importlib.util.spec_from_file_location("picture_benchmark", HERE / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != HERE] + [str(HERE)]
    spec.loader.exec_module(module)
    return module


class PictureTask:
    """Pictures to fill with the example model as a student; the same to methods as `exact.methods.Task`."""

    def __init__(self, net, labels: Tensor, pictures: Tensor, known: Tensor, seed: int, perfect: bool):
        self.unet, self.table, self.labels, self.perfect = net.unet, sigmas(net.schedule), labels, perfect
        self.pictures, self.known = torch.where(known, pictures, 0.0), known
        self.noise = ImageNoise(seed, range(len(pictures)))
        self.calls = 0

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        self.calls += 1
        return self.solved(x, sigma) if self.perfect else self.guess(x, sigma)

    def guess(self, x: Tensor, sigma: float) -> Tensor:
        t = int((self.table.log() - math.log(sigma)).abs().argmin())
        eps = self.unet(x / (1 + sigma**2) ** 0.5, torch.full((len(x),), t), self.labels)[:, :3]
        return (x - sigma * eps).clamp(-1, 1)

    def solved(self, x: Tensor, sigma: float) -> Tensor:
        """The end of the ODE, in INNER calls of second order (Lu et al. 2022, https://arxiv.org/abs/2211.01095, 2M)."""
        if sigma <= 1.05 * BOTTOM:
            return self.guess(x, sigma)
        before, length_before = None, 1.0
        for high, low in pairwise([*karras_sigmas(INNER, sigma, BOTTOM).flip(0).tolist(), 0.0]):
            x0 = self.guess(x, high)
            if not low:
                return x0
            length = math.log(high / low)
            sloped = x0 if before is None else x0 + 0.5 * length / length_before * (x0 - before)
            x, before, length_before = sloped + low / high * (x - sloped), x0, length
        raise AssertionError("the last level is 0")

    def on(self, ladder: Ladder):
        return lambda x, level: (self.denoise(x, float(ladder.noise[level])), None)


def picture_fills(counts: list[int]):
    """Name, filling function and number of levels."""
    for calls in counts:
        for name, fill in STOCK.items():
            yield f"{name} {calls}", fill, calls
        for steps, repeats in [OURS[calls]] + ([EIGHT[calls]] if calls in EIGHT else []):
            yield f"distilled {steps}x{repeats} ({calls})", ours(repeats), steps


@torch.inference_mode()
def pictures(args: argparse.Namespace) -> None:
    bench = picture_benchmark()
    teacher, detection = bench.load_network(args.model)
    net = bench.Net(teacher, detection.diffusion.alphas_cumprod(), detection.null_class)
    student = bench.Net(bench.load_network(args.student)[0], net.schedule, net.null_class) if args.student else None
    originals, labels = bench.held_out(args.first + args.count)
    originals, labels = originals[args.first :], labels[args.first :]
    whole = bench.features(net, originals, labels)
    unrelated = (whole - whole.roll(len(bench.STYLES), 0)).norm(dim=1).mean()
    print(f"{'student' if student else f'perfectly distilled, {INNER} inner calls'}; {len(originals)} pictures\n")
    columns = [column for column in bench.DIGITS if column != "diversity"]
    print(f"| mask | method | calls | {' | '.join(columns)} | seconds |\n" + "|---" * (4 + len(columns)) + "|")
    for mask in args.masks:
        known = bench.paper_mask(mask, bench.SIZE, bench.SIZE)[None] < 0.5
        rows = [originals, torch.where(known, originals, 0.0)]
        for name, fill, steps in picture_fills(args.calls):
            if args.methods and not any(part in name for part in args.methods):
                continue
            started = time.monotonic()
            task = PictureTask(student or net, labels, originals, known, args.seed, student is None)
            painted = fill(task, LADDERS[args.ladders[0]](steps))
            values = bench.measured(net, [painted], originals, labels, known, unrelated)
            numbers = " | ".join(f"{float(values[column]):.{bench.DIGITS[column]}f}" for column in columns)
            print(f"| {mask} | {name} | {task.calls} | {numbers} | {time.monotonic() - started:.0f} |", flush=True)
            rows.append(painted)
        if args.sheet:
            bench.save_sheet(rows, args.sheet.with_stem(f"{args.sheet.stem}_{mask}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("exact", "pictures"))
    parser.add_argument("--calls", type=int, nargs="+", default=list(OURS), choices=list(OURS), metavar="N")
    exactly = parser.add_argument_group("exact").add_argument
    exactly("--ladders", nargs="+", default=list(LADDERS), choices=list(LADDERS), help="for pictures the first counts")
    exactly("--sets", type=int, nargs="+", default=[301, 401], help="seeds of the sets of observations")
    exactly("--observations", type=int, default=6)
    exactly("--chains", type=int, default=32)
    exactly("--lanpaint", type=Path, help="a checkout of LanPaint")
    exactly("--out", type=Path, help="keep the numbers here, and use what is there already")
    painted = parser.add_argument_group("pictures").add_argument
    painted("--model", type=Path, default=ROOT / "examples" / "models" / "eight_styles_64.safetensors")
    painted("--student", type=Path, help="a student in place of the perfectly distilled model")
    painted("--masks", nargs="+", default=["half"], choices=list(PAPER_MASKS), metavar="MASK")
    painted("--methods", nargs="+", help="parts of names; default: all")
    painted("--count", type=int, default=16)
    painted("--first", type=int, default=0, help="pictures left out before")
    painted("--seed", type=int, default=0)
    painted("--sheet", type=Path)
    args = parser.parse_args()
    exact(args) if args.what == "exact" else pictures(args)


if __name__ == "__main__":
    main()
