"""The two ways to resample, as a table: RePaint as published, and RePaint with feedback.

A setting says what both have in common; a method knows its order of levels, what that costs, and its loop.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from .feedback import Feedback, count_repeated, feedback, repeated_levels
from .known import Known
from .ladder import Ladder
from .repaint import EVERYWHERE, Denoise, Step, count_model_calls, repaint, repaint_levels

__all__ = ["METHODS", "Resampling"]


@dataclass(frozen=True)
class Resampling:
    """How a chain resamples.

    Attributes:
        method: A key of METHODS.
        r: Times each stretch (repaint) or level (feedback) is sampled, >= 1.
        j: Levels climbed per jump (repaint), >= 1.
        start: No jump above this level (repaint).
        var_type: Variance of a step down (repaint), see `posterior.VAR_TYPES`.
        strength: Of the residual that is fed back (feedback), 0 to 1.
    """

    method: str = "repaint"
    r: int = 10
    j: int = 10
    start: int = EVERYWHERE
    var_type: str = "auto"
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"Unknown method '{self.method}'; choose one of {', '.join(METHODS)}.")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"The strength of feedback goes from 0 to 1, not to {self.strength:g}.")

    def levels(self, steps: int, below: int = 0, above: int = 0) -> list[int]:
        """Order of visits on a ladder of so many steps.

        Args:
            steps: Levels of the ladder.
            below: Levels under it that another chain goes on with. Feedback repeats what the whole chain would; repaint's
                jumps keep to the part.
            above: Levels over it that another chain came down.
        """
        return METHODS[self.method].levels(self, steps, below, above)

    def count(self, steps: int) -> int:
        """Model calls of `levels(steps)`."""
        return METHODS[self.method].count(self, steps)

    def chain(
        self,
        denoise: Denoise,
        ladder: Ladder,
        x: Tensor,
        x0: Tensor,
        known: Known,
        noise: Callable[[Tensor], Tensor],
        levels: Sequence[int] | None = None,
    ) -> Iterator[Step]:
        """Run it; arguments as for `repaint` and `feedback`."""
        levels = self.levels(ladder.steps) if levels is None else levels
        return METHODS[self.method].chain(self, denoise, ladder, levels, x, x0, known, noise)


@dataclass(frozen=True)
class Method:
    levels: Callable[[Resampling, int, int, int], list[int]]
    count: Callable[[Resampling, int], int]
    chain: Callable[..., Iterator[Step]]


def part(levels: list[int], low: int, high: int) -> list[int]:
    """The visits of a falling order from one level to another, counted from the lower one."""
    return [*(level - low for level in levels if low < level <= high), 0]


METHODS = {
    "feedback": Method(
        lambda s, steps, below, above: part(repeated_levels(below + steps + above, s.r), below, below + steps),
        lambda s, steps: count_repeated(steps, s.r),
        lambda s, *chain: feedback(*chain, Feedback(strength=s.strength)),
    ),
    "repaint": Method(
        lambda s, steps, below, above: repaint_levels(steps, s.j, s.r, s.start),
        lambda s, steps: count_model_calls(steps, s.j, s.r, s.start),
        lambda s, *chain: repaint(*chain, s.var_type),
    ),
}
