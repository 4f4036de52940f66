"""Stop a chain at the first call of the model that gave numbers which are none: all that follows would be spoilt by it."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .ladder import Ladder
from .methods import Step
from .methods.method import called

__all__ = ["Finite", "NotFiniteError"]

EVERY = 8  # calls between two looks on a GPU, for each look waits for it


class NotFiniteError(ArithmeticError):
    """A model's answer that holds NaN or infinity, in one sentence."""


class Finite:
    """Looks at the states of a chain, which hold every guess and every variance; in the last one, which the known region
    covers in part, at the guess as well.

    Args:
        ladder: Noise levels, for what is said.
        levels: Order of their visits.
    """

    def __init__(self, ladder: Ladder, levels: Sequence[int]):
        self.ladder, self.levels = ladder, levels
        self.unseen: list[tuple[int, Tensor]] = []  # call, and whether all was finite

    def watch(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Hand on a chain's steps.

        Raises:
            NotFiniteError: The model gave NaN or infinity.
        """
        for step in steps:
            self.see(step)
            yield step
        self.look()

    def see(self, step: Step) -> None:
        numbers = [step.x] if step.call < step.calls else [step.x, step.predicted]
        # A finite sum has no other parts, and is had in a fifth of the time where nobody waits for it.
        on_cpu = step.x.device.type == "cpu"
        if not (on_cpu and all(math.isfinite(those.sum().item()) for those in numbers)):
            self.unseen.append((step.call, torch.stack([those.isfinite().all() for those in numbers]).all()))
        if on_cpu or len(self.unseen) == EVERY:
            self.look()

    def look(self) -> None:
        """Raises NotFiniteError for the first call that was not looked at yet and had such numbers."""
        if not self.unseen:
            return
        calls, finite = zip(*self.unseen, strict=True)
        self.unseen.clear()
        for call, fine in zip(calls, torch.stack(finite).tolist(), strict=True):
            if not fine:
                level = called(self.levels)[call - 1]
                raise NotFiniteError(
                    f"Call {call} of the model (noise over picture {self.ladder.ratios[level]:.3g}) gave NaN or infinity: half "
                    "precision has overflowed, or the checkpoint is damaged; load the model in fp32 or bf16, or take another "
                    "file."
                )
