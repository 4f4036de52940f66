"""The exact benchmark's results as a picture."""

from PIL import Image
from plot import Axis, coloured, drawn

from .compare import Results, ratio
from .methods import Method

__all__ = ["drawn_plot"]

CALLS = Axis("model calls per picture", (20, 50, 100, 250, 500, 1000, 2410))
RATIOS = Axis("error ratio", (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20), strong=1)


def drawn_plot(results: Results, names: list[str], methods: list[Method], against: str) -> Image.Image:
    """One line a method, its settings joined in order of their calls; ours first."""
    points: dict[str, list[tuple[float, float]]] = {}
    for method in methods:
        calls = sum(results.calls(name, method.name) for name in names) / len(names)
        points.setdefault(method.line, []).append((calls, ratio(results, names, method.name, against, resampled=1)[0]))
    below = (
        f"Distance to the exact answer, relative to RePaint as published; {len(names)} distributions; lower is better"
    )
    return drawn(coloured(points), "Error of the painted part against model calls", below, CALLS, RATIOS)
