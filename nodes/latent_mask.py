"""The mask of a LATENT on the latent's own grid."""

from torch import Tensor

from ..sampler import SOFT_MASKS, known_at
from ..sampler.mask import PAINTED_FROM, grid_report, same_shape, to_grid
from .convert import known_from_mask, numbers_only, some_masks

__all__ = ["on_latent", "painted_share"]


def on_latent(mask: Tensor | None, latent: Tensor, soft_mask: str, snapping: str) -> tuple[Tensor | None, str]:
    """A mask fitted to the latent, and what the report should say about it.

    Args:
        mask: From Set Latent Noise Mask: (B, 1, H, W), or (frames, 1, H, W) for a video; None paints everything.
        latent: (B, C, h, w) or (B, C, t, h, w).
        soft_mask: A key of SOFT_MASKS; "binary" cuts before the mask is fitted, so that no stroke gets fainter.
        snapping: A key of SNAPPING.

    Returns:
        (B or 1, 1, h, w) or (B or 1, 1, t, h, w), and a note.

    Raises:
        ValueError: Wrong shape or number.
    """
    if mask is None:
        return None, "no mask: the whole picture is painted"
    mask = some_masks(mask, "mask").reshape(-1, 1, *mask.shape[-2:])
    frames = latent.shape[2] if latent.ndim == 5 else None
    if frames is None and len(mask) not in (1, len(latent)):
        raise ValueError(
            f"There are {len(mask)} masks for {len(latent)} pictures; use one mask, or one for each picture."
        )
    if frames is not None and not fits_frames(len(mask), frames):
        raise ValueError(
            f"There are {len(mask)} masks for a video of {frames} latent frames; use one mask, one for each of its frames, or "
            "one for each latent frame."
        )
    if not numbers_only(mask, "mask").any():
        return mask.new_zeros(1, 1, *latent.shape[2:]), "the mask is empty: nothing is painted"
    (height, width), (mask_height, mask_width) = latent.shape[-2:], mask.shape[-2:]
    if not same_shape(mask.shape, latent.shape):
        raise ValueError(
            f"The mask is {mask_width}x{mask_height} and the latent {width}x{height}: not the same shape, so the mask would "
            "be stretched; use the mask of this picture."
        )
    largest = float(mask.max())
    if soft_mask == "binary":
        mask = (mask >= PAINTED_FROM).float()
    if not mask.any():
        nothing = mask.new_zeros(1, 1, *latent.shape[2:])
        return nothing, f"no mask value reaches {PAINTED_FROM:g}, the largest is {largest:.3g}: nothing is painted"
    if frames is not None:
        mask = mask.movedim(0, 1)[None]  # a video's masks are its frames
    fitted = to_grid(mask, tuple(latent.shape[2:]), snapping)
    return fitted, "" if fitted.shape == mask.shape else grid_report(mask, fitted)


def fits_frames(masks: int, frames: int) -> bool:
    """Whether masks can be a video's: one for all, one a latent frame, k a latent frame, or 1 and then k a latent frame."""
    return masks == 1 or masks % frames == 0 or (masks > frames > 1 and (masks - 1) % (frames - 1) == 0)


def painted_share(mask: Tensor | None, latent: Tensor, soft_mask: str) -> float:
    """Share of the latent that is painted at least in part, 0 to 1."""
    if mask is None:
        return 1.0
    known = SOFT_MASKS[soft_mask](known_from_mask(mask, latent), 1)
    return float((known_at(known, 0, latent) < 1).float().mean())
