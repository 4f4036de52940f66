"""Writes again everything that is made from the code: each make_*.py of this folder, one after the other.

    COMFYUI_PATH=... python tests/golden/make.py

but for golden.json, whose numbers come from the original code and never change with ours: see make_golden.py.
"""

import runpy
from pathlib import Path

HERE = Path(__file__).parent
ON_DEMAND = "make_golden.py"


def main() -> None:
    for script in sorted(HERE.glob("make_*.py")):
        if script.name != ON_DEMAND:
            runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
