"""One section in a process of its own: python -m on_gpu.child MODULE ROWS ASKED, the last as JSON."""

import importlib
import json
import sys
import traceback
from pathlib import Path

from .asked import Asked
from .report import Missing, Row, write

FOLDERS = ("comfyui", "lanpaint", "repaint")


def main(module: str, rows: str, asked: str) -> None:
    given = json.loads(asked)
    given |= {name: Path(given[name]) for name in FOLDERS if given[name]}
    for check in importlib.import_module(module).CHECKS:
        what = check.__name__.replace("_", " ")
        try:
            for row in check(Asked(**given)):
                write(row, Path(rows))
        except Missing as missing:
            write(Row(what, missing=str(missing)), Path(rows))
        except Exception as error:
            traceback.print_exc()
            write(Row(what, broken=f"{type(error).__name__}: {error}"[:300]), Path(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
