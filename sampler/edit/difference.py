"""How far two pictures differ, in units of what they differ by where nothing was changed."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .texture import box_mean

__all__ = ["SMOOTH", "differences", "noise_level", "opponent"]

SMOOTH = 1  # pixels: reach of the mean, taken twice, that takes grain, JPEG and lost sharpness out of a difference
LEAST_PART, FALLING = 48, 0.75  # pixels of the last part of them by local detail; how much of the rest the others leave
NORMAL = {0.5: 0.6745, 0.25: 0.3186}  # quantiles of |x| for a standard normal x
LEAST = (1.0 / 255, 0.7 / 255, 0.7 / 255)  # noise of brightness and of both colours that is always allowed
SAMPLES = 2**16  # pixels that a noise level is measured on
TO_OPPONENT = ((0.299, 0.587, 0.114), (0.5, -0.419, -0.081), (-0.169, -0.331, 0.5))


def opponent(pictures: Tensor) -> Tensor:
    """Red, green, blue as brightness and two colours, whose noise is about independent; one channel stays one."""
    if pictures.shape[1] < 3:
        return pictures[:, :1]
    matrix = torch.tensor(TO_OPPONENT, dtype=pictures.dtype, device=pictures.device)
    return torch.einsum("oc,bchw->bohw", matrix, pictures[:, :3])


def slopes(pictures: Tensor) -> Tensor:
    """Largest step to a neighbour near each pixel: what a slight shift would change there. (B, C, H, W)."""
    padded = F.pad(pictures, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]).abs()
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]).abs()
    return F.max_pool2d(torch.maximum(across, down) / 2, 5, 1, 2)


def differences(original: Tensor, edited: Tensor, known: Tensor, quantile: float = 0.5) -> Tensor:
    """Differences over their noise level, which is measured on the known part for each amount of local detail.

    Args:
        original: (1, C, H, W) in [0, 1].
        edited: Laid over it, colours matched; the same.
        known: Where nothing was changed, as far as is known yet; bool (1, 1, H, W).
        quantile: Of the known differences, that says what their noise is: 0.25 where much of the known may have changed.

    Returns:
        Square root of the sum of squares over brightness and colours; 1 is usual, (1, 1, H, W).
    """
    one, other = (box_mean(box_mean(opponent(picture), SMOOTH), SMOOTH) for picture in (original, edited))
    slope = slopes(one)
    total = torch.zeros_like(one[:, :1])
    for channel in range(one.shape[1]):
        away = (one - other)[:, channel : channel + 1].abs()
        noise = noise_level(away, slope[:, channel : channel + 1], known, LEAST[channel], quantile)
        total += (away / noise) ** 2
    return total.sqrt()


def noise_level(away: Tensor, slope: Tensor, known: Tensor, least: float, quantile: float) -> Tensor:
    """A quantile of differences among pixels of about the same slope, as the deviation of a normal distribution.

    Args:
        away: Differences, 0 or more; (1, 1, H, W).
        slope: (1, 1, H, W).
        known: Pixels to measure on; bool (1, 1, H, W).
        least: What is allowed anywhere.
        quantile: A key of NORMAL.

    Returns:
        Rises with the slope; as `away`.
    """
    seen, at = away[known], slope[known]
    if len(seen) < LEAST_PART:
        return torch.full_like(away, least)
    stride = -(-len(seen) // SAMPLES)
    at, order = at[::stride].sort()
    seen = seen[::stride][order]
    parts = [(at[first:last], seen[first:last]) for first, last in spans(len(at))]
    where = torch.stack([part.median() for part, _ in parts])
    level = torch.stack([part.quantile(quantile) / NORMAL[quantile] for _, part in parts])
    level = level.flip(0).cummin(0).values.flip(0)  # a level that much of the change fell into is no noise
    return interpolated(slope, where, level.clamp(min=least))


def spans(count: int) -> list[tuple[int, int]]:
    """Sorted values in parts that get smaller towards the end: edges are few in a picture, and differ most."""
    ends, left = [0], float(count)
    while left > 2 * LEAST_PART:
        left *= FALLING
        ends.append(count - int(left))
    return list(zip(ends, [*ends[1:], count], strict=True))


def interpolated(values: Tensor, where: Tensor, level: Tensor) -> Tensor:
    """A line through points, from left to right; beyond the last one it rises as from the origin through it."""
    right = torch.searchsorted(where, values.flatten()).clamp(max=len(where) - 1)
    left = (right - 1).clamp(min=0)
    span = (where[right] - where[left]).clamp(min=1e-9)
    share = ((values.flatten() - where[left]) / span).clamp(0, 1)
    line = torch.lerp(level[left], level[right], share)
    beyond = values.flatten() / where[-1].clamp(min=1e-9)
    return (line * beyond.clamp(min=1)).reshape(values.shape)
