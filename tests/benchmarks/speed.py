"""How fast this pack is on a processor, beside others: a line for each goal, one table and an exit code.

    python tests/benchmarks/speed.py [--quick] [--only network memory] [--threads N] [--repaint DIR]

Each section is a process of its own, and what one lacks is said in its row. The exit code is 1 if a goal is missed or
something breaks. Ratios are medians of rounds in which both sides take turns; with one thread its processor time counts, with
more the clock on the wall. Weights are random but for the example model's. With --quick networks are small and speeds have no
goals: that shows that the code runs. Needs what tests/benchmarks/requirements.txt names, guided-diffusion-sdk and accelerate;
--repaint is a checkout of https://github.com/andreas128/RePaint (CC BY-NC-SA 4.0). For GPUs there is gpu.py.
"""

import argparse
import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

from gpu import Section, run
from on_gpu.report import failed, table

SECTIONS = {
    "network": Section("1. The network", "on_cpu.network", 400),
    "memory": Section("2. Memory", "on_cpu.memory", 180),
    "command_line": Section("3. The command line", "on_cpu.command_line", 360),
    "loop": Section("4. Around the network", "on_cpu.loop", 240),
    "start": Section("5. The start", "on_cpu.start", 300),
    "page": Section("6. The page", "on_cpu.page", 240),
}


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def about(threads: int) -> str:
    import torch

    here = f"{processor()}, {os.cpu_count()} cores, {threads} thread{'s' * (threads > 1)}"
    return f"{here}, torch {torch.__version__}, Python {sys.version.split()[0]}"


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small networks, few rounds")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=[*SECTIONS])
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--patience", type=float, default=1, help="times every limit, for a busy machine")
    parser.add_argument("--comfyui", type=Path, default=os.environ.get("COMFYUI_PATH"))
    parser.add_argument("--repaint", type=Path, help="a checkout of RePaint's own code")
    args = parser.parse_args(words)
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "CUDA_VISIBLE_DEVICES": ""}
    folders = {name: getattr(args, name) for name in ("comfyui", "repaint")}
    asked = {"device": "cpu", "quick": args.quick, "lanpaint": None}
    asked |= {name: str(Path(folder).resolve()) if folder else None for name, folder in folders.items()}
    sections = {name: replace(SECTIONS[name], seconds=args.patience * SECTIONS[name].seconds) for name in args.only}
    rows = run(sections, asked, sum(section.seconds for section in sections.values()))
    print(f"\n{about(args.threads)}\n\n{table(rows)}")
    return int(failed(row for those in rows.values() for row in those))


if __name__ == "__main__":
    sys.exit(main())
