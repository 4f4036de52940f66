"""Presets, parts of a chain and masks at the Mask-Guided KSampler, on the tiny network."""

import pytest
import torch
from nodes_by_hand import paint
from test_nodes import latent, right_half

SCHEDULE = {"resample_r": 2, "resample_j": 2, "start_resampling": 10_000, "feedback": 1.0}


def test_a_preset_goes_before_the_values_below_it(tiny):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    preset, record = paint(model, given, preset="draft")
    values, _ = paint(model, given, method="feedback", skip_type="karras", skip_steps=7, resample_r=4)
    assert record.startswith("19 model calls")
    assert "preset draft, method feedback" in record
    assert torch.equal(preset, values)


def test_preset_and_respacing_string_together_are_refused(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match="Both preset 'draft' and timestep_respacing '10,5'"):
        paint(model, latent(vae), preset="draft", timestep_respacing="10,5")


def test_less_denoise_changes_less_of_what_is_there(tiny):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    change = [
        float((paint(model, given, denoise=denoise)[0] - given["samples"]).abs().mean()) for denoise in (0.02, 0.3, 1.0)
    ]
    assert change[0] < 0.5 * change[1] < 0.5 * change[2]


def test_a_full_repaint_does_not_see_what_is_under_the_mask(tiny):
    """Even from a ladder that starts below the model's largest noise level, as feedback's does."""
    model, vae = tiny
    given = latent(vae, mask=right_half())
    other = {**given, "samples": given["samples"].clone()}
    other["samples"][..., 16:] = 0.9
    for preset in ("draft", "custom"):
        assert torch.equal(paint(model, given, preset=preset)[0], paint(model, other, preset=preset)[0])


def test_denoise_that_leaves_too_few_timesteps_says_how_many(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match=r"denoise 0.01 leaves 10 of the model's timesteps, fewer than the 16 wanted"):
        paint(model, latent(vae), preset="balanced", denoise=0.01)


def test_nothing_left_between_start_and_end_is_refused(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match="start_at_step 6 and end_at_step 10000 leave none of the 6 steps"):
        paint(model, latent(vae), start_at_step=6)


def test_a_half_finished_latent_needs_the_clean_picture(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match="connect the LATENT of the clean picture to 'known_latent'"):
        paint(model, latent(vae, mask=right_half()), add_noise=False)


def test_a_known_latent_of_another_size_is_refused(tiny):
    model, vae = tiny
    small = {"samples": torch.zeros(1, 3, 16, 16)}
    with pytest.raises(ValueError, match=r"known_latent is \(1, 3, 16, 16\)"):
        paint(model, latent(vae, mask=right_half()), add_noise=False, known_latent=small)


@pytest.mark.parametrize("method", ["repaint", "feedback", "kriged"])
def test_two_halves_of_a_chain_keep_the_known_part_exactly(tiny, method):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    first, _ = paint(model, given, method=method, end_at_step=3)
    assert not torch.allclose(first[..., :16], given["samples"][..., :16], atol=0.1)  # at the level of the cut
    half = {**given, "samples": first}
    done, record = paint(model, half, method=method, start_at_step=3, add_noise=False, known_latent=given)
    assert torch.equal(done[..., :16], given["samples"][..., :16])
    assert done.abs().max() < 1.1
    assert "3 of 1000 timesteps" in record


