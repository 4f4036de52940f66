"""What a folder of pictures costs besides the network: our command line, diffusers' RePaintPipeline, the seed's loop.

    python tests/benchmarks/batch.py [--pictures 4] [--size 64] [--rounds 3] [--repaint DIR]

All paint the same pictures with the same network, steps, jumps and batch size, and save each result as PNG; each
round runs all one after the other in one process. The network's time is taken at its door. Overhead is processor
time of everything else from the list of files to the last result (reading, sampling, saving; in our case also plan,
hashes, manifest, records and contact sheet), without loading the checkpoint, which all load with our loader. The table
shows medians over the rounds. diffusers comes from `pip install diffusers`; without it its line is missing. --repaint is a
checkout of https://github.com/andreas128/RePaint (CC BY-NC-SA 4.0), whose loop is shown beside; the goal is for the others.
"""

import argparse
import contextlib
import itertools
import json
import logging
import statistics
import tempfile
import time
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import on_gpu  # noqa: F401  # the pack as `mask_guidance`
import torch
from mask_guidance.sampler import alphas_cumprod, named_betas, repaint_levels, respaced_timesteps
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.batch import command, main, painter
from mask_guidance.sampler.checkpoint import METADATA_KEY
from mask_guidance.sampler.recognition import load_network
from PIL import Image
from safetensors.torch import save_file

GOAL = 0.4  # of the lower peer's overhead
REPAINT = "RePaint's code"
# Small, so that what lies outside it can be measured in a minute; random weights take as long as others.
NETWORK = UNetConfig(model_channels=32, channel_mult=(1, 1, 2), num_res_blocks=1, attention_ds=())
FLAGS = {"num_heads": 2, "num_head_channels": -1, "use_new_attention_order": False, "noise_schedule": "cosine",
         "prediction": "eps", "var_type": "learned_range"}  # fmt: skip


class Clock:
    """Processor and wall time spent behind a door, and how often it was opened."""

    def __init__(self):
        self.seconds = self.wall = 0.0
        self.times = 0

    @contextlib.contextmanager
    def running(self):
        started, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.process_time() - started
            self.wall += time.perf_counter() - wall
            self.times += 1


@contextlib.contextmanager
def timed(owner: object, name: str, clock: Clock):
    """Every call of a function on a clock."""
    original = getattr(owner, name)

    def on_the_clock(*arguments, **keywords):
        with clock.running():
            return original(*arguments, **keywords)

    setattr(owner, name, on_the_clock)
    try:
        yield
    finally:
        setattr(owner, name, original)


def batches(folder: Path, size: int):
    """Paths, pictures in [-1, 1] and the known right halves, a batch at a time."""
    paths = sorted((folder / "in").iterdir())
    for start in range(0, len(paths), size):
        some = paths[start : start + size]
        pictures = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in some])
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        mask = torch.from_numpy(np.asarray(Image.open(folder / "mask.png").convert("L")) < 128)
        yield some, x, mask.expand(len(some), 1, -1, -1)


