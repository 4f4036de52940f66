"""Pictures a minute of a folder on two processes: our command line, RePaint's loop, diffusers' pipeline.

Each side is started as its users start it and has its own network: reading, loading, painting and saving count, and so does the
start of Python. At equal calls all paint with RePaint's order. For equal quality (README, "How good it is") the others' time is
reckoned up from their calls there to the paper's 2,410.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import numpy as np
import torch
from mask_guidance.sampler import PRESETS
from mask_guidance.sampler.adm import UNetConfig
from mask_guidance.sampler.methods.repaint import repaint_levels
from mask_guidance.sampler.recognition import load_network
from on_gpu.asked import Asked
from on_gpu.nets import openais_words
from on_gpu.report import Missing, Row
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "models" / "eight_styles_64.safetensors"
PROCESSES, BATCH = 2, 8
# Ways of `peer`, and the module that each needs; RePaint's code, where it is given, in place of its loop.
PEERS = {"RePaint's loop": "guided_diffusion", "diffusers": "diffusers"}
WITH_REPAINT = {"RePaint's code": "torch", "diffusers": "diffusers"}
AS_PUBLISHED = PRESETS["paper"]


@dataclass(frozen=True)
class Took:
    """What a side took for the whole folder.

    Attributes:
        seconds: From its start to its end.
        processor: Seconds of all its processes together.
        memory: Bytes of its largest process.
        calls: Of the network, for each batch.
        painting: Seconds in which it painted, where it says so.
    """

    seconds: float
    processor: float
    memory: int
    calls: int
    painting: float = 0.0

    def at(self, calls: int) -> "Took":
        """Reckoned for so many calls: painting takes in proportion, the rest as long as it did."""
        more = self.painting * (calls / self.calls - 1)
        return Took(self.seconds + more, self.processor + PROCESSES * more, self.memory, calls, self.painting + more)

    def said(self, pictures: int) -> str:
        return f"{60 * pictures / self.seconds:.3g} a minute ({self.processor / pictures:.3g} s of a core each)"


def run(*commands: list[str]) -> tuple[list[str], float, float, int]:
    """Run commands side by side: what each said, seconds, seconds of processors, bytes of the largest process."""
    started, said = time.perf_counter(), [TemporaryFile("w+") for _ in commands]
    begun = [
        subprocess.Popen(words, stdout=out, stderr=out if len(commands) == 1 else None)
        for words, out in zip(commands, said, strict=True)
    ]
    processor, memory, codes = 0.0, 0, []
    for process in begun:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        codes.append(process.returncode)
        processor += used.ru_utime + used.ru_stime
        memory = max(memory, 1024 * used.ru_maxrss)
    seconds = time.perf_counter() - started
    texts = []
    for out in said:
        with out:
            out.seek(0)
            texts.append(out.read())
    if any(codes):
        raise RuntimeError(f"ended with {codes}: {texts[0][-500:]}")
    return texts, seconds, processor, memory


def by_command(folder: Path, *settings: str) -> Took:
    words = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--num_processes", str(PROCESSES)]
    words += ["--num_machines", "1", "--multi_gpu", "--main_process_port", "0"]  # right without a GPU too
    words += [
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        str(ROOT / "__main__.py"),
        "--cpu",
        "--resume",
        "false",
    ]
    words += ["--weights", str(EXAMPLE), "--input_dir", str(folder / "in"), "--mask_dir", str(folder / "mask.png")]
    words += ["--save_dir", str(folder / "ours"), "--micro_batch", str(BATCH), *settings]
    (text,), *took = run(words)
    return Took(*took, calls=int(re.search(r"([\d,]+) model calls a picture", text)[1].replace(",", "")))


def by_others(way: str, folder: Path) -> Took:
    ranks = [[sys.executable, "-m", "on_cpu.peer", way, str(folder), str(k), str(PROCESSES)] for k in range(PROCESSES)]
    texts, *took = run(*ranks)
    told = [json.loads(text) for text in texts]
    return Took(*took, calls=told[0]["calls"], painting=max(each["painting"] for each in told))


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
    net, found = load_network(EXAMPLE)
    torch.save(net.state_dict(), folder / "net.pt")
    side = found.config.size_multiple * 8
    asked = {"steps": steps, "r": r, "j": j, "batch": BATCH, "levels": repaint_levels(steps, j, r)}
    asked |= {"openais": openais_words(found.config), "label": found.null_class, "repaint": str(repaint)}
    asked |= {"diffusers": shape_for_diffusers(found.config, side)}
    (folder / "asked.json").write_text(json.dumps(asked))
    (folder / "in").mkdir()
    for number in range(pictures):
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"p{number:03}.png")
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[:, side // 2 :] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def row(what: str, theirs: Took, ours: Took, pictures: int, asked: Asked) -> Row:
    return Row(
        what,
        theirs.seconds / ours.seconds,
        "x",
        least=asked.fits(1.0, None),
        theirs=theirs.said(pictures),
        ours=ours.said(pictures),
        memory=f"{ours.memory / 2**20:.0f} of {theirs.memory / 2**20:.0f} MiB",
    )


def a_folder(asked: Asked) -> Iterator[Row]:
    if importlib.util.find_spec("accelerate") is None:
        raise Missing("needs accelerate")
    pictures, steps, r, j = asked.fits((64, 16, 3, 4), (4, 3, 2, 1))
    with TemporaryDirectory() as place:
        folder = Path(place)
        write(folder, pictures, steps, r, j, asked.repaint)
        words = {"method": "repaint", "skip_type": "uniform", "skip_steps": steps, "resample_r": r, "resample_j": j}
        ours = by_command(folder, *(word for name, value in words.items() for word in (f"--{name}", str(value))))
        peers = {}
        for way, needed in (WITH_REPAINT if asked.repaint else PEERS).items():
            what = f"{pictures} pictures, {ours.calls} calls, over {way}"
            if importlib.util.find_spec(needed) is None:
                yield Row(what, missing=f"needs {needed}")
                continue
            peers[way] = by_others(way, folder)
            if peers[way].calls != ours.calls:
                raise RuntimeError(f"{way} called its network {peers[way].calls} times, we {ours.calls} times")
            yield row(what, peers[way], ours, pictures, asked)
        levels = repaint_levels(AS_PUBLISHED.skip_steps, AS_PUBLISHED.resample_j, AS_PUBLISHED.resample_r)
        paper = sum(b < a for a, b in zip(levels, levels[1:], strict=False))
        for preset in asked.fits(("balanced", "draft"), ("draft",)):
            ours = by_command(folder, "--preset", preset)
            for way, took in peers.items():
                what = f"preset {preset}, {ours.calls} calls, over {paper} of {way} (reckoned from {took.calls})"
                yield row(what, took.at(paper), ours, pictures, asked)


CHECKS = (a_folder,)
