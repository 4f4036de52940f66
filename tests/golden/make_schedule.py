"""Writes schedule.json: what Python says of schedules, for web/js/schedule.js to agree with.

    python tests/golden/make_schedule.py

Read by tests/unit/test_page_schedule.py, which fails when the file is old, and by tests/js/schedule.test.mjs.
"""

import json
import sys
import types
from dataclasses import asdict
from itertools import product
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("schedule.json")
SHOWN = 40  # points of a curve that are written out; of longer ones the length and a sum

if "mask_guidance" not in sys.modules:  # the pack's folder may have any name
    package = types.ModuleType("mask_guidance")
    package.__path__ = [str(PACK)]
    sys.modules["mask_guidance"] = package

from mask_guidance.sampler import (  # noqa: E402
    PRESETS,
    SKIP_TYPES,
    Resampling,
    alphas_cumprod,
    curve,
    named_betas,
    parse_respacing,
    respaced_timesteps,
    sigmas,
)
from mask_guidance.sampler.repaint import EVERYWHERE  # noqa: E402

TABLE = sigmas(alphas_cumprod(named_betas("linear", 1000)))
LARGEST = 160.0


def chosen(share: float, skip_type: str, skip_steps: int, respacing: str) -> list[int]:
    total = round(share * len(TABLE))
    if respacing:
        return parse_respacing(total, respacing)
    return respaced_timesteps(total, skip_type, skip_steps, TABLE[:total], LARGEST)


def timesteps_case(share: float = 1.0, skip_type: str = "uniform", skip_steps: int = 1, respacing: str = "") -> dict:
    case = {"denoise": share, "skip_type": skip_type, "skip_steps": skip_steps, "timestep_respacing": respacing}
    try:
        timesteps = chosen(share, skip_type, skip_steps, respacing)
    except ValueError as error:
        return case | {"error": str(error)}
    return case | {"timesteps": shortened(timesteps)}


def curve_case(method: str, skip_type: str, steps: int, r: int, j: int, start: int = EVERYWHERE) -> dict:
    resampling = Resampling(method, r, j, start)
    timesteps = chosen(1.0, skip_type, steps, "")
    points = curve(resampling.levels(steps), timesteps, TABLE)
    return {
        "method": method,
        "skip_type": skip_type,
        "skip_steps": steps,
        "resample_r": r,
        "resample_j": j,
        "start_resampling": min(start, 10_000),
        "calls": resampling.count(steps),
        "points": shortened([value for point in points for value in point]),
    }


def part_case(method: str, steps: int, r: int, j: int, first: int, end: int) -> dict:
    """From step `first` to step `end` of a chain."""
    levels = Resampling(method, r, j).levels(min(end, steps) - first, max(0, steps - end), first)
    return {
        "method": method,
        "skip_steps": steps,
        "resample_r": r,
        "resample_j": j,
        "start_at_step": first,
        "end_at_step": end,
        "levels": shortened(levels),
    }


def shortened(values: list[int]) -> dict:
    """A list of integers, or for a long one what tells it from others: its length, its ends, a sum that sees the order."""
    if len(values) <= SHOWN:
        return {"all": values}
    weighted = sum((i % 1000 + 1) * value for i, value in enumerate(values))
    return {"count": len(values), "first": values[:5], "last": values[-5:], "weighted": weighted}


def tables() -> dict:
    return {
        "presets": {
            name: asdict(preset)
            | {"calls": Resampling(preset.method, preset.resample_r, preset.resample_j).count(preset.skip_steps)}
            for name, preset in PRESETS.items()
        },
        "skip_types": list(SKIP_TYPES),
        "sigmas": {str(t): float(TABLE[t]) for t in (0, 1, 10, 100, 500, 999)},
        "timesteps": [
            *(
                timesteps_case(1.0, kind, count)
                for kind, count in product(SKIP_TYPES, (1, 2, 7, 16, 50, 250, 999, 1000))
            ),
            *(timesteps_case(share, kind, 10) for share, kind in product((0.01, 0.35, 0.5, 0.8), SKIP_TYPES)),
            *(timesteps_case(1.0, kind, 1001) for kind in SKIP_TYPES),
            *(timesteps_case(respacing=text) for text in ("250", "ddim50", "ddim300", "10,10,5", "1,2", "7, 3,1,900")),
            *(timesteps_case(respacing=text) for text in ("0", "ten", "5,,5", "1200", "ddim", "-3")),
            timesteps_case(0.5, respacing="10,10,5"),
        ],
        "curves": [
            *(curve_case(p.method, p.skip_type, p.skip_steps, p.resample_r, p.resample_j) for p in PRESETS.values()),
            *(
                curve_case("feedback", "karras", steps, r, 1)
                for steps, r in ((1, 1), (2, 5), (3, 3), (7, 1), (40, 100))
            ),
            *(curve_case("repaint", "uniform", steps, r, j) for steps, r, j in ((4, 2, 2), (50, 10, 10), (50, 1, 10))),
            *(curve_case("repaint", "quad", 12, 3, 5, start) for start in (0, 4, 5, 7, 11, 12)),
            curve_case("repaint", "trailing", 9, 4, 20),
            curve_case("repaint", "none", 1000, 20, 3),
        ],
        "parts": [
            part_case(method, steps, 3, 2, first, end)
            for method, steps in product(("feedback", "repaint"), (7, 16))
            for first, end in ((0, 3), (3, 10_000), (2, 6), (6, 7))
        ],
    }


def text() -> str:
    """One case a line, so that a change reads well."""
    parts = []
    for name, value in tables().items():
        if isinstance(value, list):
            parts.append(f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in value) + "\n]")
        else:
            parts.append(f'"{name}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")
