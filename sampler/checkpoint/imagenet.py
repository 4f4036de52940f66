"""The names of ImageNet's 1,000 classes, for networks that bring none of their own."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

__all__ = ["HasClasses", "imagenet_names", "names_of"]

NAMES = Path(__file__).with_suffix(".txt")  # a line a class; the first name of each


class HasClasses(Protocol):
    """A network's classes: a `Detection`, or a `Classifier`."""

    @property
    def num_classes(self) -> int | None: ...

    @property
    def class_names(self) -> Sequence[str]: ...


@cache
def imagenet_names() -> tuple[str, ...]:
    """By label."""
    return tuple(NAMES.read_text("utf-8").splitlines())


def names_of(found: HasClasses) -> tuple[str, ...]:
    """The names of a network's classes: its own, else ImageNet's where the number of classes says so, else none."""
    names = imagenet_names()
    return names if not found.class_names and found.num_classes == len(names) else tuple(found.class_names)
