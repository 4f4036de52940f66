"""Memory and time until a checkpoint of 552.8 M parameters is ready to paint: our loader, the original code's way.

    python tests/benchmarks/loading.py [--folder DIR] [--rounds 2]
    COMFYUI_PATH=... python tests/benchmarks/loading.py      our loader node in ComfyUI, too

The network is OpenAI's for ImageNet 256 without classes, its numbers random. For each kind of file one is written (2.2 GB,
removed afterwards) and loaded by each side, in turn, each time by a process of its own. The original's way: the network
made and initialised by its own code in float32, the file read as a whole, load_state_dict. Memory is what no other process
can share, over what the process had when it had imported everything: the pages of a mapped file, which the system may
drop at any time, do not count. It is read from /proc (RssAnon, Linux) every 2 ms, time starts before the file is opened. The
best of the rounds counts. Needs guided-diffusion-sdk, as the tests do.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "unit"), str(HERE.parent / "host")]

import conftest  # noqa: E402, F401  the tests' name for the pack
import torch  # noqa: E402
from mask_guidance.sampler.adm import UNet  # noqa: E402
from mask_guidance.sampler.adm.signatures import SIGNATURES  # noqa: E402
from small_nets import config_of  # noqa: E402

PUBLISHED = "OpenAI 256 / LSUN / RePaint"
# Kind of file: its ending, and the goal for our memory over the original's.
FILES = {"legacy .pt": (".pt", 0.55), "zip .pt": (".pt", 0.05), "safetensors": (".safetensors", 0.05)}
ORIGINAL, OURS, NODE = "original", "our loader", "our node"


def write(kind: str, path: str) -> None:
    with torch.device("meta"):
        shapes = UNet(config_of(next(row for row in SIGNATURES if row.name == PUBLISHED))).state_dict()
    generator = torch.Generator().manual_seed(0)
    tensors = {key: torch.rand(value.shape, generator=generator) - 0.5 for key, value in shapes.items()}
    print(f"{sum(value.numel() for value in tensors.values()) / 1e6:.1f} M parameters")
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip .pt")


def by_the_original(path: Path):
    from guided_diffusion.script_util import create_model
    from safetensors.torch import load_file

    def load():
        net = create_model(256, 256, 2, learn_sigma=True, attention_resolutions="32,16,8", num_head_channels=64,
                           use_scale_shift_norm=True, resblock_updown=True)  # fmt: skip
        tensors = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu")
        net.load_state_dict(tensors)
        return net.requires_grad_(False).eval()

    return load


def by_our_loader(path: Path):
    from mask_guidance.sampler.recognition import load_network

    return lambda: load_network(path)


def by_our_node(path: Path):
    from in_process import start_host

    start_host(os.environ["COMFYUI_PATH"], "--cpu")
    import folder_paths
    from mask_guidance.nodes import model_folder
    from nodes_by_hand import load

    folder_paths.add_model_folder_path(model_folder.FOLDER, str(path.parent))
    return lambda: load(path.name)


SIDES = {ORIGINAL: by_the_original, OURS: by_our_loader, NODE: by_our_node}


def loaded(side: str, path: str) -> None:
    """In a process of its own: says when it has imported everything, loads at a word, and says how long that took."""
    torch.set_num_threads(1)
    load = SIDES[side](Path(path))
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    kept = load()
    print(time.perf_counter() - start, flush=True)
    sys.stdin.readline()
    del kept


def private(pid: int) -> int:
    """Bytes of a process that are no file's."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))


def child(*words: str, **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, __file__, "--child", *words], text=True, **options)


def measured(side: str, path: Path) -> tuple[float, float]:
    """Bytes at most, and seconds."""
    process = child(side, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if process.stdout.readline().strip() != "ready":
        raise RuntimeError(f"{side} ended before it was ready")
    before = most = private(process.pid)
    process.stdin.write("go\n")
    process.stdin.flush()
    os.set_blocking(process.stdout.fileno(), False)
    while not (said := process.stdout.readline()):
        if process.poll() is not None:
            raise RuntimeError(f"{side} ended while it loaded {path.name}")
        most = max(most, private(process.pid))
        time.sleep(0.002)
    process.communicate("done\n")
    return most - before, float(said)


def compare(kind: str, folder: Path, rounds: int) -> None:
    ending, goal = FILES[kind]
    path = folder / f"synthetic{ending}"
    sides = [ORIGINAL, OURS, *([NODE] if "COMFYUI_PATH" in os.environ else [])]
    try:
        if child("write", kind, str(path)).wait():
            sys.exit(f"{path} could not be written")
        found = {side: [] for side in sides}
        for _ in range(rounds):
            for side in sides:
                found[side].append(measured(side, path))
    finally:
        path.unlink(missing_ok=True)
    best = {side: [min(column) for column in zip(*rows, strict=True)] for side, rows in found.items()}
    for side, (size, seconds) in best.items():
        share = size / best[ORIGINAL][0]
        verdict = "" if side == ORIGINAL else f"  {share:.3f} x (goal {goal}: {'met' if share <= goal else 'MISSED'})"
        print(f"{kind:12} {side:11} {size / 2**20:7.0f} MiB  {seconds:6.2f} s{verdict}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="for the file; the system's temporary one otherwise")
    parser.add_argument("--only", nargs="+", choices=FILES, default=[*FILES], metavar="KIND", help=", ".join(FILES))
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for kind in options.only:
            compare(kind, Path(folder), options.rounds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _, _, first, *rest = sys.argv
        write(*rest) if first == "write" else loaded(first, *rest)
    else:
        main()
