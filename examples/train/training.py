"""What the trainings share: a killed run goes on from its last checkpoint, and the result is a running mean of the weights."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

__all__ = ["follow", "go_on", "keep", "write_whole"]


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """A whole file, or the one before."""
    partial = path.with_suffix(".partial")
    write(partial)
    partial.replace(path)


def keep(checkpoint: Path, parts: Mapping[str, Any], **numbers: float) -> None:
    """Write networks and optimizer by their names, and how far the run is."""
    state = {name: part.state_dict() for name, part in parts.items()} | numbers
    write_whole(checkpoint, lambda path: torch.save(state, path))


def go_on(checkpoint: Path, parts: Mapping[str, Any], **numbers: float) -> tuple[float, ...]:
    """Load the parts and return the numbers of a checkpoint; where there is none yet, the numbers given."""
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        numbers = {name: state[name] for name in numbers}
    return tuple(numbers.values())


def follow(means: Iterable[torch.Tensor], trained: Iterable[torch.Tensor], share: float, step: int) -> None:
    """Keep a share of the running mean, in place; less of it at first, where it holds untrained weights."""
    torch._foreach_lerp_(list(means), list(trained), 1 - min(share, (1 + step) / (10 + step)))
