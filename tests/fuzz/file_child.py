"""A process that opens broken files, one case after another, and says what came of each.

It reads lines "SEED NUMBER" and answers each with a line of JSON. What it cannot survive its parent sees: the limits of
processor time and memory end it.
"""

import hashlib
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
import types
import warnings
from dataclasses import dataclass
from pathlib import Path

if "mask_guidance" not in sys.modules:  # as tests/conftest.py does
    pack = types.ModuleType("mask_guidance")
    pack.__path__ = [str(Path(__file__).resolve().parents[2])]
    sys.modules["mask_guidance"] = pack

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for what other tests share with the makers

import torch
from broken_checkpoints import CANARY, CHECKPOINTS, Draw, Files
from broken_configs import CONFIGS, SIDECARS
from mask_guidance.sampler.batch.options import read_options
from mask_guidance.sampler.batch.settings import SettingsError
from mask_guidance.sampler.checkpoint import CheckpointError, build
from mask_guidance.sampler.recognition import describe, recognise

CPU_SECONDS = 20.0  # a case
ADDRESS_SPACE = 6 * 2**30  # more than this process has at its start: it protects the machine
PEAK = 600 * 2**20  # bytes above what the process had before the case (torch 2.5 takes 500 MB for a first network), and
PER_BYTE = 12  # so many for each byte of the files
MOST_CHARACTERS, MOST_REPORT = 400, 2000
PROBED, PROBE_SECONDS = 0.005, 100.0  # of the checkpoints: dozens of passes through a network


@dataclass
class Answer:
    """What came of a case: "" where all is well, or what is wrong with it."""

    maker: str
    outcome: str
    bad: str
    seconds: float = 0.0
    megabytes: float = 0.0


def made(draw: Draw) -> tuple[str, Files]:
    makers = {**CHECKPOINTS, **SIDECARS, **CONFIGS}
    maker = draw.choices(list(makers), list(makers.values()))[0]
    return maker.__name__, maker(draw)


def write(folder: Path, files: Files) -> Path:
    for name, content in (*files.beside, (files.name, files.content)):
        (folder / name).write_bytes(content)
    return folder / files.name


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else ""
        for p in folder.rglob("*")
    }


def call(path: Path, draw: Draw) -> str:
    """Use a file as the pack does, all that happens before a picture is painted."""
    if path.name.startswith("conf"):
        places = {"--weights": "w.pt", "--input_dir": "in", "--save_dir": "out"}
        missing = draw.choice([(), (), (), ("--weights",), ("--save_dir",), ("--input_dir",), tuple(places)])
        words = [word for name, value in places.items() if name not in missing for word in (name, value)]
        read_options(["--config", str(path), *words]).settings.key()
        return "read"
    probe = draw.often(PROBED)
    signal.setitimer(signal.ITIMER_PROF, PROBE_SECONDS if probe else CPU_SECONDS)
    found = recognise(path, draw.choice(["ema", "model"]), probe=probe)
    build(found.checkpoint.tensors, found.detection)
    report = describe(found)
    if not all(line.isprintable() for line in report.split("\n")) or len(report) > MOST_REPORT:
        raise AssertionError(f"a report that nobody can read: {report!r:.200}")
    return "built"


def judged(path: Path, draw: Draw) -> tuple[str, str]:
    """(outcome, what is wrong)."""
    expected = SettingsError if path.name.startswith("conf") else CheckpointError
    try:
        return call(path, draw), ""
    except expected as error:
        text = str(error)
        wrong = "\n" in text or not text.isprintable() or len(text) > MOST_CHARACTERS or not text.endswith((".", "..."))
        return "refused", f"no sentence: {text!r:.600}" if wrong or "Traceback" in text else ""
    except BaseException as error:
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        return "raised", f"{type(error).__name__}: {error!s:.300} ({Path(place.filename).name}:{place.lineno})"


def peak() -> int:
    """Largest resident memory of this process since `forget_peak`, in bytes."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # not Linux: the peak is that of all cases so far


def run(seed: int, number: int, folder: Path) -> Answer:
    draw = Draw(f"{seed}:{number}")
    draw.folder = folder
    try:
        maker, files = made(draw)
    except Exception as error:
        return Answer("?", "raised", f"the generator itself failed: {error!r:.300}")
    path = write(folder, files)
    before, size = digests(folder), sum(p.stat().st_size for p in folder.iterdir())
    del files
    forget_peak()
    held, started = peak(), time.process_time()
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # its signal ends the process, whatever it is doing
    outcome, bad = judged(path, draw)
    signal.setitimer(signal.ITIMER_PROF, 0)
    seconds, used = time.process_time() - started, peak() - held
    if (folder / CANARY).exists() or Path(CANARY).exists():
        bad = "code from the file was run"
    elif digests(folder) != before or any(Path.cwd().iterdir()):
        bad = "files were left or changed"
    elif used > PEAK + PER_BYTE * size:
        bad = f"{used / 2**20:.0f} MB for {size} bytes"
    return Answer(maker, outcome, bad, seconds, used / 2**20)


def main() -> None:
    warnings.simplefilter("ignore")  # torch's own, about odd pickles
    torch.set_num_threads(1)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    taken = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    )
    if taken:
        resource.setrlimit(resource.RLIMIT_AS, (taken + ADDRESS_SPACE, taken + ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    root = Path(sys.argv[1])
    (root / "empty").mkdir(exist_ok=True)
    import os

    os.chdir(root / "empty")
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        seed, number = map(int, line.split())
        folder = Path(tempfile.mkdtemp(prefix="case", dir=root))
        print(json.dumps(vars(run(seed, number, folder))), flush=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
