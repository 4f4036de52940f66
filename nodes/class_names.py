"""The names of a model's classes, for its nodes and for the page, which asks before anything runs.

GET /mask_guidance/classes?model=eight_styles_64.safetensors
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from ..sampler.checkpoint import CheckpointError, Detection
from ..sampler.recognition import files_that_count, recognise
from . import model_folder

__all__ = ["answer", "names_of", "register"]

PATH = "/mask_guidance/classes"
IMAGENET_CLASSES = 1000
MOST = 32  # files whose answers are kept

one_at_a_time = ThreadPoolExecutor(1, "mask_guidance_classes")  # a file may have gigabytes


def names_of(detection: Detection) -> tuple[str, ...]:
    """Names of a model's classes: its own, else ImageNet's where the number of classes says so, else none."""
    if detection.class_names or detection.num_classes != IMAGENET_CLASSES:
        return detection.class_names
    from torchvision.models import ResNet50_Weights  # part of the host; its table of names, no weights

    return tuple(ResNet50_Weights.DEFAULT.meta["categories"])


def register() -> None:
    """Add the route to the host's server, if there is one, once (the pack may be installed twice)."""
    from server import PromptServer  # here: this file's logic needs no host

    routes = getattr(getattr(PromptServer, "instance", None), "routes", None)
    if routes is not None and not any(route.path == PATH for route in routes):
        routes.get(PATH)(reply)


async def reply(request):
    from aiohttp import web

    name = request.query.get("model", "")
    return web.json_response(await asyncio.get_running_loop().run_in_executor(one_at_a_time, answer, name))


def answer(name: str) -> dict:
    """A model's file, by its name in the loader's list, to its classes.

    Returns:
        classes: How many; 0 for a model that takes no label.
        names: Of all of them, or empty.
        any: The label that stands for "any class", or None.

        Or error: a sentence that says why it cannot be told.
    """
    if name not in model_folder.names():
        return {"error": f"'{name:.200}' is not in models/guided_diffusion."}
    path = model_folder.path_of(name)
    try:
        stamps = tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in files_that_count(path))
        return read(path, stamps)
    except (CheckpointError, OSError) as error:
        return {"error": str(error)}


@lru_cache(MOST)
def read(path: Path, stamps: tuple) -> dict:
    """`stamps` change with the file and what lies beside it."""
    detection = recognise(path, probe=False).detection
    return {"classes": detection.num_classes or 0, "names": [*names_of(detection)], "any": detection.null_class}
