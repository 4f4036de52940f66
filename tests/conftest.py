import sys
import types
from pathlib import Path

# The pack's folder may have any name (hyphens too), so tests import it as `mask_guidance`. Its __init__.py does not run.
pack = types.ModuleType("mask_guidance")
pack.__path__ = [str(Path(__file__).resolve().parents[1])]
sys.modules["mask_guidance"] = pack
