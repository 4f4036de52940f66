"""Fill the masked part of pictures with something plain: what a sampler starts from."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..noise import ImageNoise
from .batch import in_chunks
from .distances import nearest_inside
from .grid import PAINTED_FROM
from .precision import widened

__all__ = ["FILLS", "fill", "flow_in"]

GREY = 0.5
RELAXATIONS = 2  # smoothing passes at each size of the pyramid; they take the corners off the interpolation


def fill(pictures: Tensor, mask: Tensor, how: str, seed: int = 0) -> Tensor:
    """Pictures with their masked part replaced; soft masks mix in proportion, unmasked pixels do not change.

    Args:
        pictures: (B, C, H, W), in [0, 1].
        mask: (B, H, W), in [0, 1].
        how: "neutral": grey. "noise": random, with the mean and spread of the known colours. "mean colour": of the known
            part. "smooth": colours flow in from the rim. "edge extend": the colour of the nearest known pixel.
        seed: Of the noise; picture k of a batch is picture k alone.

    Returns:
        (B, C, H, W). A picture without anything known becomes grey, or noise about grey.

    Raises:
        ValueError: Unknown name.
    """
    if how not in FILLS:
        raise ValueError(f"The fill is '{how}', but must be one of: {', '.join(FILLS)}.")

    def step(part: Tensor, masks: Tensor, *noise: Tensor) -> Tensor:
        full = widened(part)
        masked = masks[:, None].to(full)
        return torch.lerp(full, FILLS[how](full, 1 - masked, *noise), masked).to(part.dtype)

    noise = [ImageNoise(seed, range(len(pictures)), "fill")(pictures)] if how == "noise" else []
    return in_chunks(step, pictures, mask, *noise)


def neutral(pictures: Tensor, known: Tensor) -> Tensor:
    grey = torch.full_like(pictures, GREY)
    grey[:, 3:] = 1  # opaque, if there is a fourth channel
    return grey


def mean_and_spread(pictures: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Of the known colours; (B, C, 1, 1) each. Grey and a quarter where nothing is known."""
    share = known.double().sum((-1, -2), keepdim=True)
    weight = known.double() / share.clamp(min=1e-9)
    mean = (pictures * weight).sum((-1, -2), keepdim=True)
    spread = ((pictures - mean) ** 2 * weight).sum((-1, -2), keepdim=True).sqrt()
    some = share > 0
    return torch.where(some, mean, GREY).to(pictures), torch.where(some, spread, 0.25).to(pictures)


def mean_colour(pictures: Tensor, known: Tensor) -> Tensor:
    return mean_and_spread(pictures, known)[0].expand_as(pictures)


def noisy(pictures: Tensor, known: Tensor, noise: Tensor) -> Tensor:
    mean, spread = mean_and_spread(pictures, known)
    return (mean + spread * noise).clamp(0, 1)


def smooth(pictures: Tensor, known: Tensor) -> Tensor:
    nothing = ~known.flatten(1).any(1)
    known = torch.where(nothing[:, None, None, None], 1, known)
    pictures = torch.where(nothing[:, None, None, None], GREY, pictures)
    return flow_in(pictures, known)


def flow_in(pictures: Tensor, known: Tensor) -> Tensor:
    """Colours flow from known pixels into the others, over a pyramid of halved pictures (Gortler et al. 1996, push-pull).

    Args:
        pictures: (B, C, H, W).
        known: How much each pixel is known, in [0, 1], not all 0 in any picture; (B, 1, H, W).

    Returns:
        As `pictures`; what is fully known is unchanged.
    """
    size = pictures.shape[-2:]
    if size == (1, 1) or bool((known == 1).all()):
        return pictures
    share = F.avg_pool2d(known, 2, ceil_mode=True, count_include_pad=False)
    colour = F.avg_pool2d(pictures * known, 2, ceil_mode=True, count_include_pad=False) / share.clamp(min=1e-9)
    coarse = flow_in(colour, (4 * share).clamp(max=1))
    out = torch.lerp(F.interpolate(coarse, size, mode="bilinear", align_corners=False), pictures, known)
    for _ in range(RELAXATIONS):
        around = F.avg_pool2d(F.pad(out, (1, 1, 1, 1), mode="replicate"), 3, 1)
        out = torch.lerp(around, pictures, known)
    return out


def edge_extend(pictures: Tensor, known: Tensor) -> Tensor:
    """Known is what is not masked at all; where everything is a little masked, what is masked less than half."""
    sure = known[:, 0] == 1
    sure = torch.where(sure.flatten(1).any(1)[:, None, None], sure, known[:, 0] > 1 - PAINTED_FROM)
    nothing = ~sure.flatten(1).any(1)[:, None, None]
    nearest = nearest_inside(sure | nothing).flatten(1)
    extended = pictures.flatten(2).gather(2, nearest[:, None].expand(-1, pictures.shape[1], -1))
    return torch.where(nothing[:, None], GREY, extended.reshape(pictures.shape))


FILLS: dict[str, Callable[..., Tensor]] = {
    "smooth": smooth,
    "edge extend": edge_extend,
    "mean colour": mean_colour,
    "neutral": neutral,
    "noise": noisy,
}
