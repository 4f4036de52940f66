"""Pictures of the example model: eight CC0 styles of DiceBear, any number of seeds, always the same pixels for a seed.

    python pictures.py OUT.npz [--count 3000] [--first 0]

writes `pictures` uint8 (styles * count, 64, 64, 3) and `labels` int64. Seeds from HELD_OUT on are never trained on.
"""

import argparse
import io
import json
from functools import cache
from importlib.resources import files
from multiprocessing import Pool

import numpy as np
import resvg_py
from dicebear import Avatar, Style
from PIL import Image

STYLES = ("landscape", "planets", "sprouts", "critters", "moods", "clay", "waves", "cameo")
HELD_OUT = 40_000
SIZE = 64
BACKGROUND = (236, 236, 244)  # under styles that draw none


@cache
def style(name: str) -> Style:
    return Style(json.loads(files("dicebear_styles").joinpath(f"{name}.json").read_text("utf-8")))


def picture(name: str, seed: int, size: int = SIZE) -> np.ndarray:
    """One picture, rendered at twice the size and averaged down; uint8 (size, size, 3)."""
    svg = Avatar(style(name), {"seed": str(seed), "size": 2 * size}).to_string()
    drawn = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA")
    canvas = Image.new("RGBA", drawn.size, (*BACKGROUND, 255))
    canvas.alpha_composite(drawn)
    return np.asarray(canvas.convert("RGB").resize((size, size), Image.Resampling.BOX))


def render(names: tuple[str, ...], seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """All seeds of all styles, on all processor cores: pictures and labels (the style's place in STYLES)."""
    jobs = [(name, seed) for name in names for seed in seeds]
    with Pool() as pool:
        pictures = pool.starmap(picture, jobs, chunksize=64)
    return np.stack(pictures), np.array([STYLES.index(name) for name, _ in jobs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=3000, help="seeds a style")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    args = parser.parse_args()
    if args.first < HELD_OUT < args.first + args.count:
        parser.error(f"seeds from {HELD_OUT} on are held out; choose --first and --count on one side of it")
    pictures, labels = render(STYLES, range(args.first, args.first + args.count))
    np.savez(args.out, pictures=pictures, labels=labels)


if __name__ == "__main__":
    main()
