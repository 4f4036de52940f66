"""How large a result may get before it is refused: a width typed with a digit too many must not take the machine down."""

__all__ = ["MOST_TIMES", "check_room"]

MOST_VALUES = (
    2**26
)  # 256 MB: 1024 masks of 256x256, a picture of 4700x4700; steps take several times that while they work
MOST_TIMES = 16  # or so many times what came in: who has a long video has the memory for it


def check_room(values: int, given: int, what: str, advice: str) -> None:
    """Raises ValueError if a result would have more values than is sensible.

    Args:
        values: Numbers in the result.
        given: In what it is made from.
        what: The result in words, with its sizes.
        advice: What to do.
    """
    most = max(MOST_VALUES, MOST_TIMES * given)
    if values > most:
        raise ValueError(
            f"{what} would take {values / 2**28:.3g} GB, more than the {most / 2**28:.3g} that are sensible here; {advice}."
        )
