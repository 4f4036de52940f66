"""Finding attention heads and noise schedule by experiment.

Most tests need a trained network: the example model, its metadata taken off. It has 32 channels a head, the legacy
attention order and the cosine schedule, none of which its file says then.
"""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from golden_cases import TINY, original_code
from mask_guidance.sampler import alphas_cumprod, named_betas
from mask_guidance.sampler.adm import UNet, UNetConfig, heads
from mask_guidance.sampler.adm.heads import HEAD_SHARES, probe_heads, readings_of
from mask_guidance.sampler.checkpoint import DiffusionConfig, build, probe
from mask_guidance.sampler.checkpoint.probe import denoising_error, probe_schedule, timestep_at
from mask_guidance.sampler.checkpoint.probe import test_pictures as probe_pictures
from mask_guidance.sampler.fast import Packs
from mask_guidance.sampler.recognition import load_network, recognise
from safetensors.torch import load_file
from small_nets import BARE, SMALL, fill_randomly, state_dict_of

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "models" / "eight_styles_64.safetensors"
TRAINED_UNET = UNetConfig(
    model_channels=32,
    channel_mult=(1, 2, 3, 4),
    num_res_blocks=1,
    attention_ds=(4, 8),
    num_classes=9,
    num_head_channels=32,
    resblock_updown=True,
)
TRAINED_DIFFUSION = DiffusionConfig("cosine", 1000, False, "eps", "learned_range")
# Attends at 8 x 8 of the probe's 64 x 64 pixels, which is quick.
UNTRAINED = replace(SMALL, channel_mult=(1, 1, 1, 2), attention_ds=(8,))


@pytest.fixture
def quick_probe(monkeypatch):
    """One noise level each instead of several, where the choice itself is not what is tested."""
    monkeypatch.setattr(heads, "HEAD_SHARES", (0.15,))
    monkeypatch.setattr(probe, "SCHEDULE_SHARES", (0.03,))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The example model in a file that holds nothing but tensors."""
    file = tmp_path_factory.mktemp("trained") / "silent.pt"
    torch.save(load_file(EXAMPLE), file)
    return file


@pytest.fixture(scope="module")
def recognised(trained):
    return recognise(trained)


def test_trained_network_is_recognised_without_help(recognised):
    found = recognised.detection
    assert found.config == replace(TRAINED_UNET, num_heads=found.config.num_heads)  # not used beside num_head_channels
    assert replace(found.diffusion, noise_schedule="cosine") == TRAINED_DIFFUSION
    assert found.image_size == 64


def test_schedule_of_the_trained_network_is_recognised_without_help(recognised):
    assert recognised.detection.diffusion == TRAINED_DIFFUSION
    assert recognised.detection.sources["noise_schedule"].startswith("probe (error ")


def test_probed_flags_say_so(recognised):
    sources = recognised.detection.sources
    for flag in ("num_head_channels", "use_new_attention_order"):
        assert sources[flag].startswith("probe (error ")
    assert sources["prediction"] == "guess"


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [1000, 4000])
def test_probe_finds_the_schedule_of_a_network_that_lives_by_it(schedule, steps):
    """It knows the probe's pictures by heart, and takes them off in the share that its own schedule has."""
    table = alphas_cumprod(named_betas(schedule, steps)).float()

    class LivesByIt(torch.nn.Module):
        packs = Packs()
        config = replace(TINY, num_classes=None)

        def forward(self, x, t, y):
            share = table[t.long().clamp(max=steps - 1)].view(-1, 1, 1, 1)
            return (x - share.sqrt() * probe_pictures(3)) / (1 - share).sqrt()

    truth = DiffusionConfig(schedule, steps)
    guess = DiffusionConfig("linear" if schedule == "cosine" else "cosine", 1000)
    found, gain = probe_schedule(LivesByIt(), guess)
    assert found == truth
    assert gain > 1.1


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ({"a": 1.0, "b": 0.504, "c": 0.5}, ("b", 1.0 / 0.504)),  # b and c are one to the network
        ({"a": 1.0, "b": 0.506, "c": 0.5}, ("c", 2.0)),
        ({"a": 1.0, "b": 0.95, "c": 0.92}, ("a", 1.0)),  # not clearly better than the guess
        ({"a": math.nan, "b": math.nan, "c": math.nan}, ("a", 1.0)),
    ],
)
def test_of_readings_that_do_as_well_the_first_is_taken_and_the_guess_stays_unless_one_is_clearly_better(
    errors, chosen
):
    assert probe.choose([(error, name) for name, error in errors.items()], "a") == chosen


