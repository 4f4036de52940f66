"""Quality against model calls as a picture, drawn with Pillow."""

import math
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from .compare import Results, ratio
from .methods import Method

__all__ = ["drawn_plot"]

WIDTH, HEIGHT, FINER = 1600, 1000, 2  # drawn larger by FINER, then shrunk: smooth edges
LEFT, RIGHT, TOP, BOTTOM = 130, 50, 130, 110
INK, FAINT, GRID = "#1c2430", "#5c6673", "#e3e7ec"
FIRST = "#d6451b"
COLOURS = ["#1f5fa8", "#6fa8dc", "#6b7280", "#a3a9b3", "#7a4fa3", "#2e8b57", "#b8860b", "#c2659a", "#008b8b"]
CALL_TICKS = (20, 50, 100, 250, 500, 1000, 2410)
RATIO_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


@dataclass(frozen=True)
class Line:
    name: str
    colour: str
    points: list[tuple[float, float]]  # calls, ratio


class Canvas:
    """Logarithmic axes on a picture."""

    def __init__(self, calls: tuple[float, float], ratios: tuple[float, float]):
        self.image = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.calls, self.ratios = calls, ratios
        self.taken: list[tuple[float, float, float, float]] = []

    def at(self, calls: float, value: float) -> tuple[float, float]:
        across = math.log(calls / self.calls[0]) / math.log(self.calls[1] / self.calls[0])
        down = 1 - math.log(value / self.ratios[0]) / math.log(self.ratios[1] / self.ratios[0])
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


def drawn_plot(results: Results, names: list[str], methods: list[Method], against: str) -> Image.Image:
    lines = plotted_lines(results, names, methods, against)
    values = [value for line in lines for _, value in line.points]
    calls = [call for line in lines for call, _ in line.points]
    canvas = Canvas((min(calls) / 1.25, max(calls) * 1.35), (min(values) / 1.5, max(values) * 1.5))
    axes(canvas)
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
    titles(canvas, len(names))
    return canvas.shown()


def plotted_lines(results: Results, names: list[str], methods: list[Method], against: str) -> list[Line]:
    """One line a method, its settings joined in order of their calls; ours first."""
    points: dict[str, list[tuple[float, float]]] = {}
    for method in methods:
        calls = sum(results.calls(name, method.name) for name in names) / len(names)
        points.setdefault(method.line, []).append((calls, ratio(results, names, method.name, against, resampled=1)[0]))
    colours = [FIRST, *COLOURS * (1 + len(points) // len(COLOURS))]
    return [Line(name, colour, sorted(p)) for (name, p), colour in zip(points.items(), colours, strict=False)]


def axes(canvas: Canvas) -> None:
    for call in CALL_TICKS:
        if canvas.calls[0] <= call <= canvas.calls[1]:
            bottom = canvas.at(call, canvas.ratios[0])
            canvas.line([canvas.at(call, canvas.ratios[1]), bottom], GRID, 2)
            canvas.text((bottom[0], bottom[1] + 14), f"{call:,}", FAINT, 25, "ma")
    for value in RATIO_TICKS:
        if canvas.ratios[0] <= value <= canvas.ratios[1]:
            left = canvas.at(canvas.calls[0], value)
            strong = value == 1
            canvas.line([left, canvas.at(canvas.calls[1], value)], FAINT if strong else GRID, 3 if strong else 2)
            if strong:
                canvas.taken.append((left[0], left[1] - 2, WIDTH, left[1] + 2))
            canvas.text((left[0] - 16, left[1]), f"{value:g}", INK if strong else FAINT, 25, "rm")


def titles(canvas: Canvas, problems: int) -> None:
    canvas.text((LEFT - 90, 42), "Error of the painted part against model calls", INK, 38)
    below = f"Distance to the exact answer, relative to RePaint as published; {problems} distributions; lower is better"
    canvas.text((LEFT - 90, 90), below, FAINT, 26)
    canvas.text(((WIDTH + LEFT - RIGHT) / 2, HEIGHT - 32), "model calls per picture", INK, 27, "mm")


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
