"""What the user sees while a run goes on: a log, and a bar where there is a terminal for it."""

import logging
import sys
import time
from typing import Any

__all__ = ["Progress", "in_words", "reason", "set_up_log"]

log = logging.getLogger("mask_guidance")

LINE_EVERY = 30.0  # seconds between lines where no bar can be shown


class BesideBar(logging.StreamHandler):  # type: ignore[type-arg] # Python 3.10 has no StreamHandler[...]
    """Writes lines above the bar, not through it."""

    def emit(self, record: logging.LogRecord) -> None:
        bar = sys.modules.get("tqdm")
        if bar is None:
            super().emit(record)
        else:
            bar.tqdm.write(self.format(record), file=sys.stderr)


def set_up_log(rank: int, count: int) -> None:
    """The first process says everything, the others what went wrong, with their number before it."""
    handler = BesideBar()
    who = f"[{rank}] " if count > 1 else ""
    handler.setFormatter(logging.Formatter(f"%(asctime)s {who}%(message)s", "%H:%M:%S"))
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO if rank == 0 else logging.WARNING)
    log.propagate = False


class Progress:
    """Pictures, model calls and the time left of this process's share.

    Args:
        calls: Picture calls to come: model calls, counted for each picture in them.
        results: Results to come.
        shown: Whether this process shows anything.
    """

    def __init__(self, calls: int, results: int, shown: bool = True):
        self.calls, self.results, self.shown = calls, results, shown
        self.called = self.finished = 0
        self.started = self.last_line = time.monotonic()
        self.bar = make_bar(calls) if shown and calls and sys.stderr.isatty() else None

    def on_call(self, pictures: int) -> None:
        self.called += pictures
        if self.bar is not None:
            self.bar.update(pictures)
        elif self.shown and time.monotonic() - self.last_line > LINE_EVERY:
            self.last_line = time.monotonic()
            log.info("%s", self)

    def on_result(self, item: object) -> None:
        self.finished += 1
        if self.bar is not None:
            self.bar.set_postfix_str(f"{self.finished}/{self.results} pictures")

    def __str__(self) -> str:
        spent = time.monotonic() - self.started
        left = spent / max(self.called, 1) * max(self.calls - self.called, 0)
        done = f"{self.finished} of {self.results} pictures, {self.called} of {self.calls} model calls"
        return f"{done}, about {in_words(left)} left"

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def make_bar(calls: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=calls, unit="call", unit_scale=True, smoothing=0.05, dynamic_ncols=True, mininterval=0.3)


def in_words(seconds: float) -> str:
    """Hours and minutes, minutes and seconds, or seconds.

    >>> in_words(3725)
    '1 h 2 min'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def reason(error: BaseException) -> str:
    """An error in one line.

    >>> reason(FileNotFoundError(2, "No such file or directory", "a.png"))
    'a.png: No such file or directory'
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