def test_trained_network_computes_what_the_original_code_does(recognised):
    original = original_code("unet").UNetModel(
        64, 3, 32, 6, 1, (4, 8), channel_mult=(1, 2, 3, 4), num_classes=9, num_head_channels=32,
        use_scale_shift_norm=True, resblock_updown=True,
    )  # fmt: skip
    original.load_state_dict(recognised.checkpoint.tensors)
    ours = build(recognised.checkpoint.tensors, recognised.detection)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    t, y = torch.tensor([50, 900]), torch.tensor([0, 3])
    with torch.no_grad():
        expected = original.eval()(x, t, y)
    torch.testing.assert_close(ours(x, t, y), expected, rtol=1e-4, atol=2e-5)


def test_what_the_user_says_is_not_probed_away(trained, quick_probe):
    """Wrong values, so that the probe would choose others if it were free to."""
    wrong = {"num_heads": 1, "noise_schedule": "linear", "diffusion_steps": 500}
    found = recognise(trained, overrides=wrong).detection
    assert (found.config.num_heads, found.config.num_head_channels) == (1, -1)
    assert (found.diffusion.noise_schedule, found.diffusion.diffusion_steps) == ("linear", 500)
    assert {found.sources[flag] for flag in wrong} == {"you"}


def test_probe_of_the_schedule_keeps_the_length_the_user_says(trained, quick_probe):
    known = {"num_head_channels": 32, "use_new_attention_order": False, "diffusion_steps": 500}
    found = recognise(trained, overrides=known).detection
    assert (found.diffusion.noise_schedule, found.diffusion.diffusion_steps) == ("cosine", 500)
    assert found.sources["diffusion_steps"] == "you"


def test_probe_of_the_order_keeps_the_heads_the_user_says(trained, quick_probe):
    known = {"num_head_channels": 16, "noise_schedule": "cosine"}
    found = recognise(trained, overrides=known).detection
    assert found.config.num_head_channels == 16
    assert found.sources["num_head_channels"] == "you"


def test_probe_can_be_left_out(trained):
    found = recognise(trained, probe=False).detection
    assert found.sources["noise_schedule"] == found.sources["num_head_channels"] == "guess"


def test_right_reading_of_the_trained_network_has_a_small_error(trained):
    # 1 would be the error of a network that predicts no noise at all; at half signal, half noise
    net, _ = load_network(trained, overrides={"num_head_channels": 32, "use_new_attention_order": False,
                                           "noise_schedule": "cosine"})  # fmt: skip
    assert denoising_error(net, TRAINED_DIFFUSION, (0.5,)) < 0.2


def test_probe_keeps_the_guess_for_a_network_that_was_never_trained(quick_probe):
    net = fill_randomly(UNet(UNTRAINED, BARE))
    config, gain = probe_heads(net, DiffusionConfig(), fixed=("num_heads",))
    assert (config, gain) == (UNTRAINED, 1.0)


def test_probe_of_heads_calls_no_network_where_all_is_fixed():
    def forward(*_):
        raise AssertionError("called")

    net = UNet(SMALL, BARE, device="meta")
    net.forward = forward
    told = ("num_heads", "num_head_channels", "use_new_attention_order")
    assert probe_heads(net, DiffusionConfig(), fixed=told) == (SMALL, 1.0)


def test_probe_of_the_schedule_keeps_what_is_fixed(quick_probe):
    net = fill_randomly(UNet(UNTRAINED, BARE))
    given = DiffusionConfig("linear", 300, False, "x0", "fixed_large")
    found, _ = probe_schedule(net, given, fixed={"diffusion_steps"})
    assert (found.diffusion_steps, found.prediction, found.var_type) == (300, "x0", "fixed_large")


