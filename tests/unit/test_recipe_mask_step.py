"""The recipe for another step of Prepare Mask: a function, and one row in sampler/mask/preparation.py."""

import pytest
import torch
from mask_guidance.sampler.mask import preparation, prepare, settings_by_age
from mask_guidance.sampler.mask.preparation import Setting, Step

# Saved workflows know a value by its place: this list only ever grows, at its end.
PLACES = ["invert", "threshold", "ignore_below", "remove_specks", "fill_holes", "grow", "grow_shape", "smooth_outline"]
PLACES += ["feather", "feather_side"]


def shifted(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    return mask.roll(pixels, -1)


ROW = Step((Setting("shift", 0, "Move it to the right.", (0, 64)),), "shifted by {} px".format, shifted, since=1)


@pytest.fixture
def with_shift(monkeypatch):
    """The row stands before growing, so that its work is done there."""
    at = next(i for i, step in enumerate(preparation.STEPS) if step.settings[0].name == "grow")
    monkeypatch.setattr(preparation, "STEPS", (*preparation.STEPS[:at], ROW, *preparation.STEPS[at:]))


def test_inputs_keep_the_places_that_saved_workflows_know():
    assert [setting.name for setting, _ in settings_by_age()] == PLACES


def test_a_new_steps_input_comes_last_and_may_be_missing(with_shift):
    assert [(setting.name, late) for setting, late in settings_by_age()] == [
        *((name, False) for name in PLACES),
        ("shift", True),
    ]


def test_a_new_step_works_where_its_row_stands(with_shift):
    mask = torch.zeros(1, 5, 30)
    mask[..., 4] = 1
    _, done = prepare(mask, feather=1, shift=24, grow=3, grow_shape="square", invert=True)
    assert done == ["inverted", "shifted by 24 px", "grown by 3 px (square)", "feathered by 1 px (both)"]
    grown_after, _ = prepare(mask, shift=24, grow=3, grow_shape="square")
    assert grown_after[0, 0].nonzero()[:, 0].tolist() == [25, 26, 27, 28, 29]  # grown first, it would come round


def test_a_new_step_does_nothing_by_default(with_shift):
    mask = torch.rand(1, 5, 30)
    same, done = prepare(mask)
    assert torch.equal(same, mask)
    assert done == []
