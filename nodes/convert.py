"""The one place where the host's conventions meet the core's, and where what is not as agreed is turned away."""

import torch
from torch import Tensor

from ..sampler.mask import at_size, paired

__all__ = [
    "image_from_pictures",
    "known_from_mask",
    "masks_from",
    "numbers_only",
    "pictures_and_masks",
    "pictures_from_image",
    "some_masks",
    "to_8_bits",
]

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
LARGEST = 1e15  # of a picture's values: far beyond high dynamic range, and its square is still a float32
NUMBERS = (*FLOATS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def known_from_mask(mask: Tensor | None, like: Tensor) -> Tensor:
    """The host's mask (1 = repaint) as the core's known region (1 = keep).

    Args:
        mask: Any shape that broadcasts to `like`; what resizing or arithmetic left beyond [0, 1] counts as 0 or 1. None
            repaints everything.
        like: The latent.

    Returns:
        float, broadcastable to `like`, on its device.

    Raises:
        ValueError: NaN or infinity.
    """
    if mask is None:
        return torch.zeros((1,) * like.ndim, device=like.device)
    return 1 - numbers_only(mask, "mask").to(like.device, torch.float32).clamp(0, 1)


def to_8_bits(image: Tensor) -> Tensor:
    """[-1, 1] to [0, 1] in steps of 1/255, in place.

    SaveImage truncates instead of rounding, so a known pixel that is off by one part in 10^7 would lose a whole level.
    """
    return image.add_(1).mul_(127.5).round_().clamp_(0, 255).div_(255)


def pictures_from_image(image: Tensor, what: str = "picture") -> Tensor:
    """The host's IMAGE (B, H, W, C) as the core's pictures (B, C, H, W), without a copy.

    Raises:
        ValueError: Another layout, nothing in it, whole numbers, NaN, infinity or absurdly large values.
    """
    if image.ndim != 4 or not image.numel():
        raise ValueError(
            f"The {what} has the shape {tuple(image.shape)}, but must be (pictures, height, width, channels), none of them 0; "
            "look at the node that makes it."
        )
    if image.dtype not in FLOATS:
        raise ValueError(
            f"The {what} holds {kinds(image.dtype)} values, but must hold floating-point ones from 0 to 1; convert it first."
        )
    largest = float(max(end.abs() for end in numbers_only(image, what).aminmax()))
    if largest > LARGEST:
        raise ValueError(
            f"The {what} holds values as large as {largest:.3g}, but must hold ones from 0 to 1; mend the node that makes it."
        )
    return image.movedim(-1, 1)


def image_from_pictures(pictures: Tensor) -> Tensor:
    """The core's pictures as the host's IMAGE."""
    return pictures.movedim(1, -1).contiguous()


def masks_from(mask: Tensor, what: str = "mask") -> Tensor:
    """The host's MASK, of any number of dimensions from 2, as (B, H, W) in [0, 1]; float32.

    Raises:
        ValueError: Fewer dimensions, nothing in it, NaN or infinity.
    """
    return numbers_only(some_masks(mask, what), what).reshape(-1, *mask.shape[-2:]).float().clamp(0, 1)


def some_masks(mask: Tensor, what: str) -> Tensor:
    """The same mask. Raises ValueError if it has fewer than 2 dimensions, or nothing in it."""
    if mask.ndim < 2 or not mask.numel():
        raise ValueError(
            f"The {what} has the shape {tuple(mask.shape)}, but must be (masks, height, width), none of them 0; look at the "
            "node that makes it."
        )
    return mask


def numbers_only(values: Tensor, what: str) -> Tensor:
    """The same values.

    Raises:
        ValueError: Some are NaN or infinite, which would spread over what is to be kept; or they are no plain numbers.
    """
    if values.layout is not torch.strided or values.is_meta or values.dtype not in NUMBERS:
        kind = "meta" if values.is_meta else kinds(values.layout, values.dtype)
        raise ValueError(
            f"The {what} is a tensor of another kind ({kind}), but must be one of plain numbers; convert it first."
        )
    # The ends are NaN if any value is; they take no memory, and one wait for a GPU.
    if values.is_floating_point() and values.numel() and not torch.stack(values.aminmax()).isfinite().all():
        raise ValueError(f"The {what} holds values that are no numbers (NaN or infinite); mend the node that makes it.")
    return values


def kinds(*given: torch.dtype | torch.layout) -> str:
    return " ".join(str(kind).removeprefix("torch.") for kind in given)


def pictures_and_masks(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, str]:
    """Pictures (N, C, H, W) and their masks (N, H, W), and a note if the masks had another size.

    Raises:
        ValueError: Numbers or shapes that do not go together, or what `pictures_from_image` and `masks_from` refuse.
    """
    pictures = pictures_from_image(image)
    masks, note = at_size(masks_from(mask).to(pictures.device), *pictures.shape[-2:])
    return *paired(pictures, masks), note
