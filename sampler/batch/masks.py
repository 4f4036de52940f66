"""Which mask belongs to a picture: a file of the same name, one file for all, its transparency, or a generated one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..mask.paper import PAPER_MASKS, paper_mask
from .pictures import SUFFIXES, find_pictures
from .settings import SettingsError

__all__ = ["MASK_TYPES", "Masks", "generated"]


# The paper's names, as one word each.
MASK_TYPES = {name.replace(" ", "_"): name for name in PAPER_MASKS}


def generated(kind: str, height: int, width: int, seed: int, number: int) -> np.ndarray:
    """A mask by name, True where the picture is painted; picture n has the mask of seed + n."""
    return paper_mask(MASK_TYPES[kind], height, width, seed + number)[0].numpy() > 0


@dataclass
class Masks:
    """Finds masks for pictures.

    Attributes:
        place: A folder, a file, or None.
        kind: A generated type, or empty.
        pair_by_order: A folder's masks belong to the pictures in sorted order, if no name fits.
    """

    place: Path | None
    kind: str = ""
    pair_by_order: bool = False

    def __post_init__(self) -> None:
        if self.place is not None and self.kind:
            raise SettingsError("Give --mask_dir or --mask_type, not both.")
        if self.kind and self.kind not in MASK_TYPES:
            raise SettingsError(f"Unknown mask_type '{self.kind}'; choose one of {', '.join(MASK_TYPES)}.")
        if self.place is not None and not self.place.exists():
            raise SettingsError(f"There is no mask at {self.place}.")
        self.by_stem: dict[str, list[Path]] = {}
        self.in_order: list[Path] = []
        if self.place is not None and self.place.is_dir():
            self.in_order = find_pictures([str(self.place)])
            for path in self.in_order:
                self.by_stem.setdefault(path.stem, []).append(path)

    def match(self, pictures: list[Path]) -> list[Path | str]:
        """The mask's file for each picture, "" for a generated one, or a sentence with a full stop that says why not."""
        if self.kind:
            return [""] * len(pictures)
        if self.place is not None and self.place.is_file():
            return [self.place] * len(pictures)
        if self.place is None:
            return [self.transparency(path) for path in pictures]
        if self.pair_by_order and not any(path.stem in self.by_stem for path in pictures):
            if len(self.in_order) < len(pictures):
                raise SettingsError(f"{self.place} holds {len(self.in_order)} masks for {len(pictures)} pictures.")
            return list(self.in_order[: len(pictures)])
        return [self.of_same_name(path) for path in pictures]

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
