"""One process's share of a run: read, paint, save; smaller batches where one fails."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from .masks import hole_of
from .painter import Painter
from .pictures import read_picture, save_picture, to_bytes, to_model
from .plan import Group, Item
from .progress import reason

__all__ = ["Worker"]

log = logging.getLogger("mask_guidance")


@dataclass(frozen=True)
class Loaded:
    """A picture and the part of it that is painted."""

    item: Item
    pixels: np.ndarray  # uint8 (H, W, C)
    painted: np.ndarray  # bool (H, W)


class Worker:
    """Paints groups.

    Args:
        painter: The network.
        weights: Name and hash of the checkpoint, for the records.
        on_call: Called after each model call with the number of pictures in it.
        on_result: Called after each result with its item.
    """

    def __init__(
        self,
        painter: Painter,
        weights: dict[str, str],
        on_call: Callable[[int], None] = lambda pictures: None,
        on_result: Callable[[Item], None] = lambda item: None,
    ):
        self.painter, self.weights, self.on_call, self.on_result = painter, weights, on_call, on_result
        self.failed: dict[str, str] = {}
        self.saved = 0
        self.largest = painter.settings.micro_batch

    def paint(self, group: Group) -> None:
        """Paint one group and save what is missing of it; what fails is kept in `failed` with the reason.

        Raises:
            OSError: A result cannot be saved, so no other could.
        """
        loaded = [one for item in group if (one := self.load(item)) is not None]
        for one in loaded:
            if not one.painted.any():
                self.save(one, one.pixels, calls=0, batch=0)
        loaded = [one for one in loaded if one.painted.any()]
        for start in range(0, len(loaded), self.largest):
            self.attempt(loaded[start : start + self.largest])

    def load(self, item: Item) -> Loaded | None:
        settings = self.painter.settings
        try:
            pixels = read_picture(item.picture, self.painter.channels, settings.image_size)
            height, width = pixels.shape[:2]
            painted = hole_of(item, settings, (width, height))
        except Exception as error:  # whatever it is, the other pictures can be painted
            self.fail(item, reason(error))
            return None
        return Loaded(item, pixels, painted)

    def attempt(self, batch: list[Loaded]) -> None:
        """Paint one batch; after a failure its halves, and so on down to single pictures."""
        try:
            filled, calls = self.fill(batch)
        except Exception as error:
            why = reason(error)
            no_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "out of memory" in str(error)
        else:  # a result that cannot be saved is no fault of the batch's size
            self.keep(batch, filled, calls)
            return
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # only here: the error held all that the attempt had made
        if len(batch) == 1:
            self.fail(batch[0].item, why)
            return
        half = -(-len(batch) // 2)
        log.warning("A batch of %d failed (%s); trying again with %d.", len(batch), why[:200], half)
        if no_memory:
            self.largest = min(self.largest, half)
        self.attempt(batch[:half])
        self.attempt(batch[half:])

    def fill(self, batch: list[Loaded]) -> tuple[Tensor, int]:
        """Pictures (B, C, H, W), and the model calls that they took."""
        pictures = torch.stack([to_model(one.pixels) for one in batch])
        known = torch.stack([torch.from_numpy(~one.painted)[None] for one in batch])
        first = batch[0].item
        seed = self.painter.settings.seed + first.variant
        calls = 0

        def count(pictures: int) -> None:
            nonlocal calls
            calls += 1
            self.on_call(pictures)

        return self.painter.fill(pictures, known, [one.item.number for one in batch], seed, count), calls

    def keep(self, batch: list[Loaded], filled: Tensor, calls: int) -> None:
        for one, x in zip(batch, filled, strict=True):
            pixels = to_bytes(x)
            pixels[~one.painted] = one.pixels[~one.painted]
            self.save(one, pixels, calls, len(batch))

    def save(self, one: Loaded, pixels: np.ndarray, calls: int, batch: int) -> None:
        """Write a result unless an earlier start has written it."""
        if one.item.done:
            return
        settings = self.painter.settings
        record = {
            "key": one.item.key,
            "picture": one.item.name,
            "picture_sha256": one.item.picture_hash,
            "mask": one.item.mask.name if one.item.mask else settings.mask_type,
            "mask_sha256": one.item.mask_hash,
            "number": one.item.number,
            "seed": settings.seed + one.item.variant,
            "painted": round(float(one.painted.mean()), 6),
            "model_calls": calls,
            "batch": batch,
            "weights": self.weights,
            "settings": asdict(settings),
            "torch": torch.__version__,
            "device": self.painter.device.type,
        }
        save_picture(one.item.result, pixels, record)
        self.saved += 1
        self.on_result(one.item)

    def fail(self, item: Item, why: str) -> None:
        self.failed[item.name] = why
        log.error("%s: %s", item.name, why)
