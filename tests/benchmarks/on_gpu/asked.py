"""What a section is asked: on which device, how much, and where other people's code is."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .report import Missing

__all__ = ["CPU_HOST", "Asked"]

CPU_HOST = ("--cpu",)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Asked:
    """See `gpu.py --help`.

    Attributes:
        device: "cuda" or "cpu".
        quick: Small networks and few rounds, to see that the code runs.
        comfyui, lanpaint, repaint: Folders.
    """

    device: str = "cpu"
    quick: bool = True
    comfyui: Path | None = None
    lanpaint: Path | None = None
    repaint: Path | None = None

    @property
    def gpu(self) -> bool:
        return self.device != "cpu"

    def need_gpu(self) -> None:
        if not self.gpu:
            raise Missing("needs a GPU")

    def most(self, goal: float) -> float | None:
        """A goal for a speed, which is none away from a GPU and on small networks."""
        return goal if self.gpu and not self.quick else None

    def fits(self, whole: Value, quick: Value) -> Value:
        return quick if self.quick else whole

    def folder(self, name: str, words: str) -> Path:
        path = getattr(self, name)
        if path is None:
            raise Missing(f"needs {words} (--{name} FOLDER)")
        return path

    def start_host(self, flags: Iterable[str] = ()) -> None:
        """The host's modules become importable, for this device; once a process."""
        from peers import host

        folder = self.folder("comfyui", "a ComfyUI: run.py makes one")
        try:
            host.start(folder, tuple(flags) if self.gpu else CPU_HOST)
        except ImportError as error:
            raise Missing(f"needs all that ComfyUI imports: {error}") from error
