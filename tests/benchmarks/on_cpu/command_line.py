"""Pictures a minute of a folder on two processes: our command line, RePaint's loop, diffusers' pipeline.

Each side is started as its users start it and has its own network: reading, loading, painting and saving count, and so does the
start of Python. At equal calls all paint with RePaint's order. For equal quality (README, "How good it is") the others' time is
reckoned up from their calls there to the paper's 2,410. The ratio is that of processor time, which other programs disturb less
than a clock on the wall.
"""

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from mask_guidance.sampler.adm import UNetConfig
from mask_guidance.sampler.methods.repaint import repaint_levels
from mask_guidance.sampler.recognition import load_network
from on_gpu.asked import Asked
from on_gpu.nets import openais_words
from on_gpu.report import Missing, Row
from PIL import Image

from .took import Took, mean, run

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "models" / "eight_styles_64.safetensors"
PROCESSES, BATCH = 2, 8
# Ways of `peer`, and the module that each needs; RePaint's code, where it is given, in place of its loop.
PEERS = {"RePaint's loop": "guided_diffusion", "diffusers": "diffusers"}
WITH_REPAINT = {"RePaint's code": "torch", "diffusers": "diffusers"}
PAPER = 2410  # calls of the preset "paper"


def flags(values: Mapping[str, object]) -> list[str]:
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


def by_command(folder: Path, settings: Mapping[str, object]) -> Took:
    # --multi_gpu is right without a GPU, too.
    launch = f"launch --num_processes {PROCESSES} --num_machines 1 --multi_gpu --main_process_port 0"
    launch += " --mixed_precision no --dynamo_backend no"
    places = {
        "weights": EXAMPLE,
        "input_dir": folder / "in",
        "mask_dir": folder / "mask.png",
        "save_dir": folder / "ours",
    }
    words = [sys.executable, "-m", "accelerate.commands.accelerate_cli", *launch.split(), str(ROOT / "__main__.py")]
    words += ["--cpu", "--resume", "false"]
    words += flags(places | {"micro_batch": BATCH} | settings)
    took = run(words, both=True)
    calls = re.search(r"([\d,]+) model calls a picture", took.said[0])[1]
    return replace(took, calls=int(calls.replace(",", "")))


def by_others(way: str, folder: Path) -> Took:
    ranks = [[sys.executable, "-m", "on_cpu.peer", way, str(folder), str(k), str(PROCESSES)] for k in range(PROCESSES)]
    took = run(*ranks)
    told = [json.loads(text) for text in took.said]
    painting, busy = max(each["painting"] for each in told), sum(each["busy"] for each in told)
    return replace(took, calls=told[0]["calls"], painting=painting, busy=busy)


def shape_for_diffusers(config: UNetConfig, side: int) -> dict:
    """Arguments of a `UNet2DModel` of the same shape; theirs predicts no variance, which their scheduler takes none of."""
    down = ["AttnDownBlock2D" if config.attends(level) else "ResnetDownsampleBlock2D" for level in range(config.levels)]
    up = [name.replace("Down", "Up").replace("down", "up") for name in reversed(down)]
    return {
        "sample_size": side,
        "down_block_types": down,
        "up_block_types": up,
        "block_out_channels": [config.width(level) for level in range(config.levels)],
        "layers_per_block": config.num_res_blocks,
        "attention_head_dim": config.num_head_channels,
        "resnet_time_scale_shift": "scale_shift",
        "downsample_type": "resnet",
        "upsample_type": "resnet",
    }


def write(folder: Path, pictures: int, steps: int, r: int, j: int, repaint: Path | None) -> None:
    """All that the others are given; the example model in their own form."""
    net, found = load_network(EXAMPLE)
    torch.save(net.state_dict(), folder / "net.pt")
    side = found.config.size_multiple * 8
    asked = {"steps": steps, "r": r, "j": j, "batch": BATCH, "levels": repaint_levels(steps, j, r)}
    asked |= {"openais": openais_words(found.config), "label": found.null_class, "repaint": str(repaint)}
    asked |= {"diffusers": shape_for_diffusers(found.config, side)}
    (folder / "asked.json").write_text(json.dumps(asked))
    write_pictures(folder, pictures, side)


def write_pictures(folder: Path, count: int, side: int) -> None:
    (folder / "in").mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"p{number:03}.png")
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[:, side // 2 :] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def a_folder(asked: Asked) -> Iterator[Row]:
    if importlib.util.find_spec("accelerate") is None:
        raise Missing("needs accelerate")
    pictures, steps, r, j = asked.fits((64, 12, 2, 3), (4, 3, 2, 1))
    with TemporaryDirectory() as place:
        folder = Path(place)
        write(folder, pictures, steps, r, j, asked.repaint)
        settings = {"method": "repaint", "skip_type": "uniform", "skip_steps": steps, "resample_r": r, "resample_j": j}
        peers: dict[str, Took] = {}
        yield from at_equal_calls(folder, settings, peers, pictures, asked)
        for preset in asked.fits(("balanced", "draft"), ("draft",)):
            ours = by_command(folder, {"preset": preset})
            for way, took in peers.items():
                what = f"preset {preset}, {ours.calls} calls, over {PAPER} of {way} (reckoned from {took.calls})"
                yield row(what, took.at(PAPER), ours, pictures, asked)


def at_equal_calls(
    folder: Path, settings: Mapping[str, object], peers: dict[str, Took], pictures: int, asked: Asked
) -> Iterator[Row]:
    """Each several times, in turns; leaves in `peers` what each took."""
    ways: dict[str, Callable[[], Took]] = {"ours": lambda: by_command(folder, settings)}
    for way, needed in (WITH_REPAINT if asked.repaint else PEERS).items():
        if importlib.util.find_spec(needed) is None:
            yield Row(f"{pictures} pictures, over {way}", missing=f"needs {needed}")
        else:
            ways[way] = lambda way=way: by_others(way, folder)
    runs: dict[str, list[Took]] = {way: [] for way in ways}
    for number in range(asked.fits(2, 1)):
        for way in reversed(ways) if number else ways:
            runs[way].append(ways[way]())
    peers |= {way: mean(several) for way, several in runs.items()}
    ours = peers.pop("ours")
    for way, took in peers.items():
        if took.calls != ours.calls:
            raise RuntimeError(f"{way} called its network {took.calls} times, we {ours.calls} times")
        yield row(f"{pictures} pictures, {ours.calls} calls, over {way}", took, ours, pictures, asked)


def said(took: Took, pictures: int) -> str:
    return f"{60 * pictures / took.seconds:.3g} a minute ({took.processor / pictures:.3g} s of a core each)"


def row(what: str, theirs: Took, ours: Took, pictures: int, asked: Asked) -> Row:
    return Row(
        what,
        theirs.processor / ours.processor,
        "x",
        least=asked.fits(1.0, None),
        theirs=said(theirs, pictures),
        ours=said(ours, pictures),
        memory=f"{ours.memory / 2**20:.0f} of {theirs.memory / 2**20:.0f} MiB",
    )


CHECKS = (a_folder,)
