"""The one place where the host's conventions meet the core's."""

from collections.abc import Callable

import comfy.model_management
import torch
from torch import Tensor

from ..sampler.mask import at_size, in_chunks, paired

__all__ = [
    "REPAINT_FROM",
    "colour_from_hex",
    "coverage_in_words",
    "image_from_pictures",
    "known_from_mask",
    "masks_from",
    "on_device",
    "pictures_and_masks",
    "pictures_from_image",
    "to_8_bits",
]

REPAINT_FROM = 0.5  # mask values from here on are painted


def known_from_mask(mask: Tensor | None, like: Tensor) -> Tensor:
    """The host's mask (1 = repaint) as the core's known region (1 = keep).

    Args:
        mask: Any shape that broadcasts to `like`; what resizing or arithmetic left beyond [0, 1] counts as 0 or 1. None
            repaints everything.
        like: The latent.

    Returns:
        float, broadcastable to `like`, on its device.
    """
    if mask is None:
        return torch.zeros((1,) * like.ndim, device=like.device)
    return 1 - mask.to(like.device, torch.float32).clamp(0, 1)


def to_8_bits(image: Tensor) -> Tensor:
    """[-1, 1] to [0, 1] in steps of 1/255, in place.

    SaveImage truncates instead of rounding, so a known pixel that is off by one part in 10^7 would lose a whole level.
    """
    return image.add_(1).mul_(127.5).round_().clamp_(0, 255).div_(255)


def pictures_from_image(image: Tensor) -> Tensor:
    """The host's IMAGE (B, H, W, C) as the core's pictures (B, C, H, W), without a copy."""
    return image.movedim(-1, 1)


def image_from_pictures(pictures: Tensor) -> Tensor:
    """The core's pictures as the host's IMAGE."""
    return pictures.movedim(1, -1).contiguous()


def masks_from(mask: Tensor) -> Tensor:
    """The host's MASK, of any number of dimensions from 2, as (B, H, W) in [0, 1]."""
    return mask.reshape(-1, *mask.shape[-2:]).float().clamp(0, 1)


def pictures_and_masks(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, str]:
    """Pictures (N, C, H, W) and their masks (N, H, W), and a note if the masks had another size.

    Raises:
        ValueError: Numbers or shapes that do not go together.
    """
    pictures = pictures_from_image(image)
    masks, note = at_size(masks_from(mask), *pictures.shape[-2:])
    return *paired(pictures, masks), note


def on_device(step: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """A step of the core on the host's compute device, some pictures at a time; Apple's, without float64, is left alone."""
    device, back = comfy.model_management.get_torch_device(), tensors[0].device
    if comfy.model_management.is_device_mps(device):
        device = back
    return in_chunks(lambda *parts: step(*(part.to(device) for part in parts)).to(back), *tensors)


def coverage_in_words(masks: Tensor) -> str:
    """How much is masked, soft values in proportion."""
    share = float(masks.mean())
    if share == 0:
        return "the mask is empty"
    return "everything is masked" if share == 1 else f"{100 * share:.4g} % masked"


def colour_from_hex(text: str) -> tuple[float, float, float]:
    """'#rrggbb' as red, green, blue in [0, 1]."""
    digits = text.strip().lstrip("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"The colour is '{text}', but must look like #ff8000 (red, green, blue).") from None
    return red / 255, green / 255, blue / 255
