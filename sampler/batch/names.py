"""What pictures and their results are called: no two the same, and at every start of a run as at its first."""

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

from .files import is_file
from .pictures import digest, place_of

__all__ = ["Entry", "entries_of"]

Entry = dict[str, Any]  # of a picture in the manifest
LONGEST = 200  # bytes of a result's name; the suffixes need some of the 255 that file systems have


def entries_of(pictures: Sequence[Path], numbered: list[Entry]) -> dict[Path, Entry]:
    """Each picture's entry in the manifest: name, number and result.

    A picture keeps the entry that it had in an earlier start, so new ones change nothing about the old.

    Args:
        pictures: Files, each once.
        numbered: The entries of earlier starts. New ones are added at the end; of a result that two share, as earlier
            versions let happen, only the first keeps the name.
    """
    places = {path: place_of(path) for path in pictures}
    results = mended(numbered)
    entries = recognised(places, numbered)
    names = {entry["name"] for entry in numbered}
    shared = Counter(end for place in places.values() for end in ends(place))
    following = max((entry["number"] for entry in numbered), default=-1) + 1
    for path in pictures:
        if path not in entries:
            *_, whole = ends(places[path])
            name = first_free([end for end in ends(places[path]) if shared[end] == 1], whole, names)
            entries[path] = {"name": name, "number": following, "result": free_result(path, results)}
            numbered.append(entries[path])
            following += 1
    return entries


def recognised(places: dict[Path, Path], numbered: Sequence[Entry]) -> dict[Path, Entry]:
    """Entries of earlier starts by picture. A name is the end of its picture's path, as much of it as was needed then."""
    by_end: dict[str, list[Path]] = defaultdict(list)
    for path, place in places.items():
        for end in {*ends(place), *ends(without_links(place))}:  # earlier versions named links after their targets
            by_end[end].append(path)
    entries: dict[Path, Entry] = {}
    for entry in sorted(numbered, key=lambda entry: -entry["name"].count("/")):
        fitting = [path for path in by_end.get(entry["name"], []) if path not in entries]
        same = [path for path in fitting if has_content(path, entry)] if len(fitting) > 1 else fitting
        if fitting:
            entries[(same or fitting)[0]] = entry
    return entries


def has_content(path: Path, entry: Entry) -> bool:
    try:
        return is_file(path) and digest(path) == entry.get("sha256")
    except OSError:
        return False


def mended(numbered: Sequence[Entry]) -> set[str]:
    """All results that are taken, after each has become one picture's alone."""
    taken = {folded(entry["result"]) for entry in numbered}
    seen: set[str] = set()
    for entry in numbered:
        if entry["result"] in seen:
            entry["result"] = free_result(Path(entry["name"]), taken)
        seen.add(entry["result"])
    return taken


def free_result(picture: Path, taken: set[str]) -> str:
    """A result's name without its suffix: the picture's, with its suffix where two share that, then with a number."""
    stem, name = (shortened(text.replace("\0", "_")) for text in (picture.stem, picture.name))
    return first_free([stem, name], name, taken, folded)


def first_free(wishes: Iterable[str], last: str, taken: set[str], key: Callable[[str], str] = str) -> str:
    """The first that is not taken, of the wishes and then of the last with a number; it is taken from now on."""
    numbered = (f"{last}.{number}" for number in count(2))
    free = next(name for name in chain(wishes, numbered) if key(name) not in taken)
    taken.add(key(free))
    return free


def folded(name: str) -> str:
    """The same for names that are one file to some file systems."""
    return unicodedata.normalize("NFC", name).casefold()


def shortened(name: str) -> str:
    while len(os.fsencode(name)) > LONGEST:
        name = name[:-1]
    return name


def ends(place: Path) -> Iterator[str]:
    """c.png, b/c.png, a/b/c.png ..."""
    return ("/".join(place.parts[-depth:]) for depth in range(1, len(place.parts) + 1))


def without_links(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # a name that no file can have
        return path
