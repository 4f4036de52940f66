"""The README's plots, drawn from the tables under "The README's plots" in NOTES.md.

python tests/benchmarks/plots.py [folder]        default: .github/media
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from plot import Axis, coloured, drawn  # noqa: E402

ROOT = HERE.parents[1]
HEADING = "## The README's plots"
CALLS = Axis("model calls per picture", (2, 4, 8, 16, 20, 30, 50, 100, 200))
SEAM = Axis("seam", (0.8, 1, 1.2, 1.5, 2, 3, 5, 8, 12), strong=1)


@dataclass(frozen=True)
class Plot:
    """A table of NOTES.md as a picture.

    Attributes:
        table: Its title in NOTES.md.
        file: The picture's name.
        title, below: What is written over it.
    """

    table: str
    file: str
    title: str
    below: str
    across: Axis
    up: Axis


PLOTS = [
    Plot(
        "pixel",
        "evidence_pixel.png",
        "Pixel model: seam against model calls",
        "Example model, right half masked, 16 held-out pictures; jump across the edge over the original's, 1 is perfect",
        CALLS,
        SEAM,
    ),
    Plot(
        "cfg",
        "evidence_cfg.png",
        "Guided: seam against cfg",
        "Example model, right half masked, 16 held-out pictures; 1 is perfect",
        Axis("cfg", (1, 2, 4, 7)),
        SEAM,
    ),
    Plot(
        "latent",
        "evidence_latent.png",
        "Latent model: seam against model calls",
        "A small latent model in the real host, decoded and stitched; the line at the bottom is the VAE's own round trip",
        CALLS,
        SEAM,
    ),
    Plot(
        "distilled",
        "evidence_distilled.png",
        "Distilled to a few steps: error against model calls",
        "Perfectly distilled models of six distributions whose answer is known, fresh observations; lower is better",
        CALLS,
        Axis("energy distance", (0.02, 0.05, 0.1, 0.2, 0.5, 1)),
    ),
]


def points(notes: str, table: str) -> dict[str, list[tuple[float, float]]]:
    """Lines by name, from rows `| line | across up | across up | ... |` under the table's title."""
    section = notes[notes.index(HEADING) :]
    rows = re.search(rf"^### {table}\n(.*?)(?=^###? |\Z)", section, re.MULTILINE | re.DOTALL)
    if not rows:
        raise SystemExit(f"NOTES.md has no table {table!r} under {HEADING!r}.")
    lines = {}
    for row in rows[1].splitlines():
        cells = [cell.strip() for cell in row.strip("| ").split("|")]
        values = [tuple(map(float, cell.split())) for cell in cells[1:] if re.match(r"[\d.]+ [\d.]+$", cell)]
        if values:
            lines[cells[0]] = values
    return lines


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".github" / "media"
    notes = (HERE / "NOTES.md").read_text(encoding="utf-8")
    for plot in PLOTS:
        lines = coloured(points(notes, plot.table))
        picture = drawn(lines, plot.title, plot.below, plot.across, plot.up)
        picture.resize((1200, 750)).save(folder / plot.file, optimize=True)


if __name__ == "__main__":
    main()
