import sys
import types
from pathlib import Path

# The pack's folder may have any name (hyphens too), so tests import it as `mask_guidance`. Its __init__.py does not run.
pack = types.ModuleType("mask_guidance")
pack.__path__ = [str(Path(__file__).resolve().parents[1])]
sys.modules["mask_guidance"] = pack


def pytest_itemcollected(item):
    """Where several processes share the tests (run.py starts two), a file with its servers is one's alone."""
    import pytest  # here: the benchmarks import this file, too

    if item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))
