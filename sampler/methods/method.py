"""What a way to sample is: one record of all that the rest of the pack must know of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import ge
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ..known import Known, keep, pasted
from ..ladder import Ladder

if TYPE_CHECKING:
    from ..settings import Settings

__all__ = [
    "Denoise",
    "Descent",
    "Levels",
    "Method",
    "Noise",
    "Run",
    "Step",
    "count_calls",
    "count_visits",
    "ended",
    "most_visits",
    "ruled",
]

Denoise = Callable[[Tensor, int], tuple[Tensor, Tensor | None]]
Noise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Step:
    """What a chain shows after each call of the model.

    Attributes:
        call: Calls so far, from 1.
        calls: Calls in all.
        level: Level reached, 0 when the picture is finished.
        x: State at that level; the finished picture in the last step, known region exact.
        predicted: The model's guess of the finished picture, everywhere.
        known: From `known_at`.
        picture: What is kept.
    """

    call: int
    calls: int
    level: int
    x: Tensor
    predicted: Tensor
    known: Tensor
    picture: Tensor

    @property
    @torch.no_grad()
    def x0(self) -> Tensor:
        """The model's guess of the finished picture, known region in place; made when it is asked for."""
        return keep(self.known, self.picture, self.predicted)


@dataclass(frozen=True)
class Descent:
    """The noise levels that a chain comes down, as far as the order of its visits depends on them.

    Attributes:
        ratios: Noise over signal of each level above the lowest, rising; infinite where no signal is left; (steps,).
        largest: Of these, what drowns a picture of this size, see `respacing.largest_sigma`.
        below: Levels under them that another chain goes on with.
        above: Levels over them that another chain came down.
    """

    ratios: Tensor
    largest: float
    below: int = 0
    above: int = 0

    @classmethod
    def on(cls, ladder: Ladder, largest: float, below: int = 0, above: int = 0) -> "Descent":
        return cls((ladder.noise / ladder.signal)[1:], largest, below, above)

    @property
    def steps(self) -> int:
        return len(self.ratios)


class Levels(Protocol):
    """Order of visits of a descent's levels, first the highest, last 0."""

    def __call__(self, settings: "Settings", descent: Descent) -> list[int]: ...


class Run(Protocol):
    """One chain, a step at a time; stop iterating to stop it.

    Args:
        denoise: Called as denoise(x, level); returns the predicted clean picture and the variance channels or None.
        ladder: Noise levels.
        levels: Order of visits; the last may lie above 0 for a chain that another one finishes.
        x: Start state at `levels[0]`; (B, C, ...).
        x0: The picture to fill, in the model's own range; same shape. What it holds in the unknown region is not used.
        known: 1 where the picture is kept, see `known.py`.
        noise: Returns fresh standard normal noise like its argument.
    """

    def __call__(
        self,
        settings: "Settings",
        denoise: Denoise,
        ladder: Ladder,
        levels: Sequence[int],
        x: Tensor,
        x0: Tensor,
        known: Known,
        noise: Noise,
    ) -> Iterator[Step]: ...


def ruled(loop: Callable[..., Iterator[Step]], *rules: Callable[["Settings"], object]) -> Run:
    """A loop whose last arguments the settings decide.

    Args:
        loop: Takes what a `Run` does, but for the settings, and its rules.
        rules: Of the settings.
    """

    def run(
        settings: "Settings",
        denoise: Denoise,
        ladder: Ladder,
        levels: Sequence[int],
        x: Tensor,
        x0: Tensor,
        known: Known,
        noise: Noise,
    ) -> Iterator[Step]:
        return loop(denoise, ladder, levels, x, x0, known, noise, *(rule(settings) for rule in rules))

    return run


@dataclass(frozen=True)
class Method:
    """A way to sample.

    Attributes:
        name: What users choose it by.
        words: What it does, for people; no sentence, so that a list can be made of them.
        uses: Settings that it reads, of those that some methods do not.
        levels: Its order of levels; a fall or a repeat is a call of the model, a climb is none.
        run: Its loop.
        alike: A part of a chain repeats what the whole would, and cfg is shared alike at all levels, see `guidance.py`.
        guesses_means: It is for models whose guess is the mean of all pictures that the noisy one may have been.
        dip: A level visited again at once is left for this share of its noise, and come back to.
    """

    name: str
    words: str
    uses: tuple[str, ...]
    levels: Levels
    run: Run
    dip: float = 1.0
    alike: bool = False
    guesses_means: bool = True


def count_calls(levels: Sequence[int]) -> int:
    """Model calls of an order of levels.

    >>> count_calls([4, 3, 4, 3, 3, 0])
    4
    """
    return sum(map(ge, levels, levels[1:]))


def count_visits(levels: Sequence[int]) -> Counter[int]:
    """Model calls at each level of an order of levels.

    >>> count_visits([4, 3, 4, 3, 3, 0])
    Counter({4: 2, 3: 2})
    """
    return Counter(compress(levels, map(ge, levels, levels[1:])))


def most_visits(levels: Sequence[int]) -> int:
    """Model calls at the most visited level."""
    return max(count_visits(levels).values())


def ended(known: Tensor, x0: Tensor, x: Tensor, ladder: Ladder, level: int, noise: Noise) -> Tensor:
    """The chain's last state: the known region is the picture itself, or the picture at the level where the chain stops."""
    return keep(known, x0, x) if ladder.ratios[level] == 0 else pasted(known, x0, x, ladder, level, noise(x))
