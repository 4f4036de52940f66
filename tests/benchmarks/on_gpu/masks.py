"""The mask operations at 4096 px, with all but two GiB of the card taken by others."""

import importlib.util
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .asked import Asked
from .clock import seconds
from .report import Missing, Row

LEFT = 2 * 2**30  # bytes
RADIUS = 16
SMALL = 1024  # where soft masks are compared, for the CPU takes long for them
NEAR = 1e-5


def on_a_nearly_full_card(asked: Asked) -> Iterator[Row]:
    for package in ("scipy", "skimage"):
        if importlib.util.find_spec(package) is None:
            raise Missing(f"needs {package} (requirements-dev.txt)")
    from masks import blobs, cases

    side, small = asked.fits((4096, SMALL), (256, 128))
    taken = fill_the_card() if asked.gpu else None
    there, here, less_there, less_here = (
        cases(blobs(size, device), RADIUS) for size in (side, small) for device in (asked.device, "cpu")
    )
    equal = count = 0
    for (name, step, _), (_, on_cpu, _), (_, less, _), (_, less_on_cpu, _) in zip(
        there, here, less_there, less_here, strict=True
    ):
        if "joined" in name:  # gives numbers of regions, not a mask
            continue
        try:
            result = step()
            yield Row(f"{name}, {side} px", seconds(step, asked.gpu), "s", most=asked.most(1))
        except torch.OutOfMemoryError:
            yield Row(f"{name}, {side} px", broken="out of memory")
            continue
        far = difference(result, on_cpu) if hard(result) else difference(less(), less_on_cpu)
        near = far <= (0 if hard(result) else NEAR)
        count, equal = count + 1, equal + near
        if not near:
            yield Row(f"{name} differs from the CPU by", far, most=NEAR)
    yield Row("masks that are the CPU's: hard ones to the bit", 100 * equal / count, "%", least=100)
    del taken


def hard(mask: Tensor) -> bool:
    return not mask.is_floating_point() or bool(((mask == 0) | (mask == 1)).all())


def difference(result: Tensor, on_cpu: Callable[[], Tensor]) -> float:
    """Largest, over the size of what is compared where that is above one, as distances are."""
    expected = on_cpu().double()
    return float(((result.cpu().double() - expected).abs() / expected.abs().clamp(min=1)).max())


def fill_the_card() -> Tensor:
    free, _ = torch.cuda.mem_get_info()
    return torch.empty(max(0, free - LEFT), dtype=torch.uint8, device="cuda")


CHECKS = (on_a_nearly_full_card,)
