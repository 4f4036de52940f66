"""A run's folder: its manifest, and which of its results are there."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .masks import Masks
from .pictures import BadPictureError, digest, picture_size, read_record
from .plan import Item, Plan, groups_of
from .settings import RunSettings, SettingsError

__all__ = ["FORMAT", "MANIFEST", "RESULTS", "Folder"]

MANIFEST, RESULTS = "run.json", "results.json"
FORMAT = 1


class Folder:
    """Where a run's results lie.

    Args:
        path: The folder; made if it is not there.
        settings: The run's settings.
        weights: Name and hash of the checkpoint.
        resume: Go on with the run that is there; False starts a new one over it.
    """

    def __init__(self, path: Path, settings: RunSettings, weights: dict[str, str], resume: bool = True):
        self.path, self.settings, self.weights, self.resume = path, settings, weights, resume
        self.numbered: list[dict[str, object]] = []
        self.earlier = self.read_manifest() if resume else None
        if self.earlier is not None:
            self.check_same_run(self.earlier)
            self.numbered = [dict(entry) for entry in self.earlier["pictures"]]

    def read_manifest(self) -> dict | None:
        path = self.path / MANIFEST
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["format"] != FORMAT:
                raise SettingsError(f"{path} is of another version of this program; choose another --save_dir.")
            return content
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, SettingsError):
                raise
            raise SettingsError(f"{path} is no manifest of a run; choose another --save_dir.") from error

    def check_same_run(self, earlier: dict) -> None:
        differences = RunSettings.read(earlier["settings"]).differences(self.settings)
        if earlier["weights"]["sha256"] != self.weights["sha256"]:
            differences.append(f"weights {earlier['weights']['name']} -> {self.weights['name']} (other content)")
        if differences:
            raise SettingsError(
                f"{self.path} holds a run with other settings ({'; '.join(differences)}): choose another --save_dir, or "
                "start this one anew with --resume false."
            )

    def items(self, pictures: Sequence[Path], masks: Masks) -> tuple[list[Item], dict[str, str]]:
        """The results to make, and the pictures that cannot be used with the reason.

        A picture keeps the number that it had in an earlier start, so new ones change nothing about the old.
        """
        places = dict(zip(pictures, masks.match(list(pictures)), strict=True))
        names = names_of(pictures)
        numbers = {entry["name"]: int(entry["number"]) for entry in self.numbered}
        entries = {str(entry["name"]): entry for entry in self.numbered}
        taken = {str(entry["result"]) for entry in self.numbered}
        following = max(numbers.values(), default=-1) + 1
        items: list[Item] = []
        bad: dict[str, str] = {}
        for path in pictures:
            name = names[path]
            if name not in numbers:
                stem = path.stem if path.stem not in taken else path.name
                taken.add(stem)
                numbers[name], following = following, following + 1
                entries[name] = {"name": name, "number": numbers[name], "result": stem}
                self.numbered.append(entries[name])
            entry = entries[name]
            try:
                items += self.results_of(entry, path, places[path])
            except BadPictureError as error:
                bad[name] = str(error)
        return items, bad

    def results_of(self, entry: dict, path: Path, mask: Path | str) -> list[Item]:
        """One item for each variant of a picture."""
        if mask and isinstance(mask, str):
            raise BadPictureError(mask.rstrip("."))
        size = picture_size(path, self.settings.image_size)
        try:
            hashes = digest(path), digest(mask) if mask else f"generated {self.settings.mask_type}"
        except OSError as error:
            raise BadPictureError(f"{path} or its mask cannot be read ({error})") from error
        entry |= {"sha256": hashes[0], "mask": str(mask or self.settings.mask_type), "mask_sha256": hashes[1]}
        items = []
        for variant in range(self.settings.variants):
            key = self.key(*hashes, entry["number"], variant)
            suffix = f"_{variant}" if self.settings.variants > 1 else ""
            result = self.path / f"{entry['result']}{suffix}.png"
            there = read_record(result)
            if result.exists() and there is None:
                raise SettingsError(f"{result} is there and was not made by this program; choose another --save_dir.")
            done = self.resume and there is not None and there.get("key") == key
            number = int(entry["number"])
            items.append(Item(number, variant, entry["name"], path, mask or None, result, size, key, *hashes, done))
        return items

    def key(self, *parts: object) -> str:
        """Digest of everything that decides one result."""
        content = [self.settings.key(), self.weights["sha256"], *parts]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]

    def plan(self, items: list[Item], bad: dict[str, str], calls: int) -> Plan:
        groups = groups_of(items, self.settings.micro_batch)
        return Plan(groups, calls, self.weights["sha256"], bad, sum(item.done for item in items), len(items))

    def begin(self) -> None:
        """Write the manifest; what an ended process left half-written goes."""
        self.path.mkdir(parents=True, exist_ok=True)
        for part in self.path.glob(".*.part"):
            part.unlink(missing_ok=True)
        (self.path / RESULTS).unlink(missing_ok=True)
        self.write(MANIFEST, {
            "format": FORMAT,
            "program": "mask_guidance",
            "settings": asdict(self.settings),
            "weights": self.weights,
            "pictures": self.numbered,
        })  # fmt: skip

    def finish(self, items: Sequence[Item], failed: dict[str, str], seconds: float) -> None:
        """Write what came of the run; `items` are the results that are there."""
        made = [{"picture": i.name, "result": i.result.name, "sha256": digest(i.result)} for i in items]
        self.write(RESULTS, {"results": made, "failed": failed, "seconds": round(seconds, 1)})

    def write(self, name: str, content: dict) -> None:
        part = self.path / f".{name}.part"
        part.write_text(json.dumps(content, indent=1), "utf-8")
        os.replace(part, self.path / name)


def names_of(pictures: Sequence[Path]) -> dict[Path, str]:
    """What pictures are called in the manifest: the file's name, with folders before it where two share that."""
    names: dict[Path, str] = {}
    left = {path: path.resolve().parts for path in pictures}
    depth = 1
    while left:
        ends = Counter(parts[-depth:] for parts in left.values())
        unique = {path: parts for path, parts in left.items() if ends[parts[-depth:]] == 1 or depth >= len(parts)}
        names |= {path: "/".join(parts[-depth:]) for path, parts in unique.items()}
        left = {path: parts for path, parts in left.items() if path not in unique}
        depth += 1
    return names
