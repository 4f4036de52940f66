"""What a node shows: progress and preview while it samples, with the outline of what is painted, and pictures under it."""

import logging
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy.utils
import folder_paths
import latent_preview
from comfy_api.latest import io, ui
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from ..sampler.mask import PAINTED_FROM

__all__ = ["ALONE", "LEAST_SIDE", "Place", "callback", "outlined", "shown_under_node"]

LEAST_SIDE = 256  # of a preview; a line on a smaller one would hide the picture
PAUSE = 0.1  # seconds between two previews: nobody sees more of them, and each waits for the device


@dataclass(frozen=True)
class Place:
    """Of a run among the runs of one node, which make as many calls each."""

    before: int = 0
    runs: int = 1


ALONE = Place()


def callback(
    model, steps: int, mask: Tensor | None, place: Place = ALONE, clock: Callable[[], float] = time.monotonic
) -> Callable[[int, Any, Any, int], None]:
    """What `latent_preview.prepare_callback` gives, with an outline; ten previews a second at most, and always the last one.

    Args:
        model: The patcher that samples.
        steps: Calls, as far as known before the first one.
        mask: 1 is painted, on the latent's grid; None draws no outline.
        place: Of this run.
        clock: Seconds.
    """
    previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)
    bar = comfy.utils.ProgressBar(steps * place.runs)
    lines = None if mask is None else region(mask)
    due = -math.inf

    def show(step: int, x0: Any, x: Any, total: int) -> None:
        nonlocal due
        preview = None
        if previewer and (step + 1 == total or clock() >= due):
            kind, picture, largest = previewer.decode_latent_to_preview_image(
                "JPEG", x0.tensors[0] if x0.is_nested else x0
            )
            preview = (kind, picture if lines is None else outlined(picture, lines), largest)
            due = clock() + PAUSE
        bar.update_absolute(place.before * total + step + 1, place.runs * total, preview)

    return show


def region(mask: Tensor) -> Image.Image:
    """The painted region of the first picture (of a video: of its first frame), black and white."""
    first = mask.reshape(-1, *mask.shape[-2:])[0]
    return Image.fromarray(((first >= PAINTED_FROM) * 255).byte().cpu().numpy())


def outlined(picture: Image.Image, painted: Image.Image) -> Image.Image:
    """A picture with a line around a region: white outside, black inside, to be seen on any ground."""
    if painted.getextrema() in ((0, 0), (255, 255)):
        return picture
    factor = max(1, math.ceil(LEAST_SIDE / max(picture.size)))
    large = picture.resize((factor * picture.width, factor * picture.height), Image.Resampling.NEAREST)
    painted = painted.resize(large.size, Image.Resampling.NEAREST)
    reach = 2 * max(1, max(large.size) // (2 * LEAST_SIDE)) + 1
    outside = ImageChops.subtract(painted.filter(ImageFilter.MaxFilter(reach)), painted)
    inside = ImageChops.subtract(painted, painted.filter(ImageFilter.MinFilter(reach)))
    large.paste("white", mask=outside)
    large.paste("black", mask=inside)
    return large


def shown_under_node(draw: Callable[[], list[Image.Image]]) -> dict[str, Any] | None:
    """What the page shows under a node; None if there is nothing, or it could not be drawn or written.

    Not the host's `PreviewImage`, which draws the file's name from the generator that all of Python shares.

    Args:
        draw: Makes the pictures; what it raises is logged and goes no further.
    """
    try:
        return {"images": saved(pictures), "animated": (False,)} if (pictures := draw()) else None
    except Exception as error:  # whatever it is: a result is worth more than its view
        logging.warning("Mask Guidance: the preview could not be made (%s); the result is not affected.", error)
        return None


def saved(pictures: list[Image.Image]) -> list[ui.SavedResult]:
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    files = [f"mask_guidance_{uuid.uuid4().hex[:12]}_{number}.png" for number in range(len(pictures))]
    for picture, file in zip(pictures, files, strict=True):
        picture.save(folder / file, compress_level=1)
    return [ui.SavedResult(file, "", io.FolderType.temp) for file in files]
