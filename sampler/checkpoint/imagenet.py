"""The names of ImageNet's 1,000 classes, for networks that bring none of their own.

Source of imagenet.txt: the categories of torchvision (https://github.com/pytorch/vision, BSD-3-Clause), which tell apart what
has one name, as "crane" and "crane bird".
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from .classes import ANY

__all__ = ["HasClasses", "imagenet_names", "names_of"]

NAMES = Path(__file__).with_suffix(".txt")  # a line a class


class HasClasses(Protocol):
    """A network's classes: a `Detection`, or a `Classifier`."""

    @property
    def num_classes(self) -> int | None: ...

    @property
    def class_names(self) -> Sequence[str]: ...

    @property
    def null_class(self) -> int | None: ...


@cache
def imagenet_names() -> tuple[str, ...]:
    """By label."""
    return tuple(NAMES.read_text("utf-8").splitlines())


def names_of(found: HasClasses) -> tuple[str, ...]:
    """The names of a network's classes: its own, else ImageNet's where the number of classes says so, else none."""
    own, names = tuple(found.class_names), imagenet_names()
    if found.null_class == len(names):
        names = (*names, ANY)
    return names if not own and found.num_classes == len(names) else own
