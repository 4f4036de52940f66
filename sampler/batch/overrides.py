"""`--section.name value` on the command line: another value than a configuration file has.

So are the settings of https://github.com/xyfJASON/diffusion-models-pytorch changed. No option of ours has a dot in its name.
"""

from collections.abc import Mapping, Sequence

from ..checkpoint.flags import parse_value
from .settings import SettingsError

__all__ = ["overridden", "without_overrides"]


def without_overrides(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The other words of a command line, and its overrides: texts by path.

    Raises:
        SettingsError: An override has no value.

    >>> without_overrides(["--seed", "1", "--a.b", "2", "--a.c=3"])
    (['--seed', '1'], {'a.b': '2', 'a.c': '3'})
    """
    rest: list[str] = []
    overrides: dict[str, str] = {}
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if not (name.startswith("--") and "." in name):
            rest.append(word)
            continue
        text = value if equals else next(left, "--")
        if text.startswith("--"):
            raise SettingsError(f"{name} has no value; write {name} VALUE or {name}=VALUE.")
        overrides[name.removeprefix("--")] = text
    return rest, overrides


def overridden(content: object, overrides: Mapping[str, str], file: str) -> tuple[object, list[str]]:
    """A file's content with other values, and what is to be said of that.

    Args:
        content: As it was parsed; not changed.
        overrides: Texts by path; each is JSON or YAML.
        file: Its name.

    Raises:
        SettingsError: The file has no such section.
        CheckpointError: A text cannot be read.
    """
    notes = []
    for path, text in overrides.items():
        *sections, name = path.split(".")
        section = content
        for depth, one in enumerate(sections):
            there = named(section)
            if not isinstance(there.get(one), Mapping):
                known = ", ".join(key for key, value in there.items() if isinstance(value, Mapping)) or "none"
                within = f" in {'.'.join(sections[:depth])}" if depth else ""
                raise SettingsError(f"--{path}: {file} has no section '{one}'{within}; the sections there: {known}.")
            section = there[one]
        if name not in named(section):
            notes.append(f"--{path}: {file} had no such value; a misspelt name would do nothing.")
        content = with_value(content, [*sections, name], parse_value(text, f"--{path}"))
    return content, notes


def named(section: object) -> dict[str, object]:
    return {str(key): value for key, value in section.items()} if isinstance(section, Mapping) else {}


def with_value(section: object, path: Sequence[str], value: object) -> dict[str, object]:
    """The same section with another value at the end of a path that it has."""
    first, *rest = path
    there = named(section)
    return {**there, first: with_value(there[first], rest, value) if rest else value}
