"""What a run of our own sampler and the hooks of its MODEL tell each other, among the run's transformer options."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import comfy.patcher_extension
from torch import Tensor

from ..sampler.embedded import Embedded, Embeddings

__all__ = ["RUN", "OwnRun", "run_of"]

RUN = "mask_guidance_run"
# What may stand between a sampler and the network, and tell it another timestep.
BETWEEN = comfy.patcher_extension.WrappersMP.APPLY_MODEL, comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL


@dataclass
class OwnRun:
    """A class of its own, because the host copies dictionaries and lists among the options.

    Attributes:
        numbers: Of the pictures in their batch.
        draws_variance: Each step draws a variance, so that its mean can be shifted.
        level: Where the chain is that calls the model now.
        sigma: What it calls the model with; None where that may be changed on the way to the network.
        embeddings: What the network makes of the levels' timesteps.
        slope: Gradients of what guides the call that is made now, times their scales; None where nothing does.
    """

    numbers: Sequence[int]
    draws_variance: bool
    level: int = 0
    sigma: Tensor | None = None
    embeddings: Embeddings = field(default_factory=Embeddings)
    slope: Tensor | None = None

    def embedded(self, options: dict, count: int, embed: Callable[[], Tensor]) -> Embedded | None:
        """The embedding at this level of the conditionings that transformer options name, of so many rows.

        None where something may call the network with other noise than the chain does, or on another of several GPUs.
        """
        if "uuids" not in options or self.sigma is None or options.get("sigmas") is not self.sigma:
            return None
        if any(comfy.patcher_extension.get_all_wrappers(kind, options) for kind in BETWEEN):
            return None
        return self.embeddings.at((self.level, tuple(options["uuids"]), count), embed)

    def add(self, slope: Tensor) -> None:
        self.slope = slope if self.slope is None else self.slope + slope

    def take(self) -> Tensor | None:
        slope, self.slope = self.slope, None
        return slope


def run_of(options: dict) -> OwnRun | None:
    """The run that model options belong to; None for another sampler's."""
    return options.get("transformer_options", {}).get(RUN)
