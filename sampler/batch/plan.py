"""Which pictures are painted together, which need no painting any more, and what the rest costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

__all__ = ["Group", "Item", "Plan", "groups_of", "share"]


@dataclass(frozen=True)
class Item:
    """One result to make.

    Attributes:
        number: Of the picture in the run; decides its noise.
        variant: Of the result; the seed is the run's plus this.
        name: Of the picture, as the log and the manifest know it.
        picture: Its file; None where everything is painted, and there is none.
        mask: Its mask's file; None for a generated one.
        result: The file to write.
        size: Width and height.
        key: Digest of all that decides the result.
        done: The result is there already.
    """

    number: int
    variant: int
    name: str
    picture: Path | None
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
        calls: Model calls that a picture takes, by its size.
        weights: Hash of the checkpoint.
        bad: Names of the pictures that cannot be used, with the reason.
        done: Results that are there already.
        wanted: Results in all, without the bad ones.
    """

    groups: list[Group]
    calls: dict[tuple[int, int], int]
    weights: str
    bad: dict[str, str] = field(default_factory=dict)
    done: int = 0
    wanted: int = 0

    @property
    def batch_calls(self) -> int:
        """Model calls, counted for each batch."""
        return sum(self.calls_of(group) for group in self.groups)

    @property
    def span(self) -> str:
        """Model calls that a picture takes, in words."""
        counts = sorted({*self.calls.values()}) or [0]
        return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"

    def calls_of(self, group: Group) -> int:
        """Model calls of a batch."""
        return self.calls[group[0].size]


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
