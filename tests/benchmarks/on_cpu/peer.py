"""Others paint a share of a folder: python -m on_cpu.peer WAY FOLDER RANK COUNT, which prints what it took, as JSON.

`FOLDER/asked.json` has the settings, `in/` the pictures, `mask.png` what is painted (white). Each way is what its users have:
its own network, its own loop, nothing of this pack.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from peers.repaint import repaints_own
from PIL import Image
from torch import Tensor

Fill = Callable[[Tensor, Tensor], Tensor]  # pictures in [-1, 1] and what is known, as 1, to the pictures painted


class Counted:
    """A function and the number of its calls."""

    def __init__(self, call: Callable):
        self.call, self.times = call, 0

    def __call__(self, *arguments: object, **words: object) -> object:
        self.times += 1
        return self.call(*arguments, **words)


def repaints_loop(folder: Path, asked: dict) -> tuple[Fill, Counted]:
    """RePaint's algorithm 1 over OpenAI's own sampler and network (MIT), which RePaint's code is made of."""
    from guided_diffusion import gaussian_diffusion as gd
    from guided_diffusion.respace import SpacedDiffusion, space_timesteps
    from guided_diffusion.unet import UNetModel

    net = loaded(UNetModel(**asked["openais"]), folder)
    diffusion = SpacedDiffusion(
        use_timesteps=space_timesteps(1000, str(asked["steps"])),
        betas=gd.get_named_beta_schedule("cosine", 1000),
        model_mean_type=gd.ModelMeanType.EPSILON,
        model_var_type=gd.ModelVarType.LEARNED_RANGE,
        loss_type=gd.LossType.MSE,
    )
    counted = Counted(net)

    @torch.no_grad()
    def fill(pictures: Tensor, known: Tensor) -> Tensor:
        shape, labels = pictures.shape, torch.full((len(pictures),), asked["label"])
        x = torch.randn(shape)
        for level, following in itertools.pairwise(asked["levels"]):
            t = torch.full((len(pictures),), min(level, following))
            if following > level:
                beta = gd._extract_into_tensor(diffusion.betas, t, shape)
                x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(shape)
                continue
            x = diffusion.p_sample(counted, x, t, model_kwargs={"y": labels})["sample"]
            noised = diffusion.q_sample(pictures, t - 1) if following else pictures
            x = known * noised + (1 - known) * x
        return x

    return fill, counted


def repaints_code(folder: Path, asked: dict) -> tuple[Fill, Counted]:
    """Its own, from a checkout; betas are linear, which costs the same."""
    fill_by, conf = repaints_own(Path(asked["repaint"]), asked["steps"], asked["r"], asked["j"])
    from guided_diffusion.unet import UNetModel

    counted = Counted(loaded(UNetModel(**asked["openais"], conf=conf), folder))

    def fill(pictures: Tensor, known: Tensor) -> Tensor:
        return fill_by(counted, pictures, known, y=torch.full((len(pictures),), asked["label"]))

    return fill, counted


def loaded(net: torch.nn.Module, folder: Path) -> torch.nn.Module:
    net.load_state_dict(torch.load(folder / "net.pt", weights_only=True))
    return net.eval()


def diffusers_pipeline(folder: Path, asked: dict) -> tuple[Fill, Counted]:
    """Over diffusers' own network of the same shape, with random weights, which take as long as others."""
    from diffusers import RePaintPipeline, RePaintScheduler, UNet2DModel

    net = UNet2DModel(**asked["diffusers"]).eval()
    pipeline = RePaintPipeline(unet=net, scheduler=RePaintScheduler())
    pipeline.set_progress_bar_config(disable=True)
    counted = net.forward = Counted(net.forward)
    steps = {"num_inference_steps": asked["steps"], "jump_n_sample": asked["r"], "jump_length": asked["j"], "eta": 1.0}

    def fill(pictures: Tensor, known: Tensor) -> Tensor:
        draw = torch.Generator().manual_seed(0)
        painted = pipeline(image=pictures, mask_image=known, generator=draw, output_type="np", **steps).images
        return torch.from_numpy(painted).permute(0, 3, 1, 2) * 2 - 1

    return fill, counted


WAYS = {"RePaint's loop": repaints_loop, "RePaint's code": repaints_code, "diffusers": diffusers_pipeline}


def batches(folder: Path, rank: int, count: int, size: int) -> Iterator[tuple[list[Path], Tensor]]:
    paths = sorted((folder / "in").iterdir())[rank::count]
    for start in range(0, len(paths), size):
        some = paths[start : start + size]
        pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in some])
        yield some, torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def main(way: str, place: str, rank: str, count: str) -> None:
    folder = Path(place)
    asked = json.loads((folder / "asked.json").read_text())
    fill, counted = WAYS[way](folder, asked)
    hole = torch.from_numpy(np.asarray(Image.open(folder / "mask.png").convert("L")) >= 128)
    results = folder / way
    results.mkdir(exist_ok=True)
    painting, busy, done = 0.0, 0.0, 0
    for paths, pictures in batches(folder, int(rank), int(count), asked["batch"]):
        started, busy_before = time.perf_counter(), time.process_time()
        painted = fill(pictures, (~hole).float().expand(len(pictures), 1, -1, -1))
        painting += time.perf_counter() - started
        busy += time.process_time() - busy_before
        done += 1
        pixels = ((painted.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        for one, path in zip(pixels, paths, strict=True):
            Image.fromarray(one).save(results / path.name)
    print(json.dumps({"painting": painting, "busy": busy, "calls": counted.times // done}))


if __name__ == "__main__":
    main(*sys.argv[1:])
