"""A class by name or by number."""

from collections.abc import Sequence

__all__ = ["class_named", "class_number", "class_numbers"]

SHOWN = 12  # names in a message


def class_named(name: str, names: Sequence[str]) -> int:
    """The label of a class by name, upper and lower case alike unless two classes differ in nothing else.

    Raises:
        ValueError: No class has that name.
    """
    wanted = name.strip()
    if wanted in names:
        return list(names).index(wanted)
    lowered = [known.lower() for known in names]
    if wanted.lower() in lowered:
        return lowered.index(wanted.lower())
    raise ValueError(f"This model has no class named '{name}'; its classes are {in_words(names)}.")


def class_number(said: str, classes: int, names: Sequence[str] = ()) -> int:
    """The label that someone means by a name or a number, in this order.

    Args:
        said: The name or number.
        classes: How many there are.
        names: Of all of them, or empty.

    Raises:
        ValueError: There is no such class.
    """
    said = said.strip()
    try:
        return class_named(said, names)
    except ValueError:
        if said.isascii() and said.isdecimal() and len(said) < 10 and int(said) < classes:
            return int(said)
    known = f" or one of {in_words(names)}" if names else ""
    raise ValueError(f"class_label is '{said}', but must be a number from 0 to {classes - 1}{known}.")


def class_numbers(said: str, classes: int, names: Sequence[str] = ()) -> tuple[int, ...]:
    """The labels that someone means by names or numbers with commas between; arguments and errors as for `class_number`.

    >>> class_numbers("dog, 0, dog", 2, ["cat", "dog"])
    (1, 0, 1)
    """
    try:
        return (class_number(said, classes, names),)  # a name may have commas
    except ValueError:
        if "," not in said:
            raise
    return tuple(class_number(one, classes, names) for one in said.split(","))


def in_words(names: Sequence[str]) -> str:
    """The first names, and whether there are more.

    >>> in_words(["cat", "dog"])
    'cat, dog'
    """
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
