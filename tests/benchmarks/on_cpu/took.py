"""What programs take that are run side by side."""

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from tempfile import TemporaryFile

__all__ = ["Took", "mean", "run"]


@dataclass(frozen=True)
class Took:
    """What one side took.

    Attributes:
        seconds: From the start of its programs to their end.
        processor: Seconds of all its processes together.
        memory: Bytes of its largest process.
        said: What each program said.
        calls: Of the network for each batch, where it is known.
        painting: Seconds in which its programs painted, of the slowest, where they are known.
        busy: Of them, seconds of all its processes together.
    """

    seconds: float
    processor: float
    memory: int
    said: tuple[str, ...] = ()
    calls: int = 0
    painting: float = 0.0
    busy: float = 0.0

    def at(self, calls: int) -> "Took":
        """Reckoned for so many calls: painting takes in proportion, the rest as long as it did."""
        more = calls / self.calls - 1
        seconds, processor = self.seconds + more * self.painting, self.processor + more * self.busy
        times = {"painting": (1 + more) * self.painting, "busy": (1 + more) * self.busy}
        return replace(self, seconds=seconds, processor=processor, calls=calls, **times)


def mean(runs: Sequence[Took]) -> Took:
    """Of the same programs, several times."""
    times = ("seconds", "processor", "painting", "busy")
    return replace(runs[0], **{name: statistics.fmean(getattr(took, name) for took in runs) for name in times})


def run(*commands: list[str], both: bool = False) -> Took:
    """Run commands at the same time.

    Args:
        both: What they say on stderr counts too.

    Raises:
        RuntimeError: One of them failed.
    """
    with ExitStack() as files:
        said = [files.enter_context(TemporaryFile("w+")) for _ in commands]
        started, processor, memory = time.perf_counter(), 0.0, 0
        begun = [
            subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT if both else None)
            for words, out in zip(commands, said, strict=True)
        ]
        for process in begun:
            _, status, used = os.wait4(process.pid, 0)  # with the processes that it has waited for
            process.returncode = os.waitstatus_to_exitcode(status)
            processor += used.ru_utime + used.ru_stime
            memory = max(memory, 1024 * used.ru_maxrss)
        seconds = time.perf_counter() - started
        for out in said:
            out.seek(0)
        texts = tuple(out.read() for out in said)
    for process, text in zip(begun, texts, strict=True):
        if process.returncode:
            raise RuntimeError(f"ended with code {process.returncode}: {text[-500:]}")
    return Took(seconds, processor, memory, texts)
