"""A run's folder: its manifest, and which of its results are there."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..sentence import shortly
from .figure import figure_path
from .files import is_file, remove_leftovers, write_json
from .manifest import FORMAT, MANIFEST, is_ours, read_json, read_manifest
from .masks import Masks
from .names import Entry, entries_of
from .pictures import BadPictureError, check_file, digest, picture_size, place_of, read_record
from .plan import Item, Plan, groups_of
from .progress import reason
from .settings import RunSettings, SettingsError
from .sheet import is_sheet, sheet_paths

__all__ = ["RESULTS", "Folder"]

RESULTS = "results.json"
OF_EARLIER_VERSIONS = {"results", "failed", "seconds"}  # which left the program's name out of results.json


class Folder:
    """Where a run's results lie. Only files that this program made are ever replaced or removed there.

    Args:
        path: The folder; made if it is not there.
        settings: The run's settings.
        weights: Name and hash of the checkpoint, and as "told" what files beside it tell, see `told_beside`.
        resume: Go on with the run that is there; False starts a new one over it.

    Raises:
        SettingsError: It is no folder, or holds another run.
    """

    def __init__(self, path: Path, settings: RunSettings, weights: dict[str, Any], resume: bool = True):
        self.path, self.settings, self.weights, self.resume = path, settings, weights, resume
        self.decided = [settings.key(), weights["sha256"]]  # what all results share
        self.numbered: list[Entry] = []
        if os.path.lexists(path) and not path.is_dir():
            raise SettingsError(f"--save_dir is {path}, which is no folder; choose another.")
        self.earlier = read_manifest(path, resume)
        if resume and self.earlier is not None:
            self.check_same_run(self.earlier)
            self.numbered = [dict(entry) for entry in self.earlier["pictures"]]

    def check_same_run(self, earlier: dict[str, Any]) -> None:
        try:
            differences = RunSettings.read(earlier["settings"]).differences(self.settings)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"{self.path / MANIFEST} is damaged ({error}); choose another --save_dir.") from error
        if earlier["weights"]["sha256"] != self.weights["sha256"]:
            differences.append(f"weights {earlier['weights']['name']} -> {self.weights['name']} (other content)")
        told = self.weights.get("told", {})
        differences += changes(earlier["weights"].get("told", told), told)  # earlier versions do not say it
        if differences:
            raise SettingsError(
                f"{self.path} holds a run with other settings ({'; '.join(differences)}): choose another --save_dir, or "
                "start this one anew with --resume false."
            )

    def items(self, pictures: Sequence[Path], masks: Masks, blank: bool = False) -> tuple[list[Item], dict[str, str]]:
        """The results to make, and the pictures that cannot be used with the reason.

        Args:
            pictures: Files, each once.
            masks: Theirs.
            blank: There are no such files, everything is painted; they are names alone.
        """
        entries = entries_of(pictures, self.numbered)
        places = dict(zip(pictures, masks.match(pictures, [entries[path]["number"] for path in pictures]), strict=True))
        used = {place_of(path) for path in (*pictures, *places.values()) if isinstance(path, Path)}
        here = place_of(self.path / MANIFEST).parent
        originals = {path.name for path in used if path.parent == here}
        items: list[Item] = []
        bad: dict[str, str] = {}
        for path in pictures:
            entry = entries[path]
            try:
                items += self.results_of(entry, None if blank else path, places[path], originals)
            except BadPictureError as error:
                bad[entry["name"]] = str(error)
        return items, bad

    def results_of(self, entry: Entry, path: Path | None, mask: Path | str, originals: set[str]) -> list[Item]:
        """One item for each variant of a picture."""
        if path is not None:
            check_file(path)
        if isinstance(mask, Path):
            check_file(mask)
        elif mask:
            raise BadPictureError(mask.rstrip("."))
        size = picture_size(path, self.settings.image_size)
        try:
            hashes = digest(path) if path else "", digest(mask) if mask else f"generated {self.settings.mask_type}"
        except OSError as error:
            raise BadPictureError(f"{path} or its mask cannot be read ({reason(error)})") from error
        entry |= {"sha256": hashes[0], "mask": str(mask or self.settings.mask_type), "mask_sha256": hashes[1]}
        items = []
        for variant in range(self.settings.variants):
            key = self.key(*hashes, entry["number"], variant)
            suffix = f"_{variant}" if self.settings.variants > 1 else ""
            result = self.path / f"{entry['result']}{suffix}.png"
            there = read_record(result)
            if result.name in originals:
                raise SettingsError(f"{result} would take the place of an original; choose another --save_dir.")
            if there is None and os.path.lexists(result):
                raise not_ours(result)
            done = self.resume and there is not None and there.get("key") == key
            number = int(entry["number"])
            items.append(Item(number, variant, entry["name"], path, mask or None, result, size, key, *hashes, done))
        return items

    def key(self, *parts: object) -> str:
        """Digest of everything that decides one result."""
        return hashlib.sha256(json.dumps([*self.decided, *parts]).encode()).hexdigest()[:32]

    def plan(self, items: list[Item], bad: dict[str, str], calls: dict[tuple[int, int], int]) -> Plan:
        groups = groups_of(items, self.settings.micro_batch)
        return Plan(groups, calls, self.weights["sha256"], bad, sum(item.done for item in items), len(items))

    def check_summaries(self, sheets: int) -> None:
        """What sums up the run must not take the place of other files.

        Args:
            sheets: Pictures on contact sheets.

        Raises:
            SettingsError: It would.
        """
        content = read_json(self.path / RESULTS)
        old = self.earlier is not None and isinstance(content, dict) and set(content) == OF_EARLIER_VERSIONS
        ours = {self.path / RESULTS: is_ours(content) or old}
        for path in sheet_paths(self.path, sheets):
            ours[path] = is_file(path) and is_sheet(path, self.earlier)
        for path, is_our_own in ours.items():
            if os.path.lexists(path) and not is_our_own:
                raise not_ours(path)

    def check_figures(self, items: Sequence[Item]) -> None:
        """Figures of these results must not take the place of other files; errors as for `check_summaries`."""
        variants = self.settings.variants
        for path in [figure_path(self.path, item, variants) for item in items if item.variant == 0]:
            above = path.parent
            if os.path.lexists(above) and not above.is_dir():
                raise not_ours(above)
            if os.path.lexists(path) and read_record(path) is None:
                raise not_ours(path)

    def begin(self) -> None:
        """Write the manifest; what an ended process left half-written goes.

        Raises:
            SettingsError: The folder cannot be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.path)
            write_json(self.path / MANIFEST, {
                "format": FORMAT,
                "settings": asdict(self.settings),
                "weights": self.weights,
                "pictures": self.numbered,
            })  # fmt: skip
            (self.path / RESULTS).unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError(
                f"Nothing can be saved in {self.path} ({reason(error)}); choose another --save_dir."
            ) from error

    def finish(self, items: Sequence[Item], failed: dict[str, str], seconds: float) -> None:
        """Write what came of the run; `items` are the results that are there."""
        made = [{"picture": i.name, "result": i.result.name, "sha256": digest(i.result)} for i in items]
        write_json(self.path / RESULTS, {"results": made, "failed": failed, "seconds": round(seconds, 1)})


def changes(old: object, new: dict[str, object]) -> list[str]:
    """What files beside the weights tell now and did not then, as `RunSettings.differences`."""
    old = old if isinstance(old, dict) else {}
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [f"{name} {shortly(old.get(name))} -> {shortly(new.get(name))} (beside the weights)" for name in names]


def not_ours(path: Path) -> SettingsError:
    return SettingsError(f"{path} is there and was not made by this program; choose another --save_dir.")
