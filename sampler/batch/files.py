"""Files that this program writes: there as a whole or not at all, and told from everybody else's."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

__all__ = ["PROGRAM", "is_file", "remove_leftovers", "write_json", "written"]

PROGRAM = "mask_guidance"  # the mark in every file of ours
PART = f".{PROGRAM}.{{}}.part"


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes the place of `path` when all of it is there.

    Raises:
        OSError: It cannot be written; names `path`.
    """
    # The result's own name may be as long as names can be, so only its digest is in the part's.
    part = path.with_name(PART.format(f"{sha256(os.fsencode(path.name)).hexdigest()[:12]}.{os.getpid()}"))
    try:
        try:
            part.unlink(missing_ok=True)
            with part.open("xb") as file:  # x: never through a link
                yield file
            os.replace(part, path)
        except BaseException:
            remove(part)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def write_json(path: Path, content: dict[str, object]) -> None:
    with written(path) as file:
        file.write(json.dumps({"program": PROGRAM, **content}, indent=1).encode())


def remove_leftovers(folder: Path) -> None:
    """What ended processes of ours left half-written."""
    for part in folder.glob(PART.format("*")):
        remove(part)


def remove(part: Path) -> None:
    if is_file(part) and not part.is_symlink():
        part.unlink(missing_ok=True)


def is_file(path: Path) -> bool:
    """Whether it can be opened without waiting for ever, as pipes make one do; False too for names that cannot be."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
