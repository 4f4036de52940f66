"""Crops, painted: encoded, sampled a few at a time, decoded. The same as VAE Encode, Mask-Guided KSampler, VAE Decode."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..sampler.mask import Crops, fill
from .compute import on_device
from .painting import Painted, Wanted, paint
from .pixel_model import PixelModel
from .preview import Place

__all__ = ["Fill", "LatentCrops", "encoded", "fills"]

AT_ONCE = 2**22  # pixels that a model paints in one call: four crops of 1024x1024
MOST_SEED = 2**64
UNDER_MASK = "edge extend"  # before a VAE, whose latents shine through the mask's edge; the best that was measured
COLOURS = 3


@dataclass(frozen=True)
class Fill:
    """All crops painted once.

    Attributes:
        seed: Of this fill.
        crops: As they came, in those channels; (N, C, h, w).
        masks: What was painted, on the model's grid where that is coarser; (N, h, w), or None: as masked.
        parts: What the sampler says of each part of the batch.
    """

    seed: int
    crops: Tensor
    masks: Tensor | None
    parts: tuple[Painted, ...]

    @property
    def calls(self) -> int:
        """Of the model."""
        return sum(part.calls for part in self.parts)

    @property
    def seconds(self) -> float:
        """They took."""
        return sum(part.seconds for part in self.parts)


@dataclass(frozen=True)
class LatentCrops:
    """Crops as LATENTs, a few in each.

    Attributes:
        crops: (N, C, h, w).
        masks: (N, h, w).
        latents: With noise masks and the crops' numbers.
    """

    crops: Tensor
    masks: Tensor
    latents: tuple[dict, ...]


def encoded(model, vae, crops: Crops, denoise: float) -> LatentCrops:
    """Crops in the model's own space.

    Args:
        model: MODEL.
        vae: VAE.
        crops: In colour, or grey.
        denoise: Below 1 the chain starts from what is there, and nothing is put under the mask.
    """
    pictures = crops.crops.expand(-1, COLOURS, -1, -1)
    if denoise == 1 and not isinstance(model.model, PixelModel):
        pictures = on_device(lambda p, m: fill(p, m, UNDER_MASK), pictures, crops.masks)
    latents = []
    for numbers in parts(model, crops.crops):
        samples = vae.encode(pictures[numbers].movedim(1, -1))
        masks = crops.masks[numbers][:, None]
        latents.append({"samples": samples, "noise_mask": masks, "batch_index": numbers})
    return LatentCrops(crops.crops, crops.masks, tuple(latents))


def parts(model, crops: Tensor) -> list[list[int]]:
    """Numbers of the crops that are painted together; one at a time where the model's VAE takes a batch for a video."""
    count, _, height, width = crops.shape
    frames = model.get_model_object("latent_format").latent_dimensions == 3
    each = 1 if frames else max(1, AT_ONCE // (height * width))
    return [[*range(start, min(count, start + each))] for start in range(0, count, each)]


def fills(model, vae, given: LatentCrops, positive, negative, wanted: Wanted, count: int) -> Iterator[Fill]:
    """The crops painted so many times, each time with the next seed.

    Args:
        model: MODEL.
        vae: VAE.
        given: The crops.
        positive: CONDITIONING or None.
        negative: The same.
        wanted: How; with the first fill's seed.
        count: How many times.

    Raises:
        ValueError: Something does not go together, in one sentence.
    """
    runs = count * len(given.latents)
    for number in range(count):
        seed = (wanted.seed + number) % MOST_SEED
        place = number * len(given.latents)
        parts = tuple(
            paint(model, latent, positive, negative, replace(wanted, seed=seed), place=Place(place + i, runs))
            for i, latent in enumerate(given.latents)
        )
        crops = torch.cat(
            [decoded(vae, given, latent, part) for latent, part in zip(given.latents, parts, strict=True)]
        )
        yield Fill(seed, crops, cells(given, parts), parts)


def decoded(vae, given: LatentCrops, latent: dict, part: Painted) -> Tensor:
    """Painted crops in the channels of those given; where nothing was painted, those given."""
    before = given.crops[latent["batch_index"]]
    if not part.calls:
        return before
    pictures = vae.decode(part.samples)
    pictures = pictures.reshape(-1, *pictures.shape[-3:]).movedim(-1, 1)[:, :COLOURS].to(before)
    return pictures.mean(1, keepdim=True) if before.shape[1] == 1 else pictures


def cells(given: LatentCrops, parts: tuple[Painted, ...]) -> Tensor | None:
    """What was painted, in whole cells of the model's grid; None where it is the mask itself."""
    masks = [part.mask for part in parts if part.mask is not None]
    if parts[0].soft_mask != "binary" or any(mask.shape[-2:] == given.masks.shape[-2:] for mask in masks):
        return None
    counts = [len(latent["batch_index"]) for latent in given.latents]
    return torch.cat(
        [mask.reshape(-1, *mask.shape[-2:]).expand(count, -1, -1) for mask, count in zip(masks, counts, strict=True)]
    )
