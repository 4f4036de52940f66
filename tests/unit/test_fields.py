"""Stationary fields: what is drawn, what is expected of one that is known in part, and which covariances count."""

import pytest
import torch
from mask_guidance.sampler.fields import Grid, bridged, conjugate_gradients, correlated, expectation, trusted
from test_kriged import COVARIANCE, KNOWN, SIDE, fields


def test_what_is_kriged_is_the_conditional_mean():
    field, inside = fields(3), KNOWN.flatten() == 1
    truth = COVARIANCE[:, inside] @ torch.linalg.solve(
        COVARIANCE[inside][:, inside] + 0.05 * torch.eye(int(inside.sum())), field.flatten(1)[:, inside].mT
    )
    found = expectation(
        field * KNOWN,
        KNOWN.expand_as(field),
        lambda v: (v.flatten(1) @ COVARIANCE).view_as(v),
        torch.tensor(0.05, dtype=torch.float64),
        60,
    )
    torch.testing.assert_close(found.flatten(1), truth.mT, atol=1e-6, rtol=1e-6)


def test_conjugate_gradients_solve_each_picture_for_itself():
    scale = torch.tensor([1.0, 1e4], dtype=torch.float64).view(2, 1, 1, 1)
    wanted = fields(2) * scale

    def matrix(z):
        return (z.flatten(1) @ (COVARIANCE + torch.eye(SIDE**2))).view_as(z)

    torch.testing.assert_close(matrix(conjugate_gradients(matrix, wanted, 60)), wanted, atol=1e-6, rtol=1e-6)
    assert (conjugate_gradients(matrix, torch.zeros_like(wanted), 3) == 0).all()


def test_what_may_be_chance_counts_for_little_and_what_is_not_stays():
    covariance = torch.tensor([1.0, 0.9, 0.02, -0.02])
    held = trusted(covariance, (slice(1),), torch.tensor(100.0), doubt=3.0)
    assert held[0] == pytest.approx(1.0, abs=0.05) and held[1] == pytest.approx(0.9, abs=0.05)
    assert held[2:].abs().max() < 0.001
    assert torch.equal(trusted(covariance, (slice(1),), torch.tensor(100.0), doubt=0.0), covariance)
    assert torch.equal(trusted(0 * covariance, (slice(1),), torch.tensor(100.0), doubt=3.0), 0 * covariance)


def covariances(known: torch.Tensor, count: int = 400) -> tuple[torch.Tensor, torch.Tensor, Grid]:
    """Mean autocovariance of many fields that are known in part, and the pairs behind it."""
    grid = Grid(known)
    seen = grid.back(grid.forth(fields(count) * known).abs().square().mean(0, keepdim=True)) / known.sum()
    return seen, grid.back(grid.forth(known).abs().square()) / known.sum(), grid


def test_of_every_second_line_covariances_one_line_apart_are_those_around():
    lines = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    lines[..., ::2, :] = 1
    seen, pairs, grid = covariances(lines)
    found = bridged(seen, pairs, grid.origin, grid.dims)[0, 0]
    truth = COVARIANCE[0].view(SIDE, SIDE)
    assert abs(float(seen[0, 0, 1, 0])) < 1e-9
    for down, right in ((1, 0), (1, 1), (3, 0)):
        share = (SIDE - down) * (SIDE - right) / SIDE**2  # of the pairs that a whole picture has
        assert float(found[down, right]) == pytest.approx(share * float(truth[down, right]), rel=0.25)
    assert torch.equal(found[::2, : SIDE // 2], seen[0, 0, ::2, : SIDE // 2])


def test_covariances_that_pairs_have_shown_stay():
    seen, pairs, grid = covariances(KNOWN)
    found = bridged(seen, pairs, grid.origin, grid.dims)
    near = (..., slice(SIDE // 2), slice(SIDE // 4))
    assert torch.equal(found[near], seen[near])


def test_a_draw_has_the_covariance_that_it_is_drawn_from():
    grid = Grid(KNOWN)
    down, right = (torch.arange(side, dtype=torch.float64) for side in grid.padded)
    down, right = (torch.minimum(at, side - at) for at, side in zip((down, right), grid.padded, strict=True))
    covariance = torch.exp(-(down[:, None] ** 2 + right**2) / (2 * 1.5**2))[None, None]
    white = torch.randn(6000, 1, *grid.padded, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    drawn = grid.drawn(white, torch.fft.rfft2(covariance).real.clamp(min=0))[:, 0]
    assert drawn.shape == (6000, SIDE, SIDE)
    for a, b in (((0, 0), (0, 0)), ((2, 2), (2, 3)), ((5, 7), (7, 8)), ((0, 0), (0, SIDE - 1))):
        found = (drawn[:, a[0], a[1]] * drawn[:, b[0], b[1]]).mean()
        torch.testing.assert_close(found, covariance[0, 0, abs(a[0] - b[0]), abs(a[1] - b[1])], atol=0.06, rtol=0)


def test_noise_is_correlated_across_channels_as_the_errors_are_and_as_loud_as_before():
    shared, own = fields(2, seed=1), fields(2, seed=2)
    errors = torch.cat([shared, 3 * shared, own], 1)
    noise = torch.randn(2, 3, 200, 200, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = correlated(noise, errors).flatten(2)
    assert found.std(2).sub(1).abs().max() < 0.05
    for one, other in zip(found, errors.flatten(2), strict=True):
        wanted = (other @ other.T) / (other.norm(dim=1)[:, None] * other.norm(dim=1))
        torch.testing.assert_close(torch.corrcoef(one), wanted, atol=0.05, rtol=0)


def test_noise_of_one_channel_and_beside_no_errors_stays_white():
    noise = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(correlated(noise, torch.zeros(2, 3, 4, 4)), noise)
    torch.testing.assert_close(correlated(noise[:, :1], torch.randn(2, 1, 4, 4)), noise[:, :1])


def test_the_canvas_of_a_film_has_its_frames():
    film = torch.zeros(2, 4, 3, 8, 10)
    assert Grid(film).canvas(film).shape == (2, 4, 3, 15, 20)
