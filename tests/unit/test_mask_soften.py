"""Feathers and smoothed outlines keep to their radius, and borders do not fade."""

import pytest
import torch
from mask_guidance.sampler.mask import FEATHERS, distance, feather, smooth_outline
from random_masks import random_mask, shapes, strokes


def edge_distance(mask: torch.Tensor) -> torch.Tensor:
    """Of every pixel to the nearest of another kind."""
    inside = mask > 0
    return torch.where(inside, distance(~inside), distance(inside))


@pytest.mark.parametrize("side", FEATHERS)
@pytest.mark.parametrize("n", [1, 3, 8])
def test_feather_never_changes_values_farther_than_its_radius(side, n):
    masks = torch.cat([shapes(), random_mask((4, 40, 40), 0.003, soft=False)])
    far = edge_distance(masks) > n
    assert torch.equal(feather(masks, n, side)[far], masks[far])


@pytest.mark.parametrize("n", [1, 3, 8])
def test_outward_keeps_the_mask_and_inward_keeps_the_rest(n):
    masks = torch.cat([shapes(), strokes(40)])
    outward, inward = feather(masks, n, "outward"), feather(masks, n, "inward")
    assert (outward[masks == 1] == 1).all()
    assert (inward[masks == 0] == 0).all()
    within = distance(masks > 0) <= n
    assert (outward[within] > 0).all()


@pytest.mark.parametrize("side", FEATHERS)
def test_feather_is_steady_from_0_to_1_across_the_edge(side):
    mask = torch.zeros(1, 1, 40)
    mask[..., 20:] = 1
    row = feather(mask, 6, side)[0, 0]
    assert (row.diff() >= 0).all()
    assert row.diff().max() < 0.3
    assert row[0] == 0
    assert row[-1] == 1


def test_both_is_half_way_at_the_edge():
    mask = torch.zeros(1, 1, 40)
    mask[..., 20:] = 1
    row = feather(mask, 6)[0, 0]
    torch.testing.assert_close(row + row.flip(0), torch.ones(40))


@pytest.mark.parametrize("side", FEATHERS)
def test_a_mask_at_the_border_does_not_fade_there(side):
    mask = torch.zeros(1, 30, 30)
    mask[:, :, 15:] = 1
    feathered = feather(mask, 5, side)
    assert (feathered == feathered[:, :1]).all()  # every row as if the picture went on
    assert (feathered[:, :, 25:] == 1).all()
    assert (feather(torch.ones(1, 9, 9), 5, side) == 1).all()


@pytest.mark.parametrize("side", FEATHERS)
def test_a_soft_mask_is_feathered_in_proportion(side):
    hard = shapes()
    torch.testing.assert_close(feather(0.4 * hard, 5, side), 0.4 * feather(hard, 5, side))


def test_many_values_stay_exactly_as_they_are_away_from_edges():
    mask = torch.zeros(1, 1, 400)
    mask[..., 100:300] = torch.linspace(0, 1, 200)
    mask[..., 300:] = 1
    changed = feather(mask, 3)
    assert torch.equal(changed[..., :90], mask[..., :90])
    assert (changed - mask).abs().max() < 0.1


@pytest.mark.parametrize("n", [1, 2, 5])
def test_smoothing_moves_no_outline_farther_than_its_radius(n):
    masks = torch.cat([shapes(), random_mask((4, 40, 40), 0.01, soft=False)])
    far = edge_distance(masks) > n
    assert torch.equal(smooth_outline(masks, n)[far], masks[far])


def test_smoothing_keeps_straight_edges_and_hard_masks_hard():
    mask = torch.zeros(1, 30, 30)
    mask[:, 12:] = 1
    assert torch.equal(smooth_outline(mask, 4), mask)
    rough = random_mask((1, 40, 40), 0.5, soft=False)
    assert set(smooth_outline(rough, 3).unique().tolist()) <= {0.0, 1.0}


def test_smoothing_removes_fray_and_rounds_corners():
    mask = torch.zeros(1, 40, 40)
    mask[:, 10:30, 10:30] = 1
    mask[:, 9, ::3] = mask[:, 10, ::3]
    smooth = smooth_outline(mask, 4)
    assert smooth[0, 9].sum() == 0
    assert smooth[0, 10, 10] == 0
    assert smooth[0, 20, 10] == 1


@pytest.mark.parametrize("step", [lambda m: feather(m, 0), lambda m: smooth_outline(m, 0)])
def test_zero_pixels_change_nothing(step):
    mask = random_mask((1, 9, 9), 0.5, soft=True)
    assert torch.equal(step(mask), mask)


def test_unknown_side_is_refused():
    with pytest.raises(ValueError, match="must be one of: outward, inward, both"):
        feather(torch.zeros(1, 4, 4), 2, "sideways")
