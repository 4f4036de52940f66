"""Errors that are told to people: one line, of bounded length, whatever a stranger's file put into it."""

import reprlib

__all__ = ["Sentence", "in_one_line", "shortly"]

MOST = 400  # characters
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 60  # characters of a value: a class name, a path's end
END = 120  # of them, kept where the middle is left out: there stands what to do


class Sentence(ValueError):
    """An error with one sentence that says what is wrong and what to do."""

    def __init__(self, text: str):
        super().__init__(in_one_line(text))


def in_one_line(text: str) -> str:
    """Without line ends, and without characters that would move a terminal's cursor.

    >>> in_one_line("found a\\nb")
    'found a b'
    """
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= MOST else f"{line[: MOST - END - 5]} ... {line[-END:]}"


def shortly(value: object) -> str:
    """A value in a message, whatever its size, on one line."""
    try:
        return " ".join(SHORT.repr(value).split())
    except ValueError:  # Python writes no numbers of thousands of digits
        return "a number of thousands of digits"
