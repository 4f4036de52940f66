"""How often to repeat a level, decided picture by picture: measured, and not shipped (see NOTES.md).

A copy of `feedback`'s loop in which every picture may leave a level on its own. Pictures that have left keep their state
until the others follow, so one batch simulates what a chain for each picture would do; calls are counted by picture.
"""

from collections.abc import Callable

import torch
from mask_guidance.sampler import Descent, Feedback, Ladder
from mask_guidance.sampler.methods import feedback as MODULE
from torch import Tensor

from .methods import LARGEST, Task

__all__ = ["CRITERIA", "by_adaptive"]


FLOOR, CEILING = 2, 16

# A level is left when the criterion falls below the threshold.
CRITERIA = {
    "change": (0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.5),
    "residual": (0.02, 0.05, 0.1, 0.2, 0.4),
    "no gain": (0.0, 0.1, 0.2, 0.4, 0.6),
    "seam": (0.02, 0.05, 0.1, 0.2, 0.4),
}


def by_adaptive(ladder: Ladder, criterion: str, threshold: float) -> Callable[[Task], Tensor]:
    def run(task: Task) -> Tensor:
        return Adaptive(task, ladder, criterion, threshold).run()

    return run


class Adaptive:
    def __init__(self, task: Task, ladder: Ladder, criterion: str, threshold: float):
        self.task, self.ladder, self.rule = task, ladder, Feedback()
        self.criterion, self.threshold = criterion, threshold
        self.weight = task.known.float().expand(1, -1)
        self.seam = seam_pixels(task)

    def run(self) -> Tensor:
        x = float(self.ladder.noise[-1]) * self.task.noise(self.task.pictures)
        shift = torch.zeros_like(x)
        counted = torch.zeros(len(x))
        order = MODULE.repeated_levels(Descent.on(self.ladder, LARGEST), CEILING)
        for level in range(self.ladder.steps, 0, -1):
            x, shift, used = self.level(x, shift, level, order.count(level))
            counted += used
        self.task.calls = float(counted.mean())
        return torch.where(self.task.known, self.task.pictures, x)

    def level(self, x: Tensor, shift: Tensor, level: int, ceiling: int) -> tuple[Tensor, Tensor, Tensor]:
        """Visit one level until every picture has left it."""
        sigma, reached = float(self.ladder.noise[level]), float(self.ladder.noise[level - 1])
        staying = torch.ones(len(x), 1, dtype=torch.bool)
        used = torch.zeros(len(x))
        before, dip = None, self.rule.dip
        for visit in range(1, ceiling + 1):
            used += staying[:, 0]
            fed, predicted, residual, at = self.call(x, shift, level, sigma)
            score = self.score(predicted, residual, before, sigma)
            leave = torch.full_like(staying, visit == ceiling) | ((score < self.threshold) & (visit >= FLOOR))
            down = self.step(predicted, at, residual, sigma, reached, reached)
            again = self.step(predicted, at, residual, sigma, dip * sigma, sigma)
            faded = fed * (reached / sigma) ** self.rule.fade
            x = torch.where(staying, torch.where(leave, down, again), x)
            shift = torch.where(staying, torch.where(leave, faded, fed), shift)
            staying = staying & ~leave
            before = (predicted, residual)
            if not staying.any():
                break
        return x, shift, used

    def call(self, x: Tensor, shift: Tensor, level: int, sigma: float):
        shift, share = MODULE.matched(shift, self.weight, sigma, self.rule)
        known = self.task.pictures + shift
        x = MODULE.pasted(self.weight, known, x, self.ladder, level, self.task.noise(x), share)
        predicted = self.task.denoise(x, sigma)
        residual = self.weight * (self.task.pictures - predicted)
        return MODULE.fed_back(shift, residual, self.rule), predicted, residual, (x - predicted) / sigma

    def step(self, predicted, direction, residual, sigma: float, low: float, reached: float) -> Tensor:
        if reached == 0:
            return predicted
        error = MODULE.spread(residual, self.weight, self.rule)
        return MODULE.stepped(predicted, direction, sigma, low, reached, error, self.task.noise(predicted))

    def score(self, predicted: Tensor, residual: Tensor, before, sigma: float) -> Tensor:
        """Small when another visit would change little; (B, 1)."""
        if before is None:
            return predicted.new_full((len(predicted), 1), torch.inf)
        hole = ~self.task.known
        if self.criterion == "change":  # of the hole's guess, in units of the guess's error
            moved = (predicted - before[0])[:, hole].square().mean(1, keepdim=True)
            error = residual.square().sum(1, keepdim=True) / self.weight.sum()
            return moved / (error + 1e-6)
        if self.criterion == "residual":  # against what the noise alone may leave
            return (residual.square().sum(1, keepdim=True) / self.weight.sum()).sqrt() / sigma
        if self.criterion == "seam":
            return residual[:, self.seam].square().mean(1, keepdim=True).sqrt() / sigma
        gained = 1 - residual.square().sum(1, keepdim=True) / before[1].square().sum(1, keepdim=True).clamp(min=1e-12)
        return gained


def seam_pixels(task: Task) -> Tensor:
    """Known pixels beside the hole; all known values of plain vectors."""
    side = task.problem.side
    if not side:
        return task.known
    known = task.known.view(side, side)
    beside = torch.zeros_like(known)
    beside[1:] |= ~known[:-1]
    beside[:-1] |= ~known[1:]
    beside[:, 1:] |= ~known[:, :-1]
    beside[:, :-1] |= ~known[:, 1:]
    return (beside & known).flatten()
