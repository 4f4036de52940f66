"""What is said of a machine: numbers beside their goals, what could not be looked at, what broke; and one table of it all."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Missing", "Row", "failed", "read", "table", "write"]


class Missing(Exception):
    """Something that a check needs and that is not here, in a few words."""


@dataclass(frozen=True)
class Row:
    """One number, or why there is none.

    Attributes:
        what: It is of.
        value: The number.
        unit: Of the number.
        least: It is to be so much at least; None: no such goal.
        most: It is to be so much at most; None: no such goal. Without either the number is only shown.
        missing: Why it could not be measured; no failure.
        broken: What went wrong instead of a number.
        theirs: What the other side took, in words.
        ours: What we took.
        error: How far ours is from the other side's result.
        error_most: It is to be so far at most; None: no such goal.
        memory: Of both sides, in words.
    """

    what: str
    value: float | None = None
    unit: str = ""
    least: float | None = None
    most: float | None = None
    missing: str = ""
    broken: str = ""
    theirs: str = ""
    ours: str = ""
    error: float | None = None
    error_most: float | None = None
    memory: str = ""

    @property
    def verdict(self) -> str:
        if self.broken:
            return "FAILED"
        if self.missing or self.value is None:
            return "not measured"
        held = [self.value >= self.least] if self.least is not None else []  # NaN is neither more nor less
        held += [self.value <= self.most] if self.most is not None else []
        held += [self.error is not None and self.error <= self.error_most] if self.error_most is not None else []
        return ("met" if all(held) else "MISSED") if held else ""

    @property
    def goal(self) -> str:
        limits = [(self.least, "at least"), (self.most, "at most")]
        return ", ".join(f"{words} {limit:g}" for limit, words in limits if limit is not None)

    @property
    def off(self) -> str:
        """The error in words, with its goal."""
        goal = "" if self.error_most is None else f", at most {self.error_most:g}"
        return "" if self.error is None else f"{self.error:.1e}{goal}"

    @property
    def said(self) -> str:
        value = "" if self.value is None else f"{self.value:.4g} {self.unit}".strip()
        return self.broken or self.missing or value


# The table's columns by their headings; those that no row fills are left out.
COLUMNS: dict[str, Callable[[Row], str]] = {
    "": lambda row: row.what,
    "theirs": lambda row: row.theirs,
    "ours": lambda row: row.ours,
    "measured": lambda row: row.said,
    "goal": lambda row: row.goal,
    "error": lambda row: row.off,
    "memory": lambda row: row.memory,
    "verdict": lambda row: row.verdict,
}


def failed(rows: Iterable[Row]) -> bool:
    """Whether a goal was missed, or something broke."""
    return any(row.verdict in ("FAILED", "MISSED") for row in rows)


def table(rows: dict[str, list[Row]]) -> str:
    """Markdown; sections by their titles."""
    everything = [row for those in rows.values() for row in those]
    columns = {name: said for name, said in COLUMNS.items() if any(map(said, everything))}
    lines = [line(columns), line("---" for _ in columns)]
    for title, those in rows.items():
        lines.append(line([f"**{title}**", *[""] * (len(columns) - 1)]))
        lines += [line(said(row) for said in columns.values()) for row in those]
    return "\n".join(lines)


def line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("\n", " ")


def write(row: Row, file: Path) -> None:
    """Add a row to a file at once: a section that is ended later has said so much."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(row)) + "\n")


def read(file: Path) -> list[Row]:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [Row(**json.loads(line)) for line in text.splitlines()]
