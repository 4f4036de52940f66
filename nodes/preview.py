"""What a node shows: progress and preview while it samples, with the outline of what is painted, and results under it."""

import logging
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import comfy.utils
import latent_preview
import torch
import torch.nn.functional as F
from comfy_api.latest import io, ui
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from ..sampler.mask import PAINTED_FROM

__all__ = ["ALONE", "Place", "before_and_after", "callback", "outlined", "shown_under_node"]

LEAST_SIDE = 256  # of a preview; a line on a smaller one would hide the picture


@dataclass(frozen=True)
class Place:
    """Of a run among the runs of one node, which make as many calls each."""

    before: int = 0
    runs: int = 1


ALONE = Place()


def callback(model, steps: int, mask: Tensor | None, place: Place = ALONE) -> Callable[[int, Any, Any, int], None]:
    """What `latent_preview.prepare_callback` gives, with an outline.

    Args:
        model: The patcher that samples.
        steps: Calls, as far as known before the first one.
        mask: 1 is painted, on the latent's grid; None draws no outline.
        place: Of this run.
    """
    previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)
    bar = comfy.utils.ProgressBar(steps * place.runs)
    lines = None if mask is None else region(mask)

    def show(step: int, x0: Any, x: Any, total: int) -> None:
        preview = None
        if previewer:
            kind, picture, largest = previewer.decode_latent_to_preview_image(
                "JPEG", x0.tensors[0] if x0.is_nested else x0
            )
            preview = (kind, picture if lines is None else outlined(picture, lines), largest)
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
    outside = ImageChops.subtract(painted.filter(ImageFilter.MaxFilter(3)), painted)
    inside = ImageChops.subtract(painted, painted.filter(ImageFilter.MinFilter(3)))
    large.paste("white", mask=outside)
    large.paste("black", mask=inside)
    return large


def before_and_after(before: Tensor, after: Tensor, mask: Tensor) -> Tensor:
    """The first picture as it was, with a white line around its mask, and as it is; IMAGE (2, H, W, C).

    Args:
        before: (B, C, H, W).
        after: Like before.
        mask: (B, H, W).
    """
    inside = (mask[:1, None] > 0).float()
    line = (F.max_pool2d(inside, 3, 1, 1) - inside).to(before)
    return torch.cat([torch.lerp(before[:1], torch.ones_like(before[:1]), line), after[:1]]).movedim(1, -1)


def shown_under_node(pictures: Tensor) -> dict[str, Any] | None:
    """What the page shows under a node; None where the temp folder takes no files, for a result is worth more than its view.

    Not the host's `PreviewImage`, which draws the file's name from the generator that all of Python shares.

    Args:
        pictures: IMAGE (B, H, W, C), of any number of channels.
    """
    seen = pictures[..., :3] if pictures.shape[-1] >= 3 else pictures[..., :1].expand(-1, -1, -1, 3)
    name = f"mask_guidance_{uuid.uuid4().hex[:8]}"
    try:
        saved = ui.ImageSaveHelper.save_images(seen.float(), name, io.FolderType.temp, None, compress_level=1)
    except OSError as error:
        logging.warning("Mask Guidance: the preview could not be written (%s); the result is not affected.", error)
        return None
    return {"images": saved, "animated": (False,)}
