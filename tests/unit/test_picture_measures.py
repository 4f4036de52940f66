"""The measures of the benchmarks on pictures, on pictures whose values are known by hand."""

import pytest
import torch
from measures import beside, edges, grain, jump, margin, score, seam, squared_error, worst_seam

KNOWN = torch.arange(16).expand(1, 1, 16, 16) < 8
RAMP = torch.linspace(-1, 1, 16).expand(2, 3, 16, 16)
STEP = 2 / 15


def shifted(pictures: torch.Tensor, first: int, by: float) -> torch.Tensor:
    """Columns from `first` on brighter."""
    return pictures + by * (torch.arange(16) >= first)


def test_a_picture_has_no_seam_to_itself():
    assert float(seam(RAMP, RAMP, KNOWN)) == pytest.approx(1)
    assert float(worst_seam(RAMP, RAMP, KNOWN)) == pytest.approx(1)


def test_the_seam_is_the_jump_at_the_edge_over_the_originals():
    assert float(jump(RAMP, KNOWN)) == pytest.approx(STEP)
    assert float(seam(shifted(RAMP, 8, 0.4), RAMP, KNOWN)) == pytest.approx((STEP + 0.4) / STEP)


def test_only_the_worst_seam_sees_a_jump_outside_the_mask_as_far_as_it_looks():
    moved = shifted(RAMP, 5, 0.4)
    assert float(seam(moved, RAMP, KNOWN)) == pytest.approx(1)
    assert float(worst_seam(moved, RAMP, KNOWN, 2)) == pytest.approx(1)
    assert float(worst_seam(moved, RAMP, KNOWN, 3)) == pytest.approx((STEP + 0.4) / STEP)
    assert float(worst_seam(shifted(RAMP, 11, 0.4), RAMP, KNOWN)) == pytest.approx(1), "the hole itself does not count"


def test_edges_are_between_known_and_unknown_neighbours():
    down, across = edges(KNOWN)
    assert not down.any()
    assert across.sum() == 16
    assert across[..., 7].all()


def test_beside_is_a_strip_of_the_hole():
    assert beside(KNOWN).any(0).nonzero().flatten().tolist() == [8, 9, 10, 11]


def test_errors_are_on_zero_to_one():
    assert squared_error(torch.ones(1, 3, 4, 4), -torch.ones(1, 3, 4, 4)).unique().tolist() == [1]


def test_the_score_is_best_for_fills_as_different_as_the_pictures_are():
    """Pictures of noise with variance 1; fills of variance 0 (the mean), 1 (the truth) and 4."""
    g, hole = torch.Generator().manual_seed(0), ~KNOWN[0, 0]
    pictures, *fills = (torch.randn(64, 1, 16, 16, generator=g) for _ in range(4))
    mean, truth, wild = (float(score([size * fill for fill in fills], pictures, hole).mean()) for size in (0, 1, 2))
    assert truth < mean and truth < wild
    assert truth == pytest.approx(0.5 * 2**0.5 / 2, rel=0.02)
    assert score(fills[:1], pictures, hole).isnan().all()


def test_grain_is_what_noise_has_and_flat_areas_and_slopes_have_not():
    hole = ~KNOWN[0, 0]
    noise = 0.1 * torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert float(grain(RAMP, hole)) == pytest.approx(0, abs=1e-6)
    assert float(grain(RAMP + noise, hole)) == pytest.approx(0.05 * 6**0.5 * 0.6745, rel=0.1)  # of a second difference


def test_the_margin_is_above_zero_where_the_own_label_explains_best():
    errors = torch.tensor([[1.0, 1.0], [1.5, 0.5], [2.0, 4.0]])
    assert margin(errors, torch.tensor([0, 0])).tolist() == [0.5, -0.5]
