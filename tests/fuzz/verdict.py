"""Whether a run ended as it should: with outputs that hold what was promised, or with one sentence, ours or the host's."""

from pathlib import Path

__all__ = ["bad", "frames_of"]

PACK = Path(__file__).resolve().parents[2]
CODE = (PACK / "nodes", PACK / "sampler")
OURS = ".sampler."  # in the full name of the core's own exceptions
HOST = ("InterruptProcessingException", "OutOfMemoryError")  # the host knows what they mean


def bad(run) -> str | None:
    """What was wrong with a run (see comfy_client.Run), or None."""
    if run.error is None:
        seen = [words for output in run.outputs.values() for words in output.get("complaints", ())]
        return "; ".join(seen) or None
    if "exception_type" not in run.error:
        return None  # refused before it began, by the host
    return bad_error(run.error)


def bad_error(error: dict) -> str | None:
    frames = frames_of(error)
    kind, message = error["exception_type"].rsplit(".", 1)[-1], error["exception_message"].strip()
    if not any(ours for ours, _ in frames):
        return None  # a node of somebody else's, before ours or after
    if kind in HOST:
        return None
    said_by_us, line = frames[-1]
    sentence = message.endswith((".", ".'")) and "\n" not in message
    if (
        sentence
        and said_by_us
        and line.startswith("raise ")
        and (kind == "ValueError" or OURS in error["exception_type"])
    ):
        return None
    return f"{kind}: {message[:300]}"


def frames_of(error: dict) -> list[tuple[bool, str]]:
    """Of each frame from the outermost in: whether it is the pack's, and its line."""
    found = []
    for frame in error["traceback"]:
        head, *lines = frame.strip().splitlines()
        path = Path(head.split('"')[1]).resolve()
        found.append((any(path.is_relative_to(folder) for folder in CODE), lines[0].strip() if lines else ""))
    return found
