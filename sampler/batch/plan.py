"""Which pictures are painted together, which need no painting any more, and what the rest costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from ..methods.method import count_calls
from ..settings import Settings

__all__ = ["Group", "Item", "Plan", "groups_of", "model_calls", "share"]


@dataclass(frozen=True)
class Item:
    """One result to make.

    Attributes:
        number: Of the picture in the run; decides its noise.
        variant: Of the result; the seed is the run's plus this.
        name: Of the picture, as the log and the manifest know it.
        picture: Its file.
        mask: Its mask's file; None for a generated one.
        result: The file to write.
        size: Width and height.
        key: Digest of all that decides the result.
        done: The result is there already.
    """

    number: int
    variant: int
    name: str
    picture: Path
    mask: Path | None
    result: Path
    size: tuple[int, int]
    key: str
    picture_hash: str
    mask_hash: str
    done: bool = False


Group = tuple[Item, ...]


@dataclass(frozen=True)
class Plan:
    """A run's work.

    Attributes:
        groups: What is painted in one batch, only those with something left to do.
        calls: Model calls that one picture takes.
        weights: Hash of the checkpoint.
        bad: Names of the pictures that cannot be used, with the reason.
        done: Results that are there already.
        wanted: Results in all, without the bad ones.
    """

    groups: list[Group]
    calls: int
    weights: str
    bad: dict[str, str] = field(default_factory=dict)
    done: int = 0
    wanted: int = 0

    @property
    def batch_calls(self) -> int:
        """Model calls, counted for each batch."""
        return self.calls * len(self.groups)


def model_calls(settings: Settings, steps: int) -> int:
    """Model calls of one chain over `steps` timesteps."""
    return count_calls(settings.levels(steps))


def groups_of(items: Sequence[Item], micro_batch: int) -> list[Group]:
    """Items by the batch they are painted in; batches with nothing left to do are left out.

    A picture's number alone decides its batch, never the number of processes or what an earlier start has finished: the
    last bits of a convolution depend on the size of its batch. So a batch with one result missing is painted whole.
    """

    def batch(item: Item) -> tuple[int, int, tuple[int, int]]:
        return item.variant, item.number // micro_batch, item.size

    groups = [tuple(members) for _, members in groupby(sorted(items, key=lambda i: (*batch(i), i.number)), key=batch)]
    return [group for group in groups if not all(item.done for item in group)]


def share(groups: Sequence[Group], rank: int, processes: int) -> list[Group]:
    """One process's part of the work."""
    return list(groups[rank::processes])
