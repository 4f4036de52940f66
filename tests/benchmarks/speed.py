"""How fast this pack is on a processor, beside others: a line for each goal, one table and an exit code.

    python tests/benchmarks/speed.py [--quick] [--only network memory] [--threads N] [--repaint DIR]

Each section is a process of its own, and what one lacks is said in its row. The exit code is 1 if a goal is missed or
something breaks. Ratios are medians of rounds in which both sides take turns; with one thread its processor time counts, with
more the clock on the wall. Weights are random but for the example model's. With --quick networks are small and speeds have no
goals: that shows that the code runs. Needs what tests/benchmarks/requirements.txt names, guided-diffusion-sdk and accelerate;
--repaint is a checkout of https://github.com/andreas128/RePaint (CC BY-NC-SA 4.0). For GPUs there is gpu.py.
"""

import os
import sys
from functools import partial

from gpu import Section, measured, parser_of
from mask_guidance.sampler.fast import packed as fast

SECTIONS = {
    "network": Section("1. The network", "on_cpu.network", 400),
    "memory": Section("2. Memory", "on_cpu.memory", 180),
    "command_line": Section("3. The command line", "on_cpu.command_line", 360),
    "loop": Section("4. Around the network", "on_cpu.loop", 420),
    "start": Section("5. The start", "on_cpu.start", 300),
    "page": Section("6. The page", "on_cpu.page", 240),
}


def processor() -> str:
    said = fast.processor()
    names = [line.partition(":")[2].strip() for line in said.splitlines() if line.startswith("model name")]
    return names[0] if names else said


def about(threads: int) -> str:
    import torch

    here = f"{processor()}, {os.cpu_count()} cores, {threads} thread{'s' * (threads > 1)}"
    return f"{here}, torch {torch.__version__}, Python {sys.version.split()[0]}"


def main(words: list[str] | None = None) -> int:
    parser = parser_of(__doc__, SECTIONS, "small networks, few rounds")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    args = parser.parse_args(words)
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "CUDA_VISIBLE_DEVICES": ""}
    whole = sum(section.seconds for section in SECTIONS.values())
    return measured(args, SECTIONS, partial(about, args.threads), "cpu", args.quick, whole)


if __name__ == "__main__":
    sys.exit(main())