@pytest.mark.parametrize("x", range(16))
def test_a_stroke_of_one_pixel_reaches_a_latent_eight_times_smaller(host, x):
    from mask_guidance.nodes.latent_mask import on_latent

    mask = torch.zeros(1, 1, 128, 128)
    mask[..., x] = 1
    fitted, note = on_latent(mask, torch.zeros(1, 4, 16, 16), "binary", "any touch")
    assert torch.equal(fitted.sum((0, 1, 2)).nonzero().flatten(), torch.tensor([x // 8]))
    assert "widened" in note
    _, lost = on_latent(mask, torch.zeros(1, 4, 16, 16), "binary", "area")
    assert "1 of 1 stroke would be lost" in lost


def test_masks_of_a_videos_frames_come_onto_its_latent_frames(host):
    from mask_guidance.nodes.latent_mask import on_latent

    masks = torch.zeros(9, 1, 32, 32)
    masks[4, ..., :8, :8] = 1  # the fifth frame: the second latent frame of 1 + 2 * 4
    fitted, _ = on_latent(masks, torch.zeros(1, 16, 3, 4, 4), "binary", "any touch")
    assert fitted.shape == (1, 1, 3, 4, 4)
    assert fitted[0, 0].sum((1, 2)).tolist() == [0, 1, 0]


def test_the_curve_of_a_preset_counts_its_calls(host):
    from mask_guidance.nodes.resample_schedule import ResampleSchedule

    picture, calls = ResampleSchedule.execute(
        "balanced", "repaint", skip_type="uniform", skip_steps=50, **SCHEDULE
    ).result
    assert calls == 86
    assert picture.shape == (1, 400, 960, 3)


def test_jumps_at_every_so_many_steps_cost_what_the_curve_says(tiny, host):
    from mask_guidance.nodes.resample_schedule import ResampleSchedule

    model, vae = tiny
    given = latent(vae, mask=right_half())
    bouts = {"skip_type": "uniform", "skip_steps": 6, **SCHEDULE, "jumps_every": 3}
    samples, record = paint(model, given, method="repaint", **bouts)
    assert torch.equal(samples[..., :16], given["samples"][..., :16])
    assert record.startswith("14 model calls") and "jumps_every 3" in record
    assert ResampleSchedule.execute("custom", "repaint", **bouts).result[1] == 14
    assert not torch.equal(samples, paint(model, given, method="repaint", **{**bouts, "jumps_every": 0})[0])


def test_the_custom_sampler_takes_jumps_at_every_so_many_steps(host):
    from mask_guidance.nodes.repaint_sampler import RePaintSamplerNode

    (sampler,) = RePaintSamplerNode.execute(2, 3, 10_000, "auto", jumps_every=4).result
    assert sampler.settings.jumps_every == 4


@pytest.mark.parametrize("method", ["repaint", "feedback", "kriged"])
def test_grey_values_are_freed_at_the_same_steps_in_a_chain_cut_in_two(tiny, host, method):
    """The known region by step, asked of the samplers that a whole chain and its halves use."""
    from mask_guidance.nodes.repaint_sampler import RePaintSampler
    from mask_guidance.sampler import Settings

    mask = torch.tensor([0.2, 0.5, 0.8]).view(1, 1, 1, 3)

    def freed(steps: int, **part) -> list[list[bool]]:
        sampler = RePaintSampler(Settings(method=method), "time-dependent", **part)
        known = sampler.known(mask, torch.zeros(1, 3, 1, 3), torch.zeros(steps + 1), {}, None)
        return [(known(level) == 0).flatten().tolist() for level in range(steps, 0, -1)]

    assert freed(8, below=8) + freed(8, above=8) == freed(16)


def test_two_halves_of_a_feedback_chain_cost_what_the_whole_does(tiny):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    first, upper = paint(model, given, preset="draft", end_at_step=3)
    half = {**given, "samples": first}
    _, lower = paint(model, half, preset="draft", start_at_step=3, add_noise=False, known_latent=given)
    assert int(upper.split()[0]) + int(lower.split()[0]) == 19


def test_a_mask_too_faint_to_count_says_so(tiny):
    model, vae = tiny
    given = latent(vae, mask=0.3 * right_half())
    samples, record = paint(model, given)
    assert torch.equal(samples, given["samples"])
    assert "no mask value reaches 0.5, the largest is 0.3: nothing is painted" in record


def test_a_mask_of_no_numbers_is_refused(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match="no numbers"):
        paint(model, latent(vae, mask=right_half() * torch.nan))


def test_a_mask_that_overshoots_by_resizing_counts_as_whole(tiny):
    model, vae = tiny
    samples, _ = paint(model, latent(vae, mask=1.1 * right_half() - 0.05), soft_mask="blend")
    exact, _ = paint(model, latent(vae, mask=right_half()), soft_mask="blend")
    assert samples.isfinite().all()
    torch.testing.assert_close(samples, exact)


@pytest.mark.parametrize(
    ("masks", "fit"), [(1, True), (3, True), (6, True), (9, True), (2, False), (4, False), (8, False)]
)
def test_a_videos_masks_are_counted(host, masks, fit):
    from mask_guidance.nodes.latent_mask import on_latent

    given, video = torch.ones(masks, 1, 16, 16), torch.zeros(1, 16, 3, 2, 2)
    if fit:
        assert on_latent(given, video, "binary", "any touch")[0].shape == (1, 1, 3, 2, 2)
        return
    with pytest.raises(ValueError, match=f"{masks} masks for a video of 3 latent frames"):
        on_latent(given, video, "binary", "any touch")


def test_an_empty_latent_made_for_another_model_fits_a_known_latent_of_this_one(tiny):
    """The host gives an empty latent the model's channels; the known one is compared with what that gives."""
    model, vae = tiny
    given = latent(vae, mask=right_half())
    empty = {"samples": torch.zeros(1, 4, 32, 32), "noise_mask": given["noise_mask"]}
    samples, _ = paint(model, empty, known_latent=given)
    assert torch.equal(samples[..., :16], given["samples"][..., :16])


@pytest.mark.parametrize("shape", [(1, 4, 32, 32), (1, 16, 3, 4, 4), (1, 3, 2, 32, 32), (1, 3, 32)])
def test_a_latent_of_another_form_is_refused_in_a_sentence(tiny, shape):
    """The commonest mistake: a latent of Stable Diffusion's, or a video's, for a model of pixels."""
    model, _ = tiny
    with pytest.raises(ValueError, match=r"paints the latent of a picture, 4 dimensions and 3 channels, .* own VAE"):
        paint(model, {"samples": torch.rand(shape)})


def test_repaint_sampler_refuses_a_latent_of_another_form_too(tiny):
    from mask_guidance.nodes.repaint_sampler import RePaintSampler

    model, _ = tiny
    with pytest.raises(ValueError, match="own VAE"), torch.inference_mode():
        sampled(model, RePaintSampler(), torch.rand(1, 4, 32, 32))


def sampled(model, sampler, samples: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Through the host's own guider, as SamplerCustomAdvanced does."""
    from mask_guidance.nodes.class_label import conditioning
    from mask_guidance.nodes.guidance import guided
    from mask_guidance.nodes.respaced_sigmas import RespacedSigmas

    (sigmas,) = RespacedSigmas.execute(model, "karras", 4).result
    guider = guided(model, conditioning(0), conditioning(0), 1.0)
    return guider.sample(torch.randn(samples.shape), samples, sampler, sigmas, mask, None, True, 0)


def test_a_network_whose_numbers_overflow_is_stopped_at_that_call(tiny):
    model, vae = tiny
    calls = []

    def overflow(apply_model, options):
        calls.append(1)
        return apply_model(options["input"], options["timestep"], **options["c"]) * (
            torch.nan if len(calls) == 3 else 1
        )

    broken = model.clone()
    broken.model_options["model_function_wrapper"] = overflow
    with pytest.raises(ArithmeticError, match=r"Call 3 of the model \(noise over picture .*\) gave NaN or infinity"):
        paint(broken, latent(vae, mask=right_half()))
    assert len(calls) == 3
    samples, _ = paint(model, latent(vae, mask=right_half()))
    assert samples.isfinite().all()


@pytest.mark.parametrize(
    ("name", "value"), [("denoise", float("nan")), ("cfg", float("nan")), ("skip_type", "cubic"), ("resample_r", 0)]
)
def test_a_linked_value_outside_its_range_is_named(tiny, name, value):
    model, vae = tiny
    with pytest.raises(ValueError, match=rf"^{name} is '?{value}'?, but must be"):
        paint(model, latent(vae), **{name: value})


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({}, "latent_image holds no samples"),
        ({"samples": None}, "latent_image holds no samples"),
        ({"samples": torch.rand(0, 3, 32, 32)}, "latent_image is empty"),
        ({"samples": torch.rand(1, 0, 32, 32)}, "latent_image is empty"),
        ({"samples": torch.zeros(1, 3, 32, 32, dtype=torch.uint8)}, "floating point"),
        ({"samples": torch.full((1, 3, 32, 32), torch.nan)}, "no numbers"),
        ({"samples": torch.rand(2, 3, 32, 32), "batch_index": [1]}, "batch_index"),
        ({"samples": torch.rand(1, 3, 32, 32), "batch_index": ["one"]}, "batch_index"),
    ],
)
def test_a_latent_that_is_none_is_refused_in_a_sentence(tiny, broken, told):
    model, _ = tiny
    with pytest.raises(ValueError, match=told):
        paint(model, broken)


@pytest.mark.parametrize("method", ["repaint", "feedback", "kriged"])
def test_a_rule_of_the_models_own_frees_nothing_that_is_not_masked(tiny, method):
    """Differential Diffusion frees everything at its last step; at RePaint Sampler nothing puts it back afterwards."""
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion
    from mask_guidance.nodes.repaint_sampler import RePaintSampler
    from mask_guidance.sampler import Settings

    model, vae = tiny
    given = latent(vae, mask=right_half())
    (ruled,) = DifferentialDiffusion.execute(model).result
    sampler = RePaintSampler(Settings(method=method, resample_r=2, resample_j=2))
    with torch.inference_mode():
        samples = sampled(ruled, sampler, given["samples"], given["noise_mask"])
    torch.testing.assert_close(samples[..., :16], given["samples"][..., :16], atol=1e-6, rtol=0)
