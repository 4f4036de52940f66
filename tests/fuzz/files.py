"""Broken files through the loader and the command line's --config, thousands of them, each the same for the same seed.

    python tests/fuzz/files.py --cases 5000 --seed 7        all of them
    python tests/fuzz/files.py --seed 7 --only 123 [--keep FOLDER]    one of them, or its files to look at

Bad is: an error that is no sentence of ours, one over several lines or too long; a process that hangs, crashes or takes
more memory than its files are worth; code that runs; files left or changed.
"""

import argparse
import contextlib
import json
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Case", "cases", "main"]

CHILD = Path(__file__).with_name("file_child.py")
START_SECONDS = 300.0  # torch on a busy machine
WALL_SECONDS = 600.0  # a case; only those that wait for something need more than their seconds of the processor


@dataclass(frozen=True)
class Case:
    """What came of a case."""

    seed: int
    number: int
    maker: str
    outcome: str  # "built", "read", "refused", "raised" or "died"
    bad: str
    seconds: float
    megabytes: float

    @property
    def again(self) -> str:
        return f"python tests/fuzz/files.py --seed {self.seed} --only {self.number}"


class Child:
    """A process that opens files, and the folder that it works in."""

    def __init__(self, folder: Path):
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self.line(START_SECONDS) is None:
            raise RuntimeError(f"{CHILD.name} does not start")

    def line(self, seconds: float) -> str | None:
        """What it says, or None if it says nothing for so long, or is dead."""
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return None
        return self.process.stdout.readline() or None

    def ask(self, seed: int, number: int) -> dict:
        with contextlib.suppress(BrokenPipeError):  # it is dead, as will be seen
            self.process.stdin.write(f"{seed} {number}\n")
            self.process.stdin.flush()
        if line := self.line(WALL_SECONDS):
            return json.loads(line)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        ended = self.process.poll()
        self.stop()
        words = "waits for ever" if ended is None else f"ended its process with {ended} (-27: too long)"
        return {"maker": "?", "outcome": "died", "bad": words, "seconds": 0.0, "megabytes": 0.0}

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


def cases(seed: int, numbers: Iterable[int], folder: Path) -> Iterator[Case]:
    """Run cases in a process that is started again when one of them ends it."""
    child = Child(folder)
    try:
        for number in numbers:
            answer = child.ask(seed, number)
            yield Case(seed, number, **answer)
            if answer["outcome"] == "died":
                child = Child(folder)
    finally:
        child.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="+", help="numbers of cases")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="write the files of the cases there, and open none")
    options = parser.parse_args()
    numbers = options.only or range(options.cases)
    if options.keep:
        return keep(options.seed, numbers, options.keep)
    outcomes: Counter[str] = Counter()
    makers: Counter[str] = Counter()
    bad: list[Case] = []
    longest = largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(options.seed, numbers, Path(folder)):
            outcomes[case.outcome] += 1
            makers[case.maker] += 1
            longest, largest = max(longest, case.seconds), max(largest, case.megabytes)
            if case.bad:
                bad.append(case)
                print(f"BAD {case.maker}: {case.bad}\n    {case.again}", flush=True)
    print(f"seed {options.seed}, {sum(outcomes.values())} cases: {dict(outcomes)}; {len(bad)} bad")
    print(f"kinds: {dict(makers)}")
    print(f"longest {longest:.1f} s of processor time, largest {largest:.0f} MB above the start")
    return 1 if bad else 0


def keep(seed: int, numbers: Iterable[int], folder: Path) -> int:
    import file_child

    for number in numbers:
        place = folder / f"{seed}-{number}"
        place.mkdir(parents=True)
        draw = file_child.Draw(f"{seed}:{number}")
        draw.folder = place
        maker, files = file_child.made(draw)
        print(maker, file_child.write(place, files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
