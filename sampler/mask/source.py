"""Masks out of pictures: transparency, a channel, a colour, a range of brightness."""

import torch
from torch import Tensor

__all__ = ["CHANNELS", "brightness", "from_alpha", "from_channel", "from_colour", "from_luminance"]

CHANNELS = {"red": 0, "green": 1, "blue": 2, "alpha": 3}
REC_709 = (0.2126, 0.7152, 0.0722)  # how bright red, green and blue look


def from_alpha(pictures: Tensor) -> Tensor:
    """Masked where transparent, as the host's Load Image does it.

    Args:
        pictures: (B, 4, H, W) in [0, 1].

    Returns:
        1 - alpha; (B, H, W).

    Raises:
        ValueError: No fourth channel.
    """
    return 1 - from_channel(pictures, "alpha")


def from_channel(pictures: Tensor, channel: str) -> Tensor:
    """One channel as a mask; (B, C, H, W) to (B, H, W)."""
    if channel not in CHANNELS:
        raise ValueError(f"The channel is '{channel}', but must be one of: {', '.join(CHANNELS)}.")
    if pictures.shape[1] <= CHANNELS[channel]:
        raise ValueError(
            f"The picture has {pictures.shape[1]} channels and no {channel}; Load Image drops transparency from its IMAGE and "
            "gives it as MASK: use that one."
        )
    return pictures[:, CHANNELS[channel]].clamp(0, 1)


def from_colour(pictures: Tensor, colour: tuple[float, float, float], tolerance: float, softness: float = 0) -> Tensor:
    """Masked where a picture has about this colour.

    Args:
        pictures: (B, C, H, W) in [0, 1]; one channel is grey, of three or more the first three are the colour.
        colour: Red, green, blue in [0, 1].
        tolerance: Largest difference in any of the three that still counts, in [0, 1].
        softness: Over so much more difference the mask falls to 0; 0 is a hard edge.

    Returns:
        (B, H, W).

    Raises:
        ValueError: Two channels.
    """
    if pictures.shape[1] == 2:
        raise ValueError("The picture has 2 channels, and no colour; take its red or green channel, or its brightness.")
    wanted = torch.tensor(colour, dtype=pictures.dtype, device=pictures.device)[:, None, None]
    return falling((pictures[:, :3] - wanted).abs().amax(1) - tolerance, softness)


def from_luminance(pictures: Tensor, low: float, high: float, softness: float = 0) -> Tensor:
    """Masked where brightness lies in a range.

    Args:
        pictures: (B, C, H, W) in [0, 1]; one channel is brightness itself, three or more are weighed as in Rec. 709.
        low: Darkest that counts, in [0, 1].
        high: Brightest that counts.
        softness: Over so much beyond the range the mask falls to 0.

    Returns:
        (B, H, W).

    Raises:
        ValueError: low above high.
    """
    if low > high:
        raise ValueError(f"The range of brightness starts at {low:g} and ends at {high:g}; swap them.")
    bright = brightness(pictures)
    return falling(torch.maximum(low - bright, bright - high), softness)


def brightness(pictures: Tensor) -> Tensor:
    """One channel is brightness itself, three or more are weighed as in Rec. 709; (B, C, H, W) to (B, H, W)."""
    if pictures.shape[1] < 3:
        return pictures[:, 0]
    weights = torch.tensor(REC_709, dtype=pictures.dtype, device=pictures.device)[:, None, None]
    return (pictures[:, :3] * weights).sum(1)


# Half a level of 8 bits: a colour typed as 0.5 means the level next to it.
SLACK = 0.5 / 255


def falling(excess: Tensor, softness: float) -> Tensor:
    """1 up to an excess of 0, falling to 0 over the softness."""
    if softness <= 0:
        return (excess <= SLACK).to(excess.dtype)
    return (1 - (excess - SLACK) / softness).clamp(0, 1)
