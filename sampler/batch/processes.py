"""One process, or many that Accelerate has started."""

import logging
import os
from datetime import timedelta
from typing import Any, NoReturn, Protocol

import torch

from .settings import SettingsError

__all__ = ["Alone", "Processes", "processes"]

LONGEST_WAIT = timedelta(
    days=30
)  # a process that is done waits for the slowest; the usual 10 minutes are no limit here


class Processes(Protocol):
    """What a run needs to know of its processes.

    Attributes:
        rank: This process's number.
        count: How many there are.
        device: Where this one's network runs.
        mixed_precision: Accelerate's setting: "no", "fp16", "bf16" ...
    """

    rank: int
    count: int
    device: torch.device
    mixed_precision: str

    def first_says(self, value: Any) -> Any:
        """The first process's value, in all of them."""

    def all_say(self, value: Any) -> list[Any]:
        """Every process's value, in all of them, by rank; waits for the slowest."""

    def leave(self, status: int) -> int:
        """Wait for the slowest and take leave of the others; to be the last call, which may end Python.

        Args:
            status: The exit status, given back where Python goes on.
        """


class Alone:
    """A single process."""

    def __init__(self, cpu: bool = False):
        self.rank, self.count, self.mixed_precision = 0, 1, "no"
        self.device = torch.device("cpu") if cpu else best_device()

    def first_says(self, value: Any) -> Any:
        return value

    def all_say(self, value: Any) -> list[Any]:
        return [value]

    def leave(self, status: int) -> int:
        return status


class Accelerated:
    """Processes that `accelerate launch` has started, here and on other machines."""

    def __init__(self, cpu: bool = False):
        try:
            import accelerate
        except ImportError as error:
            raise SettingsError(
                "This was started by accelerate, which this Python lacks: pip install accelerate."
            ) from error
        patient = accelerate.InitProcessGroupKwargs(timeout=LONGEST_WAIT)
        # Without being told so, Accelerate takes several processes on processors for as many lone ones.
        accelerator = accelerate.Accelerator(cpu=cpu or best_device().type == "cpu", kwargs_handlers=[patient])
        self.tools = accelerate.utils
        self.rank, self.count = accelerator.process_index, accelerator.num_processes
        self.device, self.mixed_precision = accelerator.device, accelerator.mixed_precision
        if self.count != (started := int(os.environ.get("WORLD_SIZE", 1))):
            raise SettingsError(f"{started} processes were started, but Accelerate sees {self.count}.")

    def first_says(self, value: Any) -> Any:
        return self.tools.broadcast_object_list([value])[0]

    def all_say(self, value: Any) -> list[Any]:
        return self.tools.gather_object([value])

    def leave(self, status: int) -> int:
        self.all_say("done")  # a process that ends sooner may take the others with it
        if torch.distributed.is_initialized():
            if torch.distributed.get_backend() == "gloo":
                end_at_once(status)
            torch.distributed.destroy_process_group()
        return status


def end_at_once(status: int) -> NoReturn:
    """End without asking gloo's threads: left to the end of Python, they crash now and then; and before torch 2.8,
    `destroy_process_group` waits with Python's lock held for a thread that may be waiting for that lock."""
    logging.shutdown()
    os._exit(status)


def best_device() -> torch.device:
    for kind in (torch.cuda, torch.xpu, torch.mps):
        if kind.is_available():
            return torch.device(kind.__name__.removeprefix("torch."))
    return torch.device("cpu")


def processes(cpu: bool = False) -> Processes:
    """This process among those it was started with.

    Args:
        cpu: Stay off the GPU.
    """
    launched = "LOCAL_RANK" in os.environ or any(name.startswith("ACCELERATE_") for name in os.environ)
    return Accelerated(cpu) if launched else Alone(cpu)
