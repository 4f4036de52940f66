"""All that a GPU can say of this pack, in nine sections, one table and an exit code; under ten minutes.

    python tests/benchmarks/gpu.py [--quick] [--only memory waits] [--comfyui DIR] [--lanpaint DIR] [--repaint DIR]

Each section is a process of its own with a limit of its own; what one lacks is said in its row, and the rest goes on. The exit
code is 1 if a goal is missed or something breaks. Without a GPU, and with --quick, networks are small and speeds have no
goals: that shows that the code runs. Weights are random but for the example model's. LanPaint and RePaint are checkouts of
https://github.com/scraed/LanPaint (GPL-3.0) and https://github.com/andreas128/RePaint (CC BY-NC-SA 4.0), given as folders.

A machine without a network brings torch, numpy, scipy, scikit-image, transformers and pytest, and is brought the rest. Here,
where `python run.py --once` has run, for that machine's Python and platform:

    P="--no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64"
    pip download $P -d .whl av comfy-aimdo==0.4.11 torchsde trampoline diffusers==0.42.1
    pip download --no-deps --only-binary=:all: --platform any -d .whl comfy-kitchen==0.2.26
    pip wheel --no-deps -w .whl guided-diffusion-sdk==1.0.0
    X="--exclude=./models --exclude=./blueprints --exclude=./temp --exclude=./custom_nodes/*"
    tar -czf .whl/host.tgz -C .run/host-0.30.0 $X --exclude=*_tokenizer/*.json --exclude=*_tokenizer/*.txt .
    cp -r LANPAINT .whl/LanPaint; cp -r REPAINT .whl/RePaint     # without pictures and .git

There, with the repository's files and .whl (45 MB) carried along, in two calls where one may take ten minutes in all:

    mkdir -p /tmp/host && tar -xzf .whl/host.tgz -C /tmp/host
    python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target /tmp/site .whl/*.whl
    PYTHONPATH=/tmp/site python3 tests/benchmarks/gpu.py --comfyui /tmp/host --lanpaint .whl/LanPaint --repaint .whl/RePaint
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from on_gpu.report import Row, failed, read, table

HERE = Path(__file__).resolve().parent
WHOLE = 560  # seconds
FOLDERS = ("comfyui", "lanpaint", "repaint")  # that an `Asked` has


@dataclass(frozen=True)
class Section:
    """A module with CHECKS, and the seconds that it may take."""

    title: str
    module: str
    seconds: float


SECTIONS = {
    "correctness": Section("1. Correctness", "on_gpu.correctness", 140),
    "loading": Section("2. Memory management of the host", "on_gpu.loading", 100),
    "waits": Section("3. Waits", "on_gpu.waits", 30),
    "unet": Section("4. Speed of the UNet", "on_gpu.unet", 70),
    "loop": Section("5. Speed of the loop", "on_gpu.loop", 50),
    "latent": Section("6. SDXL-sized and Flux-sized", "on_gpu.latent", 90),
    "memory": Section("7. Memory", "on_gpu.memory", 25),
    "masks": Section("8. Masks on a nearly full card", "on_gpu.masks", 35),
    "compiled": Section("9. Compiled", "on_gpu.compiled", 50),
}


def run(sections: Mapping[str, Section], asked: dict, whole: float = WHOLE) -> dict[str, list[Row]]:
    """Rows of each section, by its title."""
    ends, found = time.monotonic() + whole, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, section in sections.items():
            started, rows = time.monotonic(), Path(folder) / name
            command = [sys.executable, "-m", "on_gpu.child", section.module, str(rows), json.dumps(asked)]
            broken = limited(command, min(section.seconds, ends - started))
            title = f"{section.title}, {time.monotonic() - started:.0f} s"
            found[title] = [*read(rows), *([Row("the section", broken=broken)] if broken else [])]
            print(title, file=sys.stderr, flush=True)
    return found


def limited(command: list[str], seconds: float) -> str:
    """Run a command, and end it with all that it has started when its time is over; what went wrong, or nothing."""
    if seconds <= 0:
        return "no time was left"
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stdout=sys.stderr, start_new_session=True
    )
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"took longer than {seconds:.0f} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"ended with code {code}" if code else ""


def device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def about() -> str:
    import torch

    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"no GPU, {os.cpu_count()} cores"
    return f"{name}, torch {torch.__version__}, Python {sys.version.split()[0]}"


def parser_of(words: str, sections: Mapping[str, Section], quick: str) -> argparse.ArgumentParser:
    """Of what every benchmark in sections is told.

    Args:
        words: What it says of itself.
        quick: What its --quick means.
    """
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--only", nargs="+", choices=sections, default=[*sections])
    parser.add_argument("--patience", type=float, default=1, help="times every limit, for a busy machine")
    parser.add_argument("--comfyui", type=Path, default=os.environ.get("COMFYUI_PATH"))
    parser.add_argument("--repaint", type=Path, help="a checkout of RePaint's own code")
    return parser


def measured(
    args: argparse.Namespace,
    sections: Mapping[str, Section],
    about: Callable[[], str],
    device: str,
    quick: bool,
    whole: float,
) -> int:
    """Run the sections that were asked for and print what they found; the exit code."""
    folders = {name: getattr(args, name, None) for name in FOLDERS}
    asked = {name: str(Path(folder).resolve()) if folder else None for name, folder in folders.items()}
    asked |= {"device": device, "quick": quick}
    patient = {name: replace(sections[name], seconds=args.patience * sections[name].seconds) for name in args.only}
    rows = run(patient, asked, args.patience * whole)
    print(f"\n{about()}\n\n{table(rows)}")
    return int(failed(row for those in rows.values() for row in those))


def main(words: list[str] | None = None) -> int:
    parser = parser_of(__doc__, SECTIONS, "small networks, few rounds; so it is without a GPU")
    parser.add_argument("--lanpaint", type=Path, help="a checkout of LanPaint")
    args, where = parser.parse_args(words), device()
    return measured(args, SECTIONS, about, where, args.quick or where == "cpu", WHOLE)


if __name__ == "__main__":
    sys.exit(main())
