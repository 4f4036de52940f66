"""Distil the example model to a few steps: the student that tests/benchmarks/distilled.py calls imperfect.

    pip install -r requirements.txt                     (and torch, numpy, safetensors)
    python pictures.py pictures.npz
    python distil.py pictures.npz ../models/eight_styles_64.safetensors student.safetensors --minutes 60

The student has the teacher's shape and starts from its weights. At every noise level it learns to say at once where the
teacher's probability-flow ODE ends: a consistency model (Song et al. 2023, https://arxiv.org/abs/2303.01469). Its targets
are the ends themselves (Luhman & Luhman 2021, https://arxiv.org/abs/2101.02388, at every point of a path in place of its
first), not its own average one level below, which carries the answer up level by level and takes far longer.
A killed run goes on from its last checkpoint when started again with the same arguments.
"""

import argparse
import copy
import sys
import time
import types
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from pictures import STYLES
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from training import follow, go_on, keep, write_whole

# The pack's folder may have any name; here it is called as the library is.
PACK = types.ModuleType("mask_guidance")
PACK.__path__ = [str(Path(__file__).resolve().parents[2])]
sys.modules["mask_guidance"] = PACK

from mask_guidance.sampler import sigmas  # noqa: E402
from mask_guidance.sampler.recognition import load_network  # noqa: E402
from mask_guidance.sampler.respacing import karras_sigmas  # noqa: E402

NULL_CLASS = len(STYLES)
LARGEST = 80.0  # `largest_sigma` of 64 pixels
LEVELS = 12  # of a teacher's path
HUBER = 0.03  # amplitude from which an error counts in proportion, as in Song & Dhariwal 2023, https://arxiv.org/abs/2310.14189


class Levels:
    """The noise levels of paths, at the model's own timesteps; every path has others, so that the student learns all."""

    def __init__(self, alphas_cumprod: Tensor):
        self.table = sigmas(alphas_cumprod)
        self.dense = karras_sigmas(1000, LARGEST, float(self.table[0])).log()

    def drawn(self) -> list[int]:
        """Timesteps, strictly falling, one from each of LEVELS equal parts of the karras levels; the noisiest always."""
        place = (torch.arange(LEVELS) + torch.rand(LEVELS)) * (len(self.dense) / LEVELS)
        place[-1] = len(self.dense) - 1
        nearest = [int((self.table.log() - level).abs().argmin()) for level in self.dense[place.long()]]
        return sorted(set(nearest), reverse=True)

    def sigma(self, timestep: int) -> float:
        return float(self.table[timestep])


def guess(net: torch.nn.Module, x: Tensor, sigma: Tensor | float, t: Tensor, y: Tensor) -> Tensor:
    """The clean picture, for x = picture + sigma noise; not clipped."""
    eps = net(x / (1 + sigma**2) ** 0.5, t, y)[:, :3]
    return x - sigma * eps


@torch.inference_mode()
def path(teacher: torch.nn.Module, levels: Levels, x0: Tensor, y: Tensor) -> tuple[list[tuple[Tensor, int]], Tensor]:
    """States with their timesteps along the teacher's ODE, and where it ends (second order, two calls' slopes a step).

    Source: Lu et al. 2022, https://arxiv.org/abs/2211.01095 (DPM-Solver++ 2M).
    """
    timesteps = levels.drawn()
    x = x0 + levels.sigma(timesteps[0]) * torch.randn_like(x0)
    states, before, step_before = [], None, None
    for t, after in pairwise([*timesteps, None]):
        states.append((x, t))
        sigma = levels.sigma(t)
        clean = guess(teacher, x, sigma, torch.full((len(x),), t), y).clamp(-1, 1)
        if after is None:
            return states, clean
        step = np.log(sigma / levels.sigma(after))
        sloped = clean if before is None else clean + 0.5 * step / step_before * (clean - before)
        x = sloped + levels.sigma(after) / sigma * (x - sloped)
        before, step_before = clean, step
    raise AssertionError("a path has at least one level")


def batches(states, end: Tensor, y: Tensor, levels: Levels, size: int) -> Iterator[tuple[Tensor, ...]]:
    """All points of some paths in random order: state, sigma, timestep, class, the path's end."""
    x = torch.cat([state for state, _ in states])
    t = torch.tensor([t for _, t in states]).repeat_interleave(len(end))
    sigma = levels.table[t].float().view(-1, 1, 1, 1)
    ends, labels = end.repeat(len(states), 1, 1, 1), y.repeat(len(states))
    for pick in torch.randperm(len(x)).split(size):
        yield x[pick], sigma[pick], t[pick], labels[pick], ends[pick]


def loss_of(student: torch.nn.Module, x, sigma, t, y, end) -> Tensor:
    """Pseudo-Huber distance of the guess to the path's end, in units of what the network puts out."""
    error = (guess(student, x, sigma, t, y) - end).square().flatten(1).mean(1)
    return (((error + HUBER**2).sqrt() - HUBER) / (1 + sigma.flatten())).mean()


def save(student: torch.nn.Module, flags: str, out: Path) -> None:
    """In float32: at the noisiest levels the clean picture is a small difference of large numbers."""
    tensors = {name: tensor.contiguous() for name, tensor in student.state_dict().items()}
    write_whole(out, lambda file: save_file(tensors, file, metadata={"guided_diffusion_config": flags}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=60, help="of all starts together")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--ema", type=float, default=0.99)
    parser.add_argument("--drop_label", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_flush_denormal(True)
    data = np.load(args.pictures)
    pictures, labels = torch.from_numpy(data["pictures"]), torch.from_numpy(data["labels"])
    with safe_open(args.teacher, "pt") as file:
        flags = file.metadata()["guided_diffusion_config"]
    teacher, detection = load_network(args.teacher)
    levels = Levels(detection.diffusion.alphas_cumprod())
    student = copy.deepcopy(teacher).requires_grad_(True)
    ema = copy.deepcopy(teacher)
    optimizer = torch.optim.Adam(student.parameters(), args.lr)
    checkpoint, parts = args.out.with_suffix(".ckpt"), {"student": student, "ema": ema, "optimizer": optimizer}
    steps, spent = go_on(checkpoint, parts, steps=0, spent=0.0)
    torch.manual_seed(args.seed + steps)  # a run that goes on must not see its first pictures again
    mean_loss, started, saved = 0.0, time.monotonic() - spent, time.monotonic()
    while (spent := time.monotonic() - started) < 60 * args.minutes:
        pick = torch.randint(0, len(pictures), (args.batch,))
        x0 = pictures[pick].permute(0, 3, 1, 2).float() / 127.5 - 1
        y = labels[pick].where(torch.rand(args.batch) >= args.drop_label, NULL_CLASS)
        states, end = path(teacher, levels, x0, y)
        for points in batches(states, end, y, levels, args.batch):
            loss = loss_of(student, *(tensor.clone() for tensor in points))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            steps += 1
            follow(ema.parameters(), student.parameters(), args.ema, steps)
            mean_loss += (loss.item() - mean_loss) / min(steps, 50)
        print(f"{steps} steps, {spent / 60:.1f} of {args.minutes:g} minutes  loss {mean_loss:.4f}", flush=True)
        if time.monotonic() - saved > 300:
            saved = time.monotonic()
            save(ema, flags, args.out)
            keep(checkpoint, parts, steps=steps, spent=spent)
    save(ema, flags, args.out)
    keep(checkpoint, parts, steps=steps, spent=spent)


if __name__ == "__main__":
    main()
