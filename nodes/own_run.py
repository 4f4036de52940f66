"""What a run of our own sampler and the hooks of its MODEL tell each other, among the run's transformer options."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

__all__ = ["RUN", "OwnRun", "run_of"]

RUN = "mask_guidance_run"


@dataclass
class OwnRun:
    """A class of its own, because the host copies dictionaries and lists among the options.

    Attributes:
        numbers: Of the pictures in their batch.
        draws_variance: Each step draws a variance, so that its mean can be shifted.
        slope: Gradients of what guides the call that is made now, times their scales; None where nothing does.
    """

    numbers: Sequence[int]
    draws_variance: bool
    slope: Tensor | None = None

    def add(self, slope: Tensor) -> None:
        self.slope = slope if self.slope is None else self.slope + slope

    def take(self) -> Tensor | None:
        slope, self.slope = self.slope, None
        return slope


def run_of(options: dict) -> OwnRun | None:
    """The run that model options belong to; None for another sampler's."""
    return options.get("transformer_options", {}).get(RUN)
