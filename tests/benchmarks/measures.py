"""What the benchmarks on pictures measure, and the pictures they measure it on. Pictures are (B, C, H, W) in [-1, 1]."""

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

BESIDE = 4  # pixels
BLEND = 4


def edges(known: Tensor) -> tuple[Tensor, Tensor]:
    """Neighbours of which one is known and one is not: down and across; bool (1, 1, H - 1, W) and (1, 1, H, W - 1)."""
    return known[..., 1:, :] != known[..., :-1, :], known[..., 1:] != known[..., :-1]


def jump(pictures: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference over the mask's edge."""
    down, across = edges(known)
    steps = [
        (pictures[..., 1:, :] - pictures[..., :-1, :])
        .abs()
        .mean(1, keepdim=True)[down.expand(len(pictures), -1, -1, -1)],
        (pictures[..., 1:] - pictures[..., :-1]).abs().mean(1, keepdim=True)[across.expand(len(pictures), -1, -1, -1)],
    ]
    return torch.cat(steps).mean()


def seam(painted: Tensor, pictures: Tensor, known: Tensor) -> Tensor:
    """Jump over the mask's edge over the original's own jump there; 1 is perfect."""
    return jump(painted, known) / jump(pictures, known)


def worst_seam(painted: Tensor, pictures: Tensor, known: Tensor, pixels: int = BLEND) -> Tensor:
    """Largest seam of all the lines at 0 to `pixels` from the mask's edge, on the known side: where a blend may end."""
    return torch.stack([seam(painted, pictures, ~widened(~known, near)) for near in range(pixels + 1)]).max()


def widened(mask: Tensor, pixels: int) -> Tensor:
    return F.max_pool2d(mask.float(), 2 * pixels + 1, 1, pixels).bool()


def squared_error(painted: Tensor, pictures: Tensor) -> Tensor:
    """By pixel, on [0, 1]; (H, W)."""
    return ((painted - pictures) / 2).square().mean((0, 1))


def score(fills: list[Tensor], pictures: Tensor, hole: Tensor) -> Tensor:
    """How well fills stand for what may be in the hole, smaller is better; NaN for a single one; (B,).

    Energy score (Gneiting & Raftery 2007, https://doi.org/10.1198/016214506000001437): distance to the original less half the
    distance of two fills, root mean squares on [0, 1]. The error alone is smallest where all fills are the same mean.
    """

    def apart(one: Tensor, other: Tensor) -> Tensor:
        return ((one - other) / 2)[..., hole].flatten(1).square().mean(1).sqrt()

    pairs = [apart(one, other) for one, other in combinations(fills, 2)]
    if not pairs:
        return torch.full((len(pictures),), torch.nan)
    return torch.stack([apart(one, pictures) for one in fills]).mean(0) - torch.stack(pairs).mean(0) / 2


def beside(known: Tensor) -> Tensor:
    """Painted pixels next to the known; bool (H, W)."""
    return widened(known, BESIDE)[0, 0] & ~known[0, 0]


def grain(pictures: Tensor, hole: Tensor) -> Tensor:
    """Median absolute second difference in the hole, both ways: nothing in flat areas, whatever the edges are."""
    across = (pictures[..., 2:] - 2 * pictures[..., 1:-1] + pictures[..., :-2])[..., hole[:, 1:-1]]
    down = (pictures[..., 2:, :] - 2 * pictures[..., 1:-1, :] + pictures[..., :-2, :])[..., hole[1:-1]]
    return torch.cat([across.flatten(), down.flatten()]).abs().median() / 2


def errors_by_label(predict: Callable[[Tensor], Tensor], noise: Tensor, count: int) -> Tensor:
    """Mean squared error of the predicted noise for each label (Li et al. 2023, https://arxiv.org/abs/2303.16203).

    Args:
        predict: The noise that a network sees, given labels (B,).
        noise: The noise that there is; (B, C, H, W).
        count: Labels.

    Returns:
        (count, B).
    """
    return torch.stack(
        [(predict(torch.full((len(noise),), label)) - noise).square().flatten(1).mean(1) for label in range(count)]
    )


def margin(errors: Tensor, labels: Tensor) -> Tensor:
    """How much better a picture's own label explains it than the best of the others, as a share of its own error; (B,)."""
    own = errors.gather(0, labels[None])[0]
    others = errors.scatter(0, labels[None], torch.inf).amin(0)
    return others / own - 1


def contrast(pictures: Tensor, hole: Tensor) -> Tensor:
    """Mean standard deviation in the hole, picture by picture."""
    return pictures[..., hole].flatten(1).std(1).mean()


def held_out(count: int, first: int = 0, styles: Sequence[str] = ()) -> tuple[Tensor, Tensor]:
    """Pictures that the models never saw, styles in turn, and their labels.

    Args:
        count: Of pictures; as many of each style.
        first: Seed of a style's first, from HELD_OUT on.
        styles: Of these; all of them, if none are given.
    """
    from pictures import HELD_OUT, STYLES, render  # of examples/train

    styles = styles or STYLES
    each = max(1, count // len(styles))
    rendered, labels = render(tuple(styles), range(HELD_OUT + first, HELD_OUT + first + each))
    turn = np.argsort(np.arange(len(labels)) % each, kind="stable")
    return torch.from_numpy(rendered[turn]).permute(0, 3, 1, 2).float() / 127.5 - 1, torch.from_numpy(labels[turn])


def save_sheet(rows: list[Tensor], path: Path) -> None:
    sheet = torch.cat([torch.cat(list(row[:12]), dim=2) for row in rows], dim=1)
    Image.fromarray(((sheet.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()).save(path)
