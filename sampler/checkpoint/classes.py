"""A class by name or by number."""

from collections.abc import Sequence

from ..sentence import shortly

__all__ = ["ANY", "class_numbers"]

ANY = "any class"
SHOWN = 12  # names in a message


def class_numbers(said: str, classes: int | None, names: Sequence[str] = (), noun: str = "model") -> tuple[int, ...]:
    """The labels that someone means by a class's name or number, or by several with commas between.

    Names come before numbers, upper and lower case alike unless two classes differ in nothing else.

    Args:
        said: The names or numbers.
        classes: How many there are; None: that is not known.
        names: Of all of them, or empty.
        noun: Whose classes they are.

    Raises:
        ValueError: There is no such class.

    >>> class_numbers("dog, 0, Dog", 2, ["cat", "dog"])
    (1, 0, 1)
    """
    named = label_of(said, names)  # a name may have commas
    parts = [said] if named is not None else said.split(",")
    if len(parts) > 1 and not all(part.strip() for part in parts):
        raise ValueError(
            f"Between the commas of {shortly(said)} a class is missing; write a name or number in each place."
        )
    return tuple(class_number(part.strip(), classes, names, noun) for part in parts)


def class_number(said: str, classes: int | None, names: Sequence[str], noun: str) -> int:
    label = label_of(said, names)
    if label is not None:
        return label
    if said.isascii() and said.isdecimal() and len(said) < 10 and (classes is None or int(said) < classes):
        return int(said)
    if classes is None:
        raise ValueError(
            f"class_name is {shortly(said)}, but no class names are known; connect the {noun}, or use numbers."
        )
    known = f" or one of {in_words(names)}" if names else ""
    raise ValueError(f"This {noun} has no class {shortly(said)}; choose a number from 0 to {classes - 1}{known}.")


def label_of(name: str, names: Sequence[str]) -> int | None:
    """The label of a class by name; None where no class has that name."""
    wanted = name.strip()
    if wanted in names:
        return list(names).index(wanted)
    lowered = [known.lower() for known in names]
    return lowered.index(wanted.lower()) if wanted.lower() in lowered else None


def in_words(names: Sequence[str]) -> str:
    """The first names, and whether there are more.

    >>> in_words(["cat", "dog"])
    'cat, dog'
    """
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
