"""Quality against a cost as a picture, drawn with Pillow; both axes are logarithmic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

__all__ = ["Axis", "Line", "coloured", "drawn"]

WIDTH, HEIGHT, FINER = 1600, 1000, 2  # drawn larger by FINER, then shrunk: smooth edges
LEFT, RIGHT, TOP, BOTTOM = 130, 50, 130, 110
INK, FAINT, GRID = "#1c2430", "#5c6673", "#e3e7ec"
FIRST = "#d6451b"
COLOURS = ["#1f5fa8", "#6fa8dc", "#6b7280", "#a3a9b3", "#7a4fa3", "#2e8b57", "#b8860b", "#c2659a", "#008b8b"]


@dataclass(frozen=True)
class Line:
    """Points joined in their order, with the line's name beside it.

    Attributes:
        points: Across and up, above 0.
    """

    name: str
    colour: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """What is along an edge of the plot.

    Attributes:
        title: What it is.
        ticks: Values that are written at it.
        strong: The value that all others are compared with.
    """

    title: str
    ticks: Sequence[float]
    strong: float | None = None


class Canvas:
    """Logarithmic axes on a picture."""

    def __init__(self, across: tuple[float, float], up: tuple[float, float]):
        self.image = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.across, self.up = across, up
        self.taken: list[tuple[float, float, float, float]] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = math.log(x / self.across[0]) / math.log(self.across[1] / self.across[0])
        down = 1 - math.log(y / self.up[0]) / math.log(self.up[1] / self.up[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), TOP + down * (HEIGHT - TOP - BOTTOM)

    def line(self, points: list[tuple[float, float]], colour: str, width: float) -> None:
        scaled = [(x * FINER, y * FINER) for x, y in points]
        self.draw.line(scaled, fill=colour, width=round(width * FINER), joint="curve")

    def dot(self, point: tuple[float, float], radius: float, colour: str) -> None:
        x, y, r = point[0] * FINER, point[1] * FINER, radius * FINER
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour, outline="white", width=FINER * 2)

    def text(self, point: tuple[float, float], words: str, colour: str, size: float, anchor: str = "lm") -> None:
        x, y = point[0] * FINER, point[1] * FINER
        self.draw.text((x, y), words, fill=colour, font=font(size), anchor=anchor)

    def box(self, point: tuple[float, float], words: str, size: float, anchor: str) -> tuple[float, ...]:
        x, y = point[0] * FINER, point[1] * FINER
        return tuple(v / FINER for v in self.draw.textbbox((x, y), words, font=font(size), anchor=anchor))

    def shown(self) -> Image.Image:
        return self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size * FINER)


def coloured(points: dict[str, list[tuple[float, float]]]) -> list[Line]:
    """Lines by name, each in the order of its first coordinate; the first stands out."""
    colours = [FIRST, *COLOURS * (1 + len(points) // len(COLOURS))]
    return [Line(name, colour, sorted(p)) for (name, p), colour in zip(points.items(), colours, strict=False)]


def drawn(lines: list[Line], title: str, below: str, across: Axis, up: Axis) -> Image.Image:
    """The lines, the first one strongest.

    Args:
        below: Second, smaller line of the title.
    """
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    canvas = Canvas((min(xs) / 1.25, max(xs) * 1.35), (min(ys) / 1.5, max(ys) * 1.5))
    axes(canvas, across, up)
    for line in reversed(lines):
        points = [canvas.at(*point) for point in line.points]
        strong = line is lines[0]
        canvas.line(points, line.colour, 6 if strong else 3.5)
        for point in points:
            canvas.dot(point, 11 if strong else 8, line.colour)
        canvas.taken += [box for a, b in pairwise(points) for box in boxes_along(a, b)]
        canvas.taken += [(x - 12, y - 12, x + 12, y + 12) for x, y in points]
    for line in sorted(lines, key=lambda line: line.points[-1][0]):  # ends among other lines have less room
        label(canvas, line, 29 if line is lines[0] else 25)
    canvas.text((LEFT - 90, 42), title, INK, 38)
    canvas.text((LEFT - 90, 90), below, FAINT, 26)
    canvas.text(((WIDTH + LEFT - RIGHT) / 2, HEIGHT - 32), across.title, INK, 27, "mm")
    return canvas.shown()


def axes(canvas: Canvas, across: Axis, up: Axis) -> None:
    for tick in across.ticks:
        if canvas.across[0] <= tick <= canvas.across[1]:
            bottom = canvas.at(tick, canvas.up[0])
            canvas.line([canvas.at(tick, canvas.up[1]), bottom], GRID, 2)
            canvas.text((bottom[0], bottom[1] + 14), f"{tick:,}", FAINT, 25, "ma")
    for tick in up.ticks:
        if canvas.up[0] <= tick <= canvas.up[1]:
            left = canvas.at(canvas.across[0], tick)
            strong = tick == up.strong
            canvas.line([left, canvas.at(canvas.across[1], tick)], FAINT if strong else GRID, 3 if strong else 2)
            if strong:
                canvas.taken.append((left[0], left[1] - 2, WIDTH, left[1] + 2))
            canvas.text((left[0] - 16, left[1]), f"{tick:g}", INK if strong else FAINT, 25, "rm")


def boxes_along(a: tuple[float, float], b: tuple[float, float]) -> list[tuple[float, float, float, float]]:
    """Small boxes that cover a stroke, for keeping labels off it."""
    count = max(1, int(math.dist(a, b) / 12))
    steps = [i / count for i in range(count + 1)]
    places = [(a[0] + (b[0] - a[0]) * s, a[1] + (b[1] - a[1]) * s) for s in steps]
    return [(x - 6, y - 6, x + 6, y + 6) for x, y in places]


def label(canvas: Canvas, line: Line, size: float) -> None:
    """The line's name beside it, where it covers nothing: at its end, else at its start, above or below."""
    end, start = canvas.at(*line.points[-1]), canvas.at(*line.points[0])
    middle = canvas.at(*line.points[len(line.points) // 2])
    places = [((end[0] + 20, end[1]), "lm")]
    for x, y in (end, start, middle):
        for gap in range(26, 120, 6):
            for anchor in ("mm", "lm", "rm"):
                places += [((x, y - gap), anchor), ((x, y + gap), anchor)]
    for place, anchor in places:
        box = canvas.box(place, line.name, size, anchor)
        inside = box[0] > LEFT + 6 and box[2] < WIDTH - 8 and box[1] > TOP and box[3] < HEIGHT - BOTTOM - 4
        if inside and not any(overlap(box, other) for other in canvas.taken):
            break
    canvas.taken.append(box)
    canvas.text(place, line.name, line.colour, size, anchor)


def overlap(a, b) -> bool:
    return a[0] < b[2] + 4 and b[0] < a[2] + 4 and a[1] < b[3] + 3 and b[1] < a[3] + 3
