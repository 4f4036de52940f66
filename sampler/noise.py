"""Seeded noise that does not depend on batch size, device or anything else drawn in the process."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["ImageNoise"]

# Numbers of a draw that are pinned, so that a GPU fetches them while it works on; a larger draw is worth the wait, and pinned
# memory is the whole machine's. Some draws may be on their way at a time.
MOST_PINNED = 2**22


class ImageNoise:
    """Gaussian noise with one CPU generator per picture, so that picture k of a batch equals picture k alone.

    Args:
        seed: The user's seed, any integer.
        indices: Number of each picture in its batch, e.g. `range(4)`; a picture cut out of a batch keeps its number.
        stream: Name of an independent sequence for the same seed.
    """

    def __init__(self, seed: int, indices: Sequence[int], stream: str = "steps"):
        self.generators = [generator(f"{seed}/{index}/{stream}") for index in indices]

    def __call__(self, like: Tensor) -> Tensor:
        """Draw the next noise.

        Args:
            like: Gives shape, dtype and device; its batch size must be the number of indices.

        Returns:
            Standard normal noise; same shape, dtype and device.
        """
        if len(like) != len(self.generators):
            raise ValueError(f"Noise was seeded for {len(self.generators)} pictures, but {len(like)} came.")
        # New memory at each draw: torch gives pinned memory out again only after it has been copied.
        pinned = like.is_cuda and like.numel() <= MOST_PINNED
        try:
            drawn = torch.empty(like.shape, pin_memory=pinned)
        except RuntimeError:  # no memory can be pinned here
            drawn, pinned = torch.empty(like.shape), False
        for one, g in zip(drawn.unbind(), self.generators, strict=True):
            one.normal_(generator=g)
        # The type changes over there; here it would go through memory that is not pinned.
        return drawn.to(like.device, non_blocking=pinned).to(like.dtype)


def generator(name: str) -> torch.Generator:
    """A CPU generator seeded by a name: neighbouring seeds and indices give unrelated sequences."""
    digest = hashlib.sha256(name.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
