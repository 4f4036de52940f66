"""What is said of a GPU: numbers beside their goals, what could not be looked at, what broke; and one table of it all."""

import json
from collections.abc import Iterable
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
    """

    what: str
    value: float | None = None
    unit: str = ""
    least: float | None = None
    most: float | None = None
    missing: str = ""
    broken: str = ""

    @property
    def verdict(self) -> str:
        if self.broken:
            return "FAILED"
        if self.missing or self.value is None:
            return "not measured"
        if self.least is None and self.most is None:
            return ""
        enough = self.least is None or self.value >= self.least  # NaN is neither
        return "met" if enough and (self.most is None or self.value <= self.most) else "MISSED"

    @property
    def goal(self) -> str:
        limits = [(self.least, "at least"), (self.most, "at most")]
        return ", ".join(f"{words} {limit:g}" for limit, words in limits if limit is not None)

    @property
    def said(self) -> str:
        value = "" if self.value is None else f"{self.value:.4g} {self.unit}".strip()
        return self.broken or self.missing or value


def failed(rows: Iterable[Row]) -> bool:
    """Whether a goal was missed, or something broke."""
    return any(row.verdict in ("FAILED", "MISSED") for row in rows)


def table(rows: dict[str, list[Row]]) -> str:
    """Markdown; sections by their titles."""
    lines = ["| | measured | goal | |", "|---|---|---|---|"]
    for title, those in rows.items():
        lines.append(f"| **{title}** | | | |")
        lines += [f"| {row.what} | {row.said} | {row.goal} | {row.verdict} |".replace("\n", " ") for row in those]
    return "\n".join(lines)


def write(row: Row, file: Path) -> None:
    """Add a row to a file at once: a section that is ended later has said so much."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(row)) + "\n")


def read(file: Path) -> list[Row]:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [Row(**json.loads(line)) for line in text.splitlines()]
