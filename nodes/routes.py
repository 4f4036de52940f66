"""What the page may ask the host's server."""

from collections.abc import Callable
from typing import Any

__all__ = ["offer"]


def offer(method: str, path: str, reply: Callable[[Any], Any]) -> None:
    """Add a route to the host's server, if there is one, once (the pack may be installed twice).

    Args:
        method: "get" or "post".
        path: Begins with /mask_guidance.
        reply: aiohttp's handler.
    """
    from server import PromptServer  # here: the routes' own files need no host

    routes = getattr(getattr(PromptServer, "instance", None), "routes", None)
    if routes is not None and not any(route.path == path for route in routes):
        getattr(routes, method)(path)(reply)
