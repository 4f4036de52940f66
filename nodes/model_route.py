"""What the page asks of a model's file before anything runs: its classes, and the size that it paints.

GET /mask_guidance/model?file=eight_styles_64.safetensors
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from ..sampler.checkpoint import CheckpointError
from ..sampler.recognition import files_that_count, recognise
from . import model_folder
from .class_names import names_of

__all__ = ["answer", "register"]

PATH = "/mask_guidance/model"
MOST = 32  # files whose answers are kept

one_at_a_time = ThreadPoolExecutor(1, "mask_guidance_model")  # a file may have gigabytes


def register() -> None:
    """Add the route to the host's server, if there is one, once (the pack may be installed twice)."""
    from server import PromptServer  # here: this file's logic needs no host

    routes = getattr(getattr(PromptServer, "instance", None), "routes", None)
    if routes is not None and not any(route.path == PATH for route in routes):
        routes.get(PATH)(reply)


async def reply(request):
    from aiohttp import web

    file = request.query.get("file", "")
    return web.json_response(await asyncio.get_running_loop().run_in_executor(one_at_a_time, answer, file))


def answer(file: str) -> dict:
    """A file, by its name in the loader's list, to what is in it.

    Returns:
        classes: How many; 0 for a model that takes no label.
        names: Of all of them, or empty.
        any: The label that stands for "any class", or None.
        size: Side of the pictures that it was trained on, in pixels; 0 where nobody says.

        Or error: a sentence that says why it cannot be told.
    """
    if file not in model_folder.names():
        return {"error": f"'{file:.200}' is not in models/guided_diffusion."}
    path = model_folder.path_of(file)
    try:
        stamps = tuple((each.stat().st_mtime_ns, each.stat().st_size) for each in files_that_count(path))
        return read(path, stamps)
    except (CheckpointError, OSError) as error:
        return {"error": str(error)}


@lru_cache(MOST)
def read(path: Path, stamps: tuple) -> dict:
    """`stamps` change with the file and what lies beside it."""
    found = recognise(path, probe=False).detection
    return {
        "classes": found.num_classes or 0,
        "names": [*names_of(found)],
        "any": found.null_class,
        "size": found.image_size,
    }
