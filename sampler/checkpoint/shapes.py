"""What keys and shapes tell of an architecture. Both are a stranger's: numbers in keys are counted, never trusted."""

import re
from collections.abc import Iterable, Mapping

from .error import CheckpointError

__all__ = ["Shapes", "numbered", "side"]

Shapes = Mapping[str, tuple[int, ...]]


def side(shape_of: Shapes, key: str, axis: int = 0) -> int:
    """The length of a tensor along an axis.

    Raises:
        CheckpointError: There is no such tensor, or nothing in it.
    """
    shape = shape_of.get(key, ())
    if len(shape) <= axis or shape[axis] < 1:
        raise CheckpointError(f"This checkpoint has a hole: {key} is missing or empty; download it again.")
    return shape[axis]


def numbered(keys: Iterable[str], part: str, most: int = 1000, called: str = "parts of a kind") -> int:
    """How many parts of a kind a network has, "down" for down.0., down.1. and so on.

    Args:
        keys: Of its tensors.
        part: How the keys of such a part begin.
        most: No network of its kind has more.
        called: In a sentence.

    Raises:
        CheckpointError: None, or one is missing, or there are more than that.
    """
    pattern = re.compile(re.escape(part) + r"\.(\d{1,3})\.")
    numbers = {int(match[1]) for key in keys if (match := pattern.match(key))}
    missing = next((number for number in range(len(numbers)) if number not in numbers), None)
    if not numbers or missing is not None:
        raise CheckpointError(f"This checkpoint has a hole: {part}.{missing or 0} is missing; download it again.")
    if len(numbers) > most:
        raise CheckpointError(f"This network has {len(numbers)} {called}, more than any of its kind; it is damaged.")
    return len(numbers)
