"""How often something is called."""

from collections.abc import Callable
from typing import Any

__all__ = ["Counted"]


class Counted:
    """A function and the number of its calls."""

    def __init__(self, call: Callable[..., Any]):
        self.call, self.calls = call, 0

    def __call__(self, *arguments: object, **words: object) -> Any:
        self.calls += 1
        return self.call(*arguments, **words)
