"""Stop a chain at the first number of the model's that is none: all that follows would be spoilt by it."""

import math

import torch
from torch import Tensor

from .ladder import Ladder
from .methods import Denoise

__all__ = ["Finite", "NotFiniteError"]

EVERY = 8  # calls between two looks on a GPU, for each look waits for it


class NotFiniteError(ArithmeticError):
    """A model's answer that holds NaN or infinity, in one sentence."""


class Finite:
    """A denoiser that looks at what it hands on, guess and variance.

    Args:
        denoise: See `Denoise`.
        ladder: Noise levels, for what is said.
    """

    def __init__(self, denoise: Denoise, ladder: Ladder):
        self.denoise, self.ladder = denoise, ladder
        self.calls = 0
        self.unseen: list[tuple[int, int, Tensor]] = []  # call, level, and whether all was finite

    def __call__(self, x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
        x0, v = self.denoise(x, level)
        self.calls += 1
        numbers = [x0] if v is None else [x0, v]
        # A finite sum has no other parts, and is had in a fifth of the time where nobody waits for it.
        on_cpu = x0.device.type == "cpu"
        if not (on_cpu and all(math.isfinite(those.detach().sum().item()) for those in numbers)):
            finite = torch.stack([those.isfinite().all() for those in numbers]).all()
            self.unseen.append((self.calls, level, finite))
        if on_cpu or len(self.unseen) == EVERY:
            self.look()
        return x0, v

    def look(self) -> None:
        """Raises NotFiniteError for the first call that was not looked at yet and had such numbers."""
        if not self.unseen:
            return
        calls, levels, finite = zip(*self.unseen, strict=True)
        self.unseen.clear()
        for call, level, fine in zip(calls, levels, torch.stack(finite).tolist(), strict=True):
            if not fine:
                raise NotFiniteError(
                    f"Call {call} of the model (noise over picture {self.ladder.ratios[level]:.3g}) gave NaN or infinity: half "
                    "precision has overflowed, or the checkpoint is damaged; load the model in fp32 or bf16, or take another "
                    "file."
                )
