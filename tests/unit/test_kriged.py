"""Kriging: what it measures, what it expects, and whether it brings the hole nearer to the truth than feedback alone."""

import pytest
import torch
from chains import SeededNoise
from mask_guidance.sampler import Descent, Feedback, Ladder, feedback, karras_sigmas, repeated_levels
from mask_guidance.sampler.methods.kriged import Errors, Kriging, conjugate_gradients, expectation, kriged, trusted

SIDE = 12
LARGEST = 20.0
SHAPES = {"row": (2, 3, 16), "picture": (2, 3, 8, 10), "one pixel": (1, 1, 1, 1), "film": (1, 2, 3, 8, 8)}


def field_covariance(side: int = SIDE, reach: float = 3.0) -> torch.Tensor:
    """Of a stationary field on a square, correlated over `reach` pixels; (side^2, side^2)."""
    at = torch.cartesian_prod(*[torch.arange(side, dtype=torch.float64)] * 2)
    return torch.exp(-torch.cdist(at, at).square() / (2 * reach**2)) + 1e-3 * torch.eye(side**2, dtype=torch.float64)


COVARIANCE = field_covariance()


def fields(count: int, seed: int = 0) -> torch.Tensor:
    """(count, 1, SIDE, SIDE)."""
    white = torch.randn(count, SIDE**2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (white @ torch.linalg.cholesky(COVARIANCE).mT).view(count, 1, SIDE, SIDE)


def left_known(shape: tuple[int, ...], dtype=torch.float64) -> torch.Tensor:
    known = torch.zeros(1, 1, *shape[2:], dtype=dtype)
    known[..., : (shape[-1] + 1) // 2] = 1
    return known


KNOWN = left_known((1, 1, SIDE, SIDE))


def ladder(steps: int = 7) -> Ladder:
    noise = torch.cat([torch.zeros(1, dtype=torch.float64), karras_sigmas(steps, LARGEST, 0.01)])
    return Ladder(torch.ones_like(noise), noise)


def exact(levels: Ladder):
    """E[x0 | x] of the fields."""
    own = torch.eye(SIDE**2, dtype=torch.float64)
    gains = [torch.linalg.solve(COVARIANCE + sigma**2 * own, COVARIANCE) for sigma in levels.noise.tolist()]
    return lambda x, level: ((x.flatten(1) @ gains[level]).view_as(x), None)


def shrinking(levels: Ladder):
    """Some guess that is wrong everywhere."""
    return lambda x, level: (0.7 * x / (1 + float(levels.noise[level])), None)


def painted(levels: Ladder, denoise, x0, known, rule=None, dtype=None):
    """By kriging with a rule, or by feedback where there is none."""
    noise, order = SeededNoise(3), repeated_levels(Descent.on(levels, LARGEST), 4)
    start = LARGEST * noise(x0)
    if rule is None:
        chain = feedback(denoise, levels, order, start, x0, known, noise)
    else:
        chain = kriged(denoise, levels, order, start, x0, known, noise, kriging=rule)
    return [step.x for step in chain][-1]


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


def test_autocovariances_are_those_counted_pair_by_pair():
    errors, residual = Errors(KNOWN, Kriging()), fields(1) * KNOWN
    errors.see(residual, KNOWN, 1.0)
    found, picture = errors.back(errors.power)[0, 0], residual[0, 0]
    for down, right in ((0, 0), (0, 1), (3, 2), (11, 5)):
        pairs = picture[down:, right:] * picture[: SIDE - down, : SIDE - right]
        assert float(found[down, right]) == pytest.approx(float(pairs.sum() / KNOWN.sum()), abs=1e-9)


def test_calls_are_averaged_and_louder_noise_counts_for_less():
    errors, known = Errors(KNOWN, Kriging(memory=4)), KNOWN
    for field in fields(6):
        errors.see(field[None] * known, known, 2.0)
    assert errors.calls == 6
    alike = errors.power / errors.total(errors.power)
    errors.see(0.1 * fields(1, seed=9) * known, known, 1.0)
    assert errors.calls == 2, "4 calls, for a fourth of the noise's variance, and this one"
    assert float(errors.total(errors.power)) == pytest.approx(
        float(errors.total(errors.forth(0.1 * fields(1, seed=9) * known).abs().square()) / known.sum()), rel=1e-9
    )
    assert (errors.power / errors.total(errors.power) - alike).abs().max() < alike.max()


def test_what_may_be_chance_counts_for_little_and_what_is_not_stays():
    covariance = torch.tensor([1.0, 0.9, 0.02, -0.02])
    held = trusted(covariance, (slice(1),), torch.tensor(100.0), doubt=3.0)
    assert held[0] == pytest.approx(1.0, abs=0.05) and held[1] == pytest.approx(0.9, abs=0.05)
    assert held[2:].abs().max() < 0.001
    assert torch.equal(trusted(covariance, (slice(1),), torch.tensor(100.0), doubt=0.0), covariance)
    assert torch.equal(trusted(0 * covariance, (slice(1),), torch.tensor(100.0), doubt=3.0), 0 * covariance)


def test_errors_without_a_pattern_are_not_carried_into_the_hole():
    known = left_known((1, 1, 64, 64))
    residual = known * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = Errors(known, Kriging()).expected(residual, known, 1.0)
    assert expected[..., 36:].square().mean() < 0.02 * residual.square().mean()


def test_the_hole_is_nearer_to_the_conditional_mean_than_feedbacks():
    """Stationary Gaussian fields at 19 calls; mean of 32 fills of each of 6 known halves."""
    levels, given, inside = ladder(), fields(6), KNOWN.flatten() == 1
    truth = COVARIANCE[:, inside] @ torch.linalg.solve(COVARIANCE[inside][:, inside], given.flatten(1)[:, inside].mT)

    def error(rule):
        drawn = painted(levels, exact(levels), given.repeat_interleave(32, 0), KNOWN, rule)
        return float((drawn.flatten(1).unflatten(0, (6, 32)).mean(1) - truth.mT)[:, ~inside].square().mean())

    with_kriging, without = error(Kriging()), error(None)
    assert with_kriging < 0.7 * without, (with_kriging, without)


def test_no_share_is_feedback_to_the_bit():
    levels, given = ladder(), fields(2)
    with_none = painted(levels, shrinking(levels), given, KNOWN, Kriging(share=0.0))
    assert torch.equal(with_none, painted(levels, shrinking(levels), given, KNOWN))


def test_vectors_have_no_neighbours_and_are_painted_by_feedback():
    levels, given, known = ladder(), fields(1).flatten(1), KNOWN.flatten(1)
    assert torch.equal(
        painted(levels, shrinking(levels), given, known, Kriging()), painted(levels, shrinking(levels), given, known)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("known", ["none", "left", "soft", "all"])
def test_any_shape_any_known_region_and_half_precision_give_numbers_and_keep_what_is_known(shape, known, dtype):
    levels = ladder()
    given = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    weight = {"none": 0.0, "left": 1.0, "soft": 0.5, "all": 1.0}[known] * (
        torch.ones(1, 1, *shape[2:]) if known == "all" else left_known(shape, torch.float32)
    )
    drawn = painted(levels, shrinking(levels), given, weight, Kriging())
    assert drawn.dtype == dtype and drawn.isfinite().all()
    whole = (weight == 1).expand(shape)
    assert torch.equal(drawn[whole], given[whole])


def test_a_model_that_is_right_is_left_alone():
    """Its residual is 0, and so is the spectrum."""
    errors = Errors(KNOWN, Kriging())
    assert (errors.expected(torch.zeros_like(KNOWN), KNOWN, 1.0) == 0).all()


def test_a_frame_is_kriged_as_it_would_be_alone():
    film = torch.stack([fields(1), 5 * fields(1, seed=1)], dim=2)
    known = KNOWN[:, :, None].expand(-1, -1, 2, -1, -1)
    together = Errors(film, Kriging()).expected(film * known, known, 1.0)
    alone = Errors(film[:, :, 1], Kriging()).expected(film[:, :, 1] * KNOWN, KNOWN, 1.0)
    torch.testing.assert_close(together[:, :, 1], alone)


def test_picture_k_of_a_batch_is_picture_k_alone():
    scale = torch.tensor([0.1, 1.0, 9.0], dtype=torch.float64).view(3, 1, 1, 1)
    residual = fields(3) * scale * KNOWN
    together, alone = Errors(residual, Kriging()), Errors(residual[2:], Kriging())
    for sigma in (3.0, 3.0, 1.0):
        batch, one = (
            errors.expected(given, KNOWN, sigma) for errors, given in ((together, residual), (alone, residual[2:]))
        )
        torch.testing.assert_close(batch[2:], one, atol=1e-9, rtol=1e-9)


def test_no_pattern_is_taken_for_louder_than_the_noise_allows():
    errors = Errors(KNOWN, Kriging(most=2.0))
    errors.see(100 * fields(1) * KNOWN, KNOWN, 0.5)
    assert float(errors.believed(KNOWN).max()) == pytest.approx(2.0 * 0.5**2)


def test_what_feedback_is_told_is_used():
    """`expected` is asked at every call but the last."""
    levels, given, asked = ladder(3), fields(1), []

    def expected(residual, weight, sigma):
        asked.append(sigma)
        return torch.zeros_like(residual)

    noise = SeededNoise(3)
    order = [3, 2, 2, 1, 0]
    [*feedback(shrinking(levels), levels, order, noise(given), given, KNOWN, noise, Feedback(), expected)]
    assert asked == pytest.approx([float(levels.noise[level]) for level in (3, 2, 2)])
