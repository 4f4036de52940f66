"""Kriging: what it measures, what it expects, and whether it brings the hole nearer to the truth than feedback alone."""

import pytest
import torch
from chains import SeededNoise
from mask_guidance.sampler import Descent, Feedback, Ladder, feedback, karras_sigmas, repeated_levels
from mask_guidance.sampler.methods.kriged import Errors, Kriging, Opening, kriged

SIDE = 12
LARGEST = 20.0
ALWAYS = 1e6, 2e6  # errors are taken for a Gaussian field whatever their kurtosis
OFF = Kriging(share=0.0, draw=0.0, gain=1.0, opening=False, gaussian=ALWAYS)
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


def told(residual: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The error to be expected after one call."""
    errors = Errors(residual, Kriging())
    errors.see(residual, known, 1.0)
    return errors.expected(residual)


def test_autocovariances_are_those_counted_pair_by_pair():
    errors, residual = Errors(KNOWN, Kriging()), fields(1) * KNOWN
    errors.see(residual, KNOWN, 1.0)
    found, picture = errors.grid.back(errors.power)[0, 0], residual[0, 0]
    for down, right in ((0, 0), (0, 1), (3, 2), (11, 5)):
        pairs = picture[down:, right:] * picture[: SIDE - down, : SIDE - right]
        assert float(found[down, right]) == pytest.approx(float(pairs.sum() / KNOWN.sum()), abs=1e-9)


def test_calls_are_averaged_and_louder_noise_counts_for_less():
    errors, known = Errors(KNOWN, Kriging(memory=4)), KNOWN
    for field in fields(6):
        errors.see(field[None] * known, known, 2.0)
    assert errors.calls == 6
    alike = errors.power / errors.grid.total(errors.power)
    errors.see(0.1 * fields(1, seed=9) * known, known, 1.0)
    assert errors.calls == 2, "4 calls, for a fourth of the noise's variance, and this one"
    assert float(errors.grid.total(errors.power)) == pytest.approx(
        float(errors.grid.total(errors.grid.forth(0.1 * fields(1, seed=9) * known).abs().square()) / known.sum()),
        rel=1e-9,
    )
    assert (errors.power / errors.grid.total(errors.power) - alike).abs().max() < alike.max()


def test_errors_without_a_pattern_are_not_carried_into_the_hole():
    known = left_known((1, 1, 64, 64))
    residual = known * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = told(residual, known)
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


def test_fills_differ_from_each_other_as_the_fields_do():
    """Covariance of the hole over 64 fills of each of 4 known halves, next to the truth; at 19 calls."""
    levels, inside = ladder(), KNOWN.flatten() == 1
    open_, across = COVARIANCE[~inside][:, ~inside], COVARIANCE[~inside][:, inside]
    truth = open_ - across @ torch.linalg.solve(COVARIANCE[inside][:, inside], across.mT)

    def off(rule):
        drawn = painted(levels, exact(levels), fields(4).repeat_interleave(64, 0), KNOWN, rule)
        fills = drawn.flatten(1)[:, ~inside].unflatten(0, (4, 64))
        fills = (fills - fills.mean(1, keepdim=True)).flatten(0, 1)
        return float((fills.mT @ fills / (4 * 63) - truth).norm() / truth.norm())

    with_kriging, without = off(Kriging()), off(None)
    assert with_kriging < 0.5 and with_kriging < without, (with_kriging, without)


def test_with_all_of_it_switched_off_it_is_feedback_to_the_bit():
    levels, given = ladder(), fields(2)
    with_none = painted(levels, shrinking(levels), given, KNOWN, OFF)
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
    assert (told(torch.zeros_like(KNOWN), KNOWN) == 0).all()


def test_a_frame_is_kriged_as_it_would_be_alone():
    film = torch.stack([fields(1), 5 * fields(1, seed=1)], dim=2)
    known = KNOWN[:, :, None].expand(-1, -1, 2, -1, -1)
    together, alone = told(film * known, known), told(film[:, :, 1] * KNOWN, KNOWN)
    torch.testing.assert_close(together[:, :, 1], alone)


def test_picture_k_of_a_batch_is_picture_k_alone():
    scale = torch.tensor([0.1, 1.0, 9.0], dtype=torch.float64).view(3, 1, 1, 1)
    residual = fields(3) * scale * KNOWN
    together, alone = Errors(residual, Kriging()), Errors(residual[2:], Kriging())
    for sigma in (3.0, 3.0, 1.0):
        for errors, given in ((together, residual), (alone, residual[2:])):
            errors.see(given, KNOWN, sigma)
        for ask in (Errors.expected, Errors.gain):
            torch.testing.assert_close(ask(together, residual)[2:], ask(alone, residual[2:]), atol=1e-9, rtol=1e-9)


def test_no_pattern_is_taken_for_louder_than_the_noise_allows():
    errors = Errors(KNOWN, Kriging(most=2.0))
    errors.see(100 * fields(1) * KNOWN, KNOWN, 0.5)
    assert float(errors.spectrum.max()) == pytest.approx(2.0 * 0.5**2)


def test_errors_at_edges_are_no_gaussian_field_and_are_not_trusted():
    smooth, edges = fields(8), torch.zeros(8, 1, SIDE, SIDE, dtype=torch.float64)
    edges[..., 5, :] = 1.0

    def trust(residual):
        errors = Errors(residual, Kriging())
        errors.see(residual * KNOWN, KNOWN, 1.0)
        return errors.trust

    assert trust(smooth).mean() > 0.8 and trust(smooth).shape == (8, 1, 1, 1)
    assert (trust(edges) == 0).all()


def test_what_is_not_trusted_is_neither_drawn_nor_fed_back_more_strongly():
    residual = torch.zeros(1, 2, SIDE, SIDE, dtype=torch.float64)
    residual[..., 5, :] = 0.1
    residual, errors = residual * KNOWN, Errors(residual, Kriging())
    errors.see(residual, KNOWN, 1.0)
    assert torch.equal(errors.gain(residual), residual)
    torch.testing.assert_close(errors.drawn(residual, torch.tensor(1.5), SeededNoise(1)), errors.expected(residual))


@pytest.mark.parametrize(("rule", "added"), [(Kriging(share=0.0), False), (Kriging(share=0.0, gaussian=ALWAYS), True)])
def test_errors_at_edges_come_into_flat_parts_as_no_noise(rule, added):
    """Else it would be grain: from noise 2 down to .1 the level's own noise is all that a hole without errors holds."""
    sigmas = torch.tensor([0, 0.01, 0.1, 2.0], dtype=torch.float64)
    levels, side, noise = Ladder(torch.ones_like(sigmas), sigmas), 48, SeededNoise(3)
    known = left_known((1, 1, side, side))
    x0 = 8.0 * (torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(1)) > 0.98).double()
    run = kriged(lambda x, level: (0 * x, None), levels, [3, 2, 1, 0], 2 * noise(x0), x0, known, noise, kriging=rule)
    step = next(run)
    spread = float(step.x[..., side // 2 :].std())
    assert spread > 0.3 if added else spread == pytest.approx(0.1, rel=0.1), spread


def test_the_gain_is_what_the_model_answers_to():
    """Where the errors are white, the answer to a shift is their variance over the noise's."""
    known = torch.ones(1, 1, 48, 48, dtype=torch.float64)
    white = 0.5 * torch.randn(known.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for sigma, gain in ((0.5, 1.0), (1.0, 0.6 * 4), (2.0, 0.6 * 16), (90.0, 16.0)):
        errors = Errors(known, Kriging())
        errors.see(white, known, sigma)
        torch.testing.assert_close(errors.gain(white), gain * white, rtol=0.25, atol=0)
    assert Errors(known, Kriging(gain=1)).gain(white) is white


def test_what_is_drawn_agrees_with_the_known_region_and_varies_beyond_it():
    residual = fields(1) * KNOWN
    errors = Errors(residual, Kriging(nugget=1e-4, solves=40))
    for field in fields(64, seed=7):
        errors.see(field[None] * KNOWN, KNOWN, 20.0)
    errors.see(residual, KNOWN, 20.0)
    drawn = torch.stack([errors.drawn(residual, torch.tensor(1.0), SeededNoise(seed)) for seed in range(32)])
    inside = KNOWN[0, 0] == 1
    assert ((drawn - residual)[..., inside]).square().mean() < 0.02 * residual.square().mean()
    spread = drawn.var(0)[0, 0]
    assert spread[:, -1].mean() > 2 * spread[:, 6].mean(), "the farther from what is known, the more is open"
    torch.testing.assert_close(drawn.mean(0), errors.expected(residual), atol=0.5, rtol=0)


def test_the_hole_tells_how_wrong_its_guess_is():
    """Fields of variance 1 seen in noise: the guess x / (1 + sigma^2) is off by sigma^2 / (1 + sigma^2), whatever the
    known region says."""
    known, sigma = torch.zeros(1, 1, 96, 96), 2.0
    known[..., :48] = 1
    x0, noise = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(4)), SeededNoise(1)
    opening, residual = Opening(known, Feedback(), Kriging(prior=1e-3)), known * 0.5
    opening.see(x0 / (1 + sigma**2), residual, known, sigma)
    for _ in range(8):
        opening.fresh = sigma * noise(x0)
        error = opening.see((x0 + opening.fresh) / (1 + sigma**2), residual, known, sigma)
    assert float(error) == pytest.approx(sigma**2 / (1 + sigma**2), rel=0.1)


def test_before_the_hole_has_told_anything_its_error_is_feedbacks():
    opening = Opening(KNOWN, Feedback(), Kriging())
    error = opening.see(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4), torch.ones(1, 1, 4, 4), 2.0)
    assert (error == Feedback().caution).all()
