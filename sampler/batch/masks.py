"""Which mask belongs to a picture: a file of the same name, one file for all, its transparency, or a generated one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..mask.paper import PAPER_MASKS, paper_mask
from ..noise import generator
from .pictures import SUFFIXES, find_pictures, read_mask
from .plan import Item
from .settings import RunSettings, SettingsError

__all__ = ["EVERYTHING", "MASK_TYPES", "PAIRINGS", "Masks", "hole_of"]

EVERYTHING = "everything"
# The paper's names, as one word each.
MASK_TYPES = {name.replace(" ", "_"): name for name in PAPER_MASKS}


def hole_of(item: Item, settings: RunSettings, size: tuple[int, int]) -> np.ndarray:
    """Where an item's picture of this width and height is painted; bool (H, W). Errors as for `read_mask`."""
    if item.mask is None or item.picture is None:
        return generated(settings.mask_type, size[1], size[0], settings.seed, item.number)
    return read_mask(item.mask, item.picture, settings.mask_polarity, size, settings.image_size)


def generated(kind: str, height: int, width: int, seed: int, number: int) -> np.ndarray:
    """A mask by name, or by several joined by +, True where the picture is painted; picture n has that of seed + n."""
    name = "+".join(MASK_TYPES[one] for one in kind.split("+"))
    return paper_mask(name, height, width, seed + number)[0].numpy() > 0


@dataclass
class Masks:
    """Finds masks for pictures.

    Attributes:
        place: A folder, a file, or None.
        kind: A generated type, several joined by +, or empty.
        pairing: Which of a folder's masks belongs to a picture, a key of PAIRINGS.
        seed: Of what is drawn at random.

    Raises:
        SettingsError: There is no such type, no such place, or both are given.
    """

    place: Path | None
    kind: str = ""
    pairing: str = "name"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.place is not None and self.kind:
            raise SettingsError("Give --mask_dir or --mask_type, not both.")
        if self.kind and (unknown := [one for one in self.kind.split("+") if one not in MASK_TYPES]):
            raise SettingsError(f"Unknown mask_type '{unknown[0]}'; choose one of {', '.join(MASK_TYPES)}.")
        if self.place is not None and not self.place.exists():
            raise SettingsError(f"There is no mask at {self.place}.")
        self.by_stem: dict[str, list[Path]] = {}
        self.in_order: list[Path] = []
        if self.place is not None and self.place.is_dir():
            self.in_order = find_pictures([str(self.place)])
            for path in self.in_order:
                self.by_stem.setdefault(path.stem, []).append(path)

    def match(self, pictures: Sequence[Path], numbers: Sequence[int]) -> list[Path | str]:
        """The mask's file for each picture, "" for a generated one, or a sentence with a full stop that says why not.

        Args:
            pictures: Files.
            numbers: Of the pictures in the run.
        """
        if self.kind:
            return [""] * len(pictures)
        if self.place is not None and self.place.is_file():
            return [self.place] * len(pictures)
        if self.place is None:
            return [self.transparency(path) for path in pictures]
        return PAIRINGS[self.pairing](self, pictures, numbers)

    def of_same_name(self, picture: Path) -> Path | str:
        named = self.by_stem.get(picture.stem, [])
        exact = [path for path in named if path.name == picture.name]
        if len(named) == 1 or exact:
            return (exact or named)[0]
        if named:
            return f"{self.place} has several masks for it: {', '.join(path.name for path in named)}."
        return f"{self.place} has no mask {picture.stem}.png (or {', '.join(sorted(SUFFIXES - {'.png'}))})."

    def transparency(self, picture: Path) -> Path | str:
        try:
            with Image.open(picture) as image:
                if "A" in image.getbands() or "transparency" in image.info:
                    return picture
        except Exception:
            return picture  # said when it is read
        return "it has no transparent part, and there is no --mask_dir and no --mask_type."


def by_name(masks: Masks, pictures: Sequence[Path], numbers: Sequence[int]) -> list[Path | str]:
    return [masks.of_same_name(path) for path in pictures]


def by_order(masks: Masks, pictures: Sequence[Path], numbers: Sequence[int]) -> list[Path | str]:
    """As sorted, if no name fits."""
    if any(path.stem in masks.by_stem for path in pictures):
        return by_name(masks, pictures, numbers)
    if len(masks.in_order) < len(pictures):
        raise SettingsError(f"{masks.place} holds {len(masks.in_order)} masks for {len(pictures)} pictures.")
    return list(masks.in_order[: len(pictures)])


def at_random(masks: Masks, pictures: Sequence[Path], numbers: Sequence[int]) -> list[Path | str]:
    draws = [generator(f"{masks.seed}/{number}/mask") for number in numbers]
    return [masks.in_order[int(torch.randint(len(masks.in_order), (), generator=draw))] for draw in draws]


PAIRINGS: dict[str, Callable[[Masks, Sequence[Path], Sequence[int]], list[Path | str]]] = {
    "name": by_name,
    "order": by_order,
    "random": at_random,
}