def save(x: torch.Tensor, paths: list[Path], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    pixels = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    for one, path in zip(pixels, paths, strict=True):
        Image.fromarray(one).save(folder / path.name)


def by_command(folder: Path, net: UNet, args: argparse.Namespace) -> None:
    words = ["--weights", folder / "net.safetensors", "--input_dir", folder / "in", "--mask_dir", folder / "mask.png"]
    words += ["--save_dir", folder / "ours", "--resume", "false", "--cpu", "--micro_batch", args.micro_batch]
    words += ["--method", "repaint", "--skip_type", "uniform", "--skip_steps", args.steps]
    words += ["--resample_r", args.r, "--resample_j", args.j]
    if main([str(word) for word in words]) != 0:
        raise SystemExit("our command line failed")


def by_diffusers(folder: Path, net: UNet, args: argparse.Namespace) -> None:
    from diffusers import RePaintPipeline, RePaintScheduler

    class Network(torch.nn.Module):
        """Looks like a diffusers network; their scheduler takes no variance channels."""

        dtype, device = torch.float32, torch.device("cpu")

        def forward(self, x, t):
            return types.SimpleNamespace(sample=net(x, t.expand(len(x)))[:, :3])

    pipeline = RePaintPipeline(unet=Network(), scheduler=RePaintScheduler())
    pipeline.set_progress_bar_config(disable=True)
    for paths, x, known in batches(folder, args.micro_batch):
        images = pipeline(
            image=x,
            mask_image=known.float(),
            num_inference_steps=args.steps,
            eta=1.0,
            jump_length=args.j,
            jump_n_sample=args.r,
            generator=torch.Generator().manual_seed(0),
        ).images
        (folder / "diffusers").mkdir(exist_ok=True)
        for image, path in zip(images, paths, strict=True):
            image.save(folder / "diffusers" / path.name)


@torch.no_grad()
def by_seed_loop(folder: Path, net: UNet, args: argparse.Namespace) -> None:
    """The loop as the seed's script has it: float32 tables read at each step, the known part pasted in after the step."""
    timesteps = respaced_timesteps(1000, "uniform", args.steps)[::-1]
    tables = alphas_cumprod(named_betas("cosine", 1000)).float()
    levels = [level - 1 for level in repaint_levels(args.steps, args.j, args.r)]
    visits = [timesteps[level] if level >= 0 else -1 for level in levels]

    def noised(x0: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        signal, noise = tables[t] ** 0.5, (1.0 - tables[t]) ** 0.5
        while signal.ndim < x0.ndim:
            signal, noise = signal.unsqueeze(-1), noise.unsqueeze(-1)
        return signal * x0 + noise * torch.randn_like(x0)

    def down(x: torch.Tensor, t: int, before: int) -> torch.Tensor:
        eps, learned = net(x, torch.full((len(x),), t)).split(3, dim=1)
        a, a_before = tables[t], tables[before] if before >= 0 else torch.tensor(1.0)
        ratio = a / a_before
        beta = 1.0 - ratio
        x0 = ((1.0 / a) ** 0.5 * x - (1.0 / a - 1.0) ** 0.5 * eps).clamp_(-1, 1)
        mean = a_before**0.5 * beta / (1.0 - a) * x0 + ratio**0.5 * (1.0 - a_before) / (1.0 - a) * x
        if t == 0:
            return mean
        small, large = torch.log((beta * (1.0 - a_before) / (1.0 - a)).clamp_min(1e-20)), torch.log(beta)
        share = (learned + 1) / 2
        return mean + torch.exp(0.5 * (share * large + (1 - share) * small)) * torch.randn_like(x)

    for paths, pictures, known in batches(folder, args.micro_batch):
        mask = known.float()
        masked, x = pictures * mask, torch.randn_like(pictures)
        for t, following in itertools.pairwise(visits):
            if following < t:
                x = down(x, t, following)
                reached = masked if t == 0 else noised(masked, torch.full((len(x),), following))
                x = x + (reached - x) * mask
            else:
                ratio = tables[following] / tables[t]
                x = torch.sqrt(ratio) * x + torch.sqrt(1.0 - ratio) * torch.randn_like(x)
        save(x, paths, folder / "seed")


def by_repaint(folder: Path, net: UNet, args: argparse.Namespace) -> None:
    """RePaint's own sampler; its network is given timesteps as floats."""
    from peers.repaint import repaints_own

    fill, _ = repaints_own(args.repaint, args.steps, args.r, args.j)
    for paths, pictures, known in batches(folder, args.micro_batch):
        with torch.no_grad():
            x = fill(lambda x, t, **words: net(x, t.float()), pictures, known.float())
        save(x, paths, folder / "repaint")


def measure(run, folder: Path, net: UNet, args: argparse.Namespace) -> dict[str, float]:
    """One run: seconds in the network, seconds outside it, calls, pictures per minute of wall time without loading."""
    network, loading = Clock(), Clock()
    with contextlib.ExitStack() as stack:
        stack.enter_context(timed(UNet, "forward", network))
        for owner, name in ((command, "look_at"), (command, "read_again"), (painter, "build")):
            stack.enter_context(timed(owner, name, loading))
        started, wall = time.process_time(), time.perf_counter()
        run(folder, net, args)
        spent, wall = time.process_time() - started, time.perf_counter() - wall
    outside = spent - network.seconds - loading.seconds
    return {
        "network": network.seconds,
        "outside": outside,
        "calls": network.times,
        "per_minute": 60 * args.pictures / (wall - loading.wall),
    }


def write_inputs(folder: Path, args: argparse.Namespace) -> None:
    torch.manual_seed(0)
    tensors = UNet(NETWORK).state_dict()
    save_file(tensors, folder / "net.safetensors", metadata={METADATA_KEY: json.dumps(FLAGS)})
    (folder / "in").mkdir()
    for number in range(args.pictures):
        pixels = np.random.default_rng(number).integers(0, 256, (args.size, args.size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"p{number:03}.png")
    mask = np.zeros((args.size, args.size), dtype=np.uint8)
    mask[:, args.size // 2 :] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def peers_of(rows: Iterable[str]) -> list[str]:
    """Those that the goal is for."""
    return [name for name in rows if name not in ("ours", REPAINT)]


def over_the_lower(rows: Mapping[str, list[dict[str, float]]], peers: Sequence[str]) -> float:
    """Ours outside the network, over the lower peer in the same round; the median over the rounds."""
    rounds = ({name: runs[number]["outside"] for name, runs in rows.items()} for number in range(len(rows["ours"])))
    return statistics.median(outside["ours"] / min(outside[name] for name in peers) for outside in rounds)


def table(rows: dict[str, list[dict[str, float]]], args: argparse.Namespace) -> list[str]:
    middle = {name: {k: statistics.median(r[k] for r in runs) for k in runs[0]} for name, runs in rows.items()}
    lines = [
        f"{args.pictures} pictures of {args.size}x{args.size}, {args.steps} steps, r = {args.r}, j = {args.j}, batches of "
        f"{args.micro_batch}; {args.rounds} rounds, {torch.get_num_threads()} thread, torch {torch.__version__}",
        "",
        "| | calls a batch | network, s | outside, s | outside a call, ms | pictures a minute |",
        "|---|---|---|---|---|---|",
    ]
    for name, m in middle.items():
        calls = m["calls"] / -(-args.pictures // args.micro_batch)
        per_call = 1000 * m["outside"] / m["calls"]
        numbers = f"{calls:.0f} | {m['network']:.2f} | {m['outside']:.2f} | {per_call:.2f} | {m['per_minute']:.1f}"
        lines.append(f"| {name} | {numbers} |")
    for name in [name for name in rows if name != "ours"]:
        ratios = [ours["outside"] / peer["outside"] for ours, peer in zip(rows["ours"], rows[name], strict=True)]
        lines += ["", f"Outside the network, ours / {name}: median {statistics.median(ratios):.2f} of {args.rounds} pairs "
                  f"({min(ratios):.2f} to {max(ratios):.2f})."]  # fmt: skip
    ratio = over_the_lower(rows, peers_of(rows))
    lines += [
        "",
        f"Ours over the lower peer: {ratio:.2f} (goal: at most {GOAL}): {'met' if ratio <= GOAL else 'MISSED'}.",
    ]
    return lines


def read_arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--pictures", type=int, default=4)
    add("--size", type=int, default=64)
    add("--steps", type=int, default=50)
    add("--r", type=int, default=3)
    add("--j", type=int, default=10)
    add("--micro_batch", type=int, default=4)
    add("--rounds", type=int, default=3)
    add("--threads", type=int, default=1)
    add("--repaint", type=Path, help="a checkout of RePaint's own code")
    add("--json", type=Path, help="write all numbers there")
    return parser.parse_args(words)


def compare(args: argparse.Namespace) -> list[str]:
    """Run everything; the report's lines."""
    torch.set_num_threads(args.threads)
    ways = {"ours": by_command, "seed's loop": by_seed_loop}
    if importable("diffusers"):
        ways["diffusers"] = by_diffusers
    if args.repaint:
        ways[REPAINT] = by_repaint
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_inputs(folder, args)
        net, _ = load_network(folder / "net.safetensors")
        logging.disable(logging.WARNING)
        for number in range(args.rounds + 1):
            turn = number % len(ways)  # none is always the first
            for name, run in [*ways.items()][turn:] + [*ways.items()][:turn]:
                measured = measure(run, folder, net, args)
                if number > 0:  # the first one warms up
                    rows[name].append(measured)
        logging.disable(logging.NOTSET)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    return table(rows, args)


def importable(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    print("\n".join(compare(read_arguments())))
