"""What must hold for every output of our nodes, whatever went in: complaints in words, none if it does."""

import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["complaints"]


def numbers(value: Any, dimensions: int, what: str) -> list[str]:
    if not isinstance(value, Tensor):
        return [f"{what} is {type(value).__name__}"]
    if value.ndim != dimensions or not value.numel():
        return [f"{what} has the shape {tuple(value.shape)}"]
    return [] if value.is_floating_point() and bool(value.isfinite().all()) else [f"{what} holds NaN or infinity"]


def image(value: Any) -> list[str]:
    return numbers(value, 4, "IMAGE")


def mask(value: Any) -> list[str]:
    bad = numbers(value, 3, "MASK")
    return bad or ([] if value.min() >= 0 and value.max() <= 1 else ["MASK leaves [0, 1]"])


def latent(value: Any) -> list[str]:
    samples = value.get("samples") if isinstance(value, dict) else None
    return numbers(samples, getattr(samples, "ndim", 4), "LATENT")


def sigmas(value: Any) -> list[str]:
    bad = numbers(value, 1, "SIGMAS")
    return bad or ([] if bool((value[1:] < value[:-1]).all()) and value[-1] == 0 else ["SIGMAS do not fall to 0"])


KINDS = {
    "IMAGE": image,
    "MASK": mask,
    "LATENT": latent,
    "SIGMAS": sigmas,
    "INT": lambda value: [] if type(value) is int else [f"INT is {value!r}"],
    "FLOAT": lambda value: [] if type(value) is float and value - value == 0 else [f"FLOAT is {value!r}"],
    "STRING": lambda value: [] if isinstance(value, str) and value.strip() else [f"STRING is {value!r}"],
}


def same_count(*tensors: Tensor) -> list[Tensor] | None:
    """All with as many pictures, or None."""
    count = max(len(each) for each in tensors)
    if any(len(each) not in (1, count) for each in tensors):
        return None
    return [each.expand(count, *each.shape[1:]) for each in tensors]


def changed(before: Tensor, after: Tensor, masks: Tensor, band: int = 0) -> list[str]:
    """Pixels that changed outside a mask and a band around it; pictures (B, C, ..., H, W), masks (B, H, W)."""
    if before.shape[1:] != after.shape[1:]:
        return [f"{tuple(before.shape)} became {tuple(after.shape)}"]
    if masks.shape[-2:] != after.shape[-2:]:
        if masks.any():
            return []  # of another size: where it lies is the node's to say
        masks = masks.new_zeros(1, *after.shape[-2:])
    sized = same_count(before, after, masks.float())
    if sized is None:
        return []
    before, after, masks = sized
    free = masks > 0
    if band:
        free = F.max_pool2d(free.float()[:, None], 2 * band + 1, 1, band)[:, 0] > 0
    kept = ~free.reshape(len(free), *[1] * (after.ndim - 3), *free.shape[1:]).expand_as(after)
    moved = (before.to(after) != after) & kept
    return [f"{int(moved.sum())} known values changed"] if moved.any() else []


def kept_image(value: Tensor, before: Any, masks: Any, band: int = 0) -> list[str]:
    masks = masks.reshape(-1, *masks.shape[-2:])
    return changed(before.movedim(-1, 1), value.movedim(-1, 1), masks, band)


def kept_latent(value: dict, before: dict, mask_of: dict) -> list[str]:
    masks = mask_of.get("noise_mask")
    if masks is None or masks.ndim < 3 or len(masks) > len(value["samples"]):
        return []  # the host takes the first ones
    if not before["samples"].any() and before["samples"].shape != value["samples"].shape:
        return []  # all zeros are an empty latent, which the host makes fit
    return changed(before["samples"], value["samples"], masks.reshape(-1, *masks.shape[-2:]))


def kept_picture(value: Tensor, before: Tensor, mask_of: dict) -> list[str]:
    """A decoded picture against the one that was encoded."""
    masks = mask_of["noise_mask"]
    return kept_image(value, before, masks)


def placed(value: Tensor, before: Tensor, report: str) -> list[str]:
    """The picture stands untouched in its padding."""
    left, top = map(int, re.search(r"(\d+) px left, (\d+) top", report).groups())
    height, width = before.shape[1:3]
    inside = value[:, top : top + height, left : left + width]
    return [] if torch.equal(inside, before.to(inside)) else ["the padded picture changed"]


COMPARISONS = {
    "kept image": kept_image,
    "kept latent": kept_latent,
    "kept picture": kept_picture,
    "placed": placed,
}


def complaints(rule: dict, value: Any, before: Any = None, other: Any = None) -> list[str]:
    """What is wrong with an output.

    Args:
        rule: {"kind": a key of KINDS} or {"compare": a key of COMPARISONS, and its options}.
        value: The output.
        before: What it came from.
        other: The mask, or the node's report.
    """
    if "kind" in rule:
        return KINDS[rule["kind"]](value) if rule["kind"] in KINDS else []
    options = {key: option for key, option in rule.items() if key != "compare"}
    return COMPARISONS[rule["compare"]](value, before, other, **options)
