"""Others paint a share of a folder: python -m on_cpu.peer WAY FOLDER RANK COUNT, which prints what it took, as JSON.

`FOLDER/asked.json` has the settings, `in/` the pictures, `mask.png` what is painted (white). Each way is what its users have:
its own network, its own loop, nothing of this pack.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from peers.counted import Counted
from peers.repaint import repaints_algorithm, repaints_own
from PIL import Image
from torch import Tensor

Fill = Callable[[Tensor, Tensor], Tensor]  # pictures in [-1, 1] and what is known, as 1, to the pictures painted


def repaints_loop(folder: Path, asked: dict) -> tuple[Fill, Counted]:
    """Over OpenAI's network too."""
    from guided_diffusion.unet import UNetModel

    return labelled(
        repaints_algorithm(asked["steps"], asked["levels"], "cosine"), UNetModel(**asked["openais"]), folder, asked
    )


def repaints_code(folder: Path, asked: dict) -> tuple[Fill, Counted]:
    """Its own, from a checkout; betas are linear, which costs the same."""
    fill_by, conf = repaints_own(Path(asked["repaint"]), asked["steps"], asked["r"], asked["j"])
    from guided_diffusion.unet import UNetModel

    return labelled(fill_by, UNetModel(**asked["openais"], conf=conf), folder, asked)


def labelled(fill_by: Callable[..., Tensor], net: torch.nn.Module, folder: Path, asked: dict) -> tuple[Fill, Counted]:
    """With the network's weights, and the label for every picture."""
    net.load_state_dict(torch.load(folder / "net.pt", weights_only=True))
    counted = Counted(net.eval())

    def fill(pictures: Tensor, known: Tensor) -> Tensor:
        return fill_by(counted, pictures, known, y=torch.full((len(pictures),), asked["label"]))

    return fill, counted


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
    print(json.dumps({"painting": painting, "busy": busy, "calls": counted.calls // done}))


if __name__ == "__main__":
    main(*sys.argv[1:])
