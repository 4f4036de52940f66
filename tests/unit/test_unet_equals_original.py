"""The network against the original guided-diffusion code, run side by side on the same random weights."""

import pytest
import torch
from golden_cases import CLASSIFIER, FRACTIONAL, SUPERRES, TINY, flag_combinations, original_code
from mask_guidance.sampler.adm import UNet
from mask_guidance.sampler.adm.encoder import EncoderUNet
from mask_guidance.sampler.layers import timestep_embedding
from small_nets import BARE, fill_randomly

TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}


def original_of(config, kind="UNetModel", image_size=32, **more):
    return getattr(original_code("unet"), kind)(
        image_size,
        config.in_channels if kind != "SuperResModel" else config.in_channels // 2,
        config.model_channels,
        config.out_channels,
        config.num_res_blocks,
        config.attention_ds,
        channel_mult=config.channel_mult,
        num_heads=config.num_heads,
        num_head_channels=config.num_head_channels,
        num_heads_upsample=config.num_heads_upsample,
        use_scale_shift_norm=config.use_scale_shift_norm,
        resblock_updown=config.resblock_updown,
        use_new_attention_order=config.use_new_attention_order,
        conv_resample=config.conv_resample,
        **more,
    ).eval()


def noisy(channels=3, side=16):
    return torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(1))


def pair(config):
    """The original and this package's network with the same weights; the names and shapes must be the same, too."""
    original = fill_randomly(original_of(config, num_classes=config.num_classes))
    ours = UNet(config, BARE)
    ours.load_state_dict(original.state_dict(), strict=True)
    return original, ours.eval().requires_grad_(False)


T = torch.tensor([0, 641])
Y = torch.tensor([3, 997])


@pytest.mark.parametrize("name", flag_combinations())
def test_output_equals_the_originals_for_every_flag(name):
    config = flag_combinations()[name]
    original, ours = pair(config)
    labels = [Y] if config.num_classes else []
    torch.testing.assert_close(ours(noisy(), T, *labels), original(noisy(), T, *labels), **TOLERANCE)


@pytest.mark.parametrize(
    "config",
    [
        TINY.__class__(**{**vars(TINY), "num_heads_upsample": 1}),
        TINY.__class__(**{**vars(TINY), "conv_resample": False}),
        TINY.__class__(**{**vars(TINY), "in_channels": 1, "out_channels": 2}),
        TINY.__class__(**{**vars(TINY), "num_res_blocks": 2, "channel_mult": (1, 2, 2), "attention_ds": (1, 4)}),
        FRACTIONAL,
    ],
    ids=["num_heads_upsample", "pooled resampling", "one channel", "three levels", "fractional channel_mult"],
)
def test_output_equals_the_originals_for_less_common_shapes(config):
    original, ours = pair(config)
    x = noisy(config.in_channels)
    torch.testing.assert_close(ours(x, T), original(x, T), **TOLERANCE)


def test_fractional_timesteps_give_the_originals_output():
    original, ours = pair(TINY)
    t = torch.tensor([123.456, 0.5])
    torch.testing.assert_close(ours(noisy(), t), original(noisy(), t), **TOLERANCE)


def test_upsampler_equals_the_original_on_the_concatenated_picture():
    original = fill_randomly(original_of(SUPERRES, "SuperResModel"))
    ours = UNet(SUPERRES, BARE)
    ours.load_state_dict(original.state_dict(), strict=True)
    low = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    enlarged = torch.nn.functional.interpolate(low, (16, 16), mode="bilinear")  # what the original does inside
    actual = ours.eval()(torch.cat([noisy(), enlarged], dim=1), T)
    torch.testing.assert_close(actual, original(noisy(), T, low_res=low), **TOLERANCE)


@pytest.mark.parametrize("num_head_channels", [16, 32, 64])
def test_classifier_equals_the_original(num_head_channels):
    config = CLASSIFIER.__class__(**{**vars(CLASSIFIER), "num_head_channels": num_head_channels})
    original = original_code("unet").EncoderUNetModel(
        16,
        3,
        32,
        1000,
        1,
        (2,),
        channel_mult=(1, 2),
        num_head_channels=num_head_channels,
        use_scale_shift_norm=True,
        resblock_updown=True,
        pool="attention",
    )
    fill_randomly(original)
    ours = EncoderUNet(config, 16, BARE)
    ours.load_state_dict(original.state_dict(), strict=True)
    torch.testing.assert_close(ours.eval()(noisy(), T), original(noisy(), T), **TOLERANCE)


def test_attention_orders_differ_on_the_same_weights():
    """Else the comparison above would not notice a wrong order."""
    combinations = flag_combinations()
    legacy, new = (UNet(combinations[f"updown1_ssn1_new{n}_ls1_cc0_h2"], BARE) for n in (0, 1))
    new.load_state_dict(fill_randomly(legacy).state_dict())
    assert (legacy(noisy(), T) - new.eval()(noisy(), T)).abs().max() > 0.1


def test_timestep_embedding_of_zero_is_ones_then_zeros():
    expected = torch.tensor([[1.0, 1, 1, 0, 0, 0, 0]])  # cos 0, sin 0, and the zero that fills up an odd length
    torch.testing.assert_close(timestep_embedding(torch.tensor([0]), 7), expected)


def test_timestep_embedding_spans_frequencies_from_one_to_the_longest_period():
    embedding = timestep_embedding(torch.tensor([3.0]), 4, max_period=100.0)
    # half = 2 frequencies: 100^0 and 100^(-1/2)
    expected = torch.tensor([[3.0, 0.3, 3.0, 0.3]])
    expected = torch.cat([expected[:, :2].cos(), expected[:, 2:].sin()], dim=1)
    torch.testing.assert_close(embedding, expected)


@pytest.mark.parametrize("given", [True, False])
def test_label_is_demanded_exactly_of_class_conditional_networks(given):
    config = TINY.__class__(**{**vars(TINY), "num_classes": None if given else 8})
    net = fill_randomly(UNet(config, BARE))
    with pytest.raises(ValueError, match="takes no class label" if given else "needs a class label"):
        net(noisy(), T, Y if given else None)
