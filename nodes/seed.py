"""The seed, as every node asks for it."""

from comfy_api.latest import io

__all__ = ["seed_input"]


def seed_input(tooltip: str, advanced: bool | None = None) -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=0xFFFFFFFFFFFFFFFF,
        control_after_generate=True,
        advanced=advanced,
        tooltip=tooltip,
    )
