"""The sections of gpu.py, each a module with a list CHECKS of functions that give rows."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# The pack as `mask_guidance`, and the helpers of its tests and benchmarks.
sys.path += [str(ROOT / "tests"), *(str(ROOT / "tests" / name) for name in ("host", "unit", "browser", "benchmarks"))]
import conftest  # noqa: E402, F401
