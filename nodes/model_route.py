"""What the page asks of a model's or a classifier's file before anything runs: its classes, and the size of its pictures.

GET /mask_guidance/model?file=eight_styles_64.safetensors
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ..sampler.checkpoint import CheckpointError
from ..sampler.checkpoint.imagenet import names_of
from . import routes
from .model_files import classifier_of, detection_of

__all__ = ["answer", "register"]

PATH = "/mask_guidance/model"

one_at_a_time = ThreadPoolExecutor(1, "mask_guidance_model")  # a file may have gigabytes


def register() -> None:
    routes.offer("get", PATH, reply)


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
    try:
        found = detection_of(file)
    except (CheckpointError, OSError) as error:
        judge = classifier_of(file)
        if judge is None:
            return {"error": str(error)}
        return {"classes": judge.num_classes, "names": [*names_of(judge)], "any": None, "size": judge.image_size}
    if found is None:
        return {"error": f"'{file:.200}' is not in models/guided_diffusion."}
    return {
        "classes": found.num_classes or 0,
        "names": [*names_of(found)],
        "any": found.null_class,
        "size": found.image_size,
    }