def test_error_of_a_perfect_network_is_zero_and_of_a_silent_one_is_one():
    class Perfect(torch.nn.Module):
        packs = Packs()
        config = replace(TINY, num_classes=None)
        said = 1.0

        def forward(self, x, t, y):
            share = 0.15
            noise = (x - share**0.5 * probe_pictures(3)) / (1 - share) ** 0.5
            return self.said * noise

    net = Perfect()
    assert denoising_error(net, DiffusionConfig(), (0.15,)) < 1e-9
    net.said = 0.0
    # mean square of 49152 standard normal values: 1 with a standard error of 0.006
    assert math.isclose(denoising_error(net, DiffusionConfig(), (0.15,)), 1.0, abs_tol=0.03)


def test_readings_cover_every_split_that_divides_the_channels_in_both_orders():
    # SMALL attends at 64 channels only: 1, 2, 4 or 8 heads, or 32 or 64 channels a head
    readings = readings_of(replace(SMALL, num_heads=2), fixed=())
    splits = {(r.num_heads, -1) if r.num_head_channels == -1 else (0, r.num_head_channels) for r in readings}
    assert splits == {(1, -1), (2, -1), (4, -1), (8, -1), (0, 32), (0, 64)}
    assert len(readings) == len(set(readings)) == 12
    assert sum(r.use_new_attention_order for r in readings) == 6


def test_readings_leave_out_splits_that_do_not_divide_a_width():
    # 96 channels at the middle: 64 a head does not fit
    readings = readings_of(replace(SMALL, channel_mult=(1, 3), attention_ds=()), fixed=())
    assert {r.num_head_channels for r in readings} == {-1, 32}


@pytest.mark.parametrize(
    ("config", "fixed"),
    [
        (replace(SMALL, num_head_channels=16), ("num_head_channels",)),
        (replace(SMALL, num_heads=16), ("num_heads", "num_head_channels")),
        (SMALL, ("num_heads", "num_head_channels", "use_new_attention_order")),
        (replace(SMALL, use_new_attention_order=True), ("use_new_attention_order",)),
    ],
)
def test_readings_keep_what_is_fixed(config, fixed):
    readings = readings_of(config, fixed)
    assert config in readings
    for reading in readings:
        assert {flag: getattr(reading, flag) for flag in fixed} == {flag: getattr(config, flag) for flag in fixed}


@pytest.mark.parametrize("share", HEAD_SHARES)
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_timestep_at_a_share_of_signal_has_that_share(schedule, share):
    diffusion = DiffusionConfig(schedule, 1000)
    table = alphas_cumprod(named_betas(schedule, 1000))
    step = int(timestep_at(share, diffusion))
    assert abs(float(table[step]) - share) == float((table - share).abs().min())


def test_rescaled_timestep_counts_to_a_thousand():
    plain, rescaled = (timestep_at(0.15, DiffusionConfig("cosine", 4000, rescale)) for rescale in (False, True))
    assert rescaled == plain / 4


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_probe_pictures_are_four_different_ones_in_range(channels):
    pictures = probe_pictures(channels)
    assert pictures.shape == (4, channels, 64, 64)
    assert pictures.abs().max() <= 1
    assert (pictures.flatten(1)[:, None] - pictures.flatten(1)[None]).abs().amax(dim=2).fill_diagonal_(1).min() > 0.1


def test_nothing_is_probed_where_all_is_told(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("probed")

    monkeypatch.setattr(heads, "probe_heads", forbidden)
    monkeypatch.setattr(probe, "probe_schedule", forbidden)
    told = {"num_heads": 2, "use_new_attention_order": False, "noise_schedule": "linear"}
    torch.save(state_dict_of(SMALL), tmp_path / "file.pt")
    assert not recognise(tmp_path / "file.pt", overrides=told).detection.guessed(("noise_schedule",))
