"""Runs methods on problems, and says how far from the truth they come and how sure that is."""

import json
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from .methods import Method, Task
from .metrics import Truth, measured, truth
from .problems import generator, problem

__all__ = ["EXACT", "FLOORS", "Results", "Setting", "at_equal_calls", "by_problem", "paired", "ratio", "table"]

FLOORS = {"ed": 0.002, "edw": 0.0005}  # below these, means differ by chance only
EXACT = "exact samples"
DRAWN_EXACTLY = 256


@dataclass(frozen=True)
class Setting:
    """How much is measured.

    Attributes:
        observations: Known regions per set.
        chains: Pictures drawn for each; images of 32 px take a half, of 64 px a quarter.
        sets: Seeds of the sets of observations.
    """

    observations: int = 8
    chains: int = 64
    sets: tuple[int, ...] = (23, 37)

    def chains_of(self, name: str) -> int:
        return max(2, self.chains // {32: 2, 64: 4}.get(problem(name).side, 1))


@cache
def truths(name: str, observations: int, seed: int) -> list[Truth]:
    pictures = problem(name).data.sample(observations, generator(seed))
    return [
        truth(problem(name), picture, DRAWN_EXACTLY, 1000 * seed + i) for i, picture in enumerate(pictures.unbind())
    ]


@dataclass
class Results:
    """Metrics by problem, set and method; kept in a file, so that nothing is run twice."""

    setting: Setting
    path: Path | None = None
    rows: dict[str, dict] = field(default_factory=dict)

    def __post_init__(self):
        if self.path and self.path.exists():
            self.rows = json.loads(self.path.read_text())

    def key(self, name: str, seed: int, method: str) -> str:
        return f"{name}|{seed}|{self.setting.observations}x{self.setting.chains_of(name)}|{method}"

    def run(self, names: Iterable[str], methods: Iterable[Method], say=lambda line: None) -> None:
        methods = list(methods)
        for name in names:
            started = time.perf_counter()
            for seed in self.setting.sets:
                for method in methods:
                    if self.key(name, seed, method.name) not in self.rows:
                        self.rows[self.key(name, seed, method.name)] = self.measure(name, seed, method)
                if self.key(name, seed, EXACT) not in self.rows:
                    self.rows[self.key(name, seed, EXACT)] = self.measure(name, seed, None)
            if self.path:
                self.path.write_text(json.dumps(self.rows))
            say(f"{name}: {time.perf_counter() - started:.0f} s")

    def measure(self, name: str, seed: int, method: Method | None) -> dict:
        """One method on all observations of a set in one batch."""
        observed = truths(name, self.setting.observations, seed)
        chains, started = self.setting.chains_of(name), time.perf_counter()
        calls: float = 0
        if method is None:
            drawn = [exactly(name, exact, chains, seed * 77 + i) for i, exact in enumerate(observed)]
        else:
            pictures = torch.stack([exact.picture for exact in observed]).repeat_interleave(chains, 0)
            task = Task(problem(name), pictures, seed, chains)
            with torch.inference_mode():
                drawn = method.run(task).split(chains)
            calls = task.calls  # for each picture: adaptive methods count their own
        seconds = time.perf_counter() - started
        values = [measured(problem(name), exact, x) for exact, x in zip(observed, drawn, strict=True)]
        return {"calls": calls, "seconds": seconds} | {key: [v[key] for v in values] for key in values[0]}

    def values(self, name: str, method: str, metric: str) -> Tensor:
        """By observation, all sets together."""
        rows = [self.rows[self.key(name, seed, method)] for seed in self.setting.sets]
        return torch.tensor([value for row in rows for value in row[metric]], dtype=torch.float64)

    def calls(self, name: str, method: str) -> float:
        rows = [self.rows[self.key(name, seed, method)] for seed in self.setting.sets]
        return sum(row["calls"] for row in rows) / len(rows)


def exactly(name: str, exact: Truth, count: int, seed: int) -> Tensor:
    pictures = exact.picture.expand(count, -1).clone()
    known = problem(name).known
    pictures[:, ~known] = problem(name).conditional.sample(exact.picture[known], count, generator(seed))
    return pictures


def paired(results: Results, name: str, method: str, other: str, metric: str = "ed") -> float:
    """Mean difference of two methods over the same observations, in standard errors; negative where `method` is better."""
    difference = results.values(name, method, metric) - results.values(name, other, metric)
    error = difference.std() / math.sqrt(len(difference))
    return float(difference.mean() / error.clamp(min=1e-12))


def ratio(
    results: Results, names: list[str], method: str, other: str, metric: str = "ed", resampled: int = 400
) -> tuple[float, float, float]:
    """Geometric mean over problems of the error relative to another method, and its 16 % and 84 % points.

    Those come from drawing the observations anew (bootstrap).
    """
    ours = [results.values(name, method, metric) for name in names]
    theirs = [results.values(name, other, metric) for name in names]
    g = generator(5)
    ratios = []
    for again in range(resampled + 1):
        logs = []
        for a, b in zip(ours, theirs, strict=True):
            pick = torch.randint(len(a), (len(a),), generator=g) if again else torch.arange(len(a))
            floor = FLOORS[metric]
            logs.append(math.log(max(float(a[pick].mean()), floor) / max(float(b[pick].mean()), floor)))
        ratios.append(math.exp(sum(logs) / len(logs)))
    low, high = torch.tensor(ratios[1:]).quantile(torch.tensor([0.16, 0.84])).tolist()
    return ratios[0], low, high


def counts(results: Results, names: list[str], method: str, other: str, by: float) -> str:
    """On how many problems a method is better / not to be told apart / worse, at so many standard errors."""
    scores = [paired(results, name, method, other) for name in names]
    better, worse = sum(s <= -by for s in scores), sum(s >= by for s in scores)
    return f"{better}/{len(scores) - better - worse}/{worse}"


def mean_of(results: Results, names: list[str], method: str, metric: str) -> str:
    values = [results.values(name, method, metric) for name in names]
    finite = [float(v.mean()) for v in values if not v.isnan().any()]
    return f"{sum(finite) / len(finite):.2f}" if finite else "-"


def table(results: Results, names: list[str], methods: list[str], other: str) -> str:
    """Markdown: quality against model calls."""
    lines = [
        "| method | calls | ED ratio (16-84 %) | EDw ratio | b/t/w 1 s.e. | 2 s.e. | mode TV | seam |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        calls = sum(results.calls(name, method) for name in names) / len(names)
        value, low, high = ratio(results, names, method, other)
        white = whitened(results, names, method, other)
        cells = [
            method,
            f"{calls:.0f}",
            f"{value:.2f} ({low:.2f}-{high:.2f})",
            f"{white:.2f}",
            counts(results, names, method, other, 1),
            counts(results, names, method, other, 2),
            mean_of(results, names, method, "tv"),
            mean_of(results, names, method, "seam"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def whitened(results: Results, names: list[str], method: str, other: str) -> float:
    return ratio(results, names, method, other, "edw", 2)[0]


def by_problem(results: Results, names: list[str], methods: list[str], metric: str = "ed") -> str:
    """Markdown: mean and standard error of every problem."""
    lines = ["| method | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for method in methods:
        cells = []
        for name in names:
            values = results.values(name, method, metric)
            cells.append(f"{float(values.mean()):.4f}±{float(values.std()) / math.sqrt(len(values)):.4f}")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def at_equal_calls(results: Results, names: list[str], methods: list[str], fixed: list[str]) -> str:
    """Markdown: methods whose calls differ from problem to problem, against fixed numbers of calls.

    Twice: with the calls that a problem took by itself, and with the mean over problems, which is what a fixed number
    spends on each. The fixed ones' own rows show how far a
    measurement strays from the line through them by chance.
    """
    lines = ["| method | mean calls | least, most | error ratio at its calls | at the mean |", "|---" * 5 + "|"]
    lines_of = {name: fitted(results, name, fixed) for name in names}
    for method in [*methods, *fixed]:
        calls = [results.calls(name, method) for name in names]
        mean = statistics.geometric_mean(calls)
        errors = [math.log(max(float(results.values(name, method, "ed").mean()), FLOORS["ed"])) for name in names]
        ratios = []
        for counts_spent in (calls, [mean] * len(names)):
            expected = [lines_of[name](count) for name, count in zip(names, counts_spent, strict=True)]
            ratios.append(math.exp(statistics.mean(e - x for e, x in zip(errors, expected, strict=True))))
        span = f"{min(calls):.0f}, {max(calls):.0f}"
        lines.append(f"| {method} | {mean:.0f} | {span} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    return "\n".join(lines)


def fitted(results: Results, name: str, fixed: list[str]) -> Callable[[float], float]:
    """Log error of a fixed number of calls: a straight line through the measured ones, both axes logarithmic."""
    errors = [max(float(results.values(name, method, "ed").mean()), FLOORS["ed"]) for method in fixed]
    calls = [math.log(results.calls(name, method)) for method in fixed]
    slope, level = statistics.linear_regression(calls, [math.log(e) for e in errors])
    return lambda count: level + slope * math.log(count)
