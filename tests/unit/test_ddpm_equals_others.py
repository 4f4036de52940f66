"""DDPM networks against those who made them: diffusers, run side by side, and xyfJASON's formulas, on random weights."""

import pytest
import torch
from mask_guidance.sampler.checkpoint import build
from mask_guidance.sampler.ddpm import DDPMUNet
from mask_guidance.sampler.recognition import recognise
from small_nets import fill_randomly
from xyfjason_formulas import Formulas

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
T = torch.tensor([3.0, 777.5])
Y = torch.tensor([0, 4])
PLAIN_ATTENDING = {
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
}
GOOGLE = {
    "attention_head_dim": None,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "norm_eps": 1e-6,
}
NETWORKS = {
    "google's ddpm models": {"block_out_channels": (32, 64, 64), **PLAIN_ATTENDING, **GOOGLE},
    "the training script's defaults": {"block_out_channels": (32, 32, 64), **PLAIN_ATTENDING},
    "attention at several levels": {
        "block_out_channels": (32, 64, 96),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    },
    "classes, scaled norms, resolutions changed in blocks": {
        "block_out_channels": (32, 64),
        "layers_per_block": 3,
        "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "resnet_time_scale_shift": "scale_shift",
        "downsample_type": "resnet",
        "upsample_type": "resnet",
        "num_class_embeds": 5,
        "attention_head_dim": 32,
    },
    "one channel and its variance, small norms, attention on the way up only": {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "attn_norm_num_groups": 4,
        "down_block_types": ("DownBlock2D", "DownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "center_input_sample": True,
        "in_channels": 1,
        "out_channels": 2,
    },
    "no attention, and no level but one": {
        "block_out_channels": (32,),
        "down_block_types": ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",),
        "add_attention": False,
    },
}
XYFJASON = {
    "UNet": Formulas(32, (1, 2, 2), (False, True, False), blocks=2, heads=2),
    "UNet of one channel, all levels attending": Formulas(64, (1, 1), (True, True), blocks=1, channels=1),
    "UNetCategorialAdaGN": Formulas(64, (1, 2, 2), (False, True, True), 2, 2, classes=5, resblock_updown=True),
    "UNetCategorialAdaGN without resblock_updown": Formulas(32, (1, 2), (True, False), 1, classes=5),
}


def noisy(channels=3, side=16):
    return torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(1))


def original_of(flags):
    from diffusers import UNet2DModel

    return fill_randomly(UNet2DModel(sample_size=16, **flags))


def loaded(path, **overrides):
    """The network of a file or folder, and what it was found to be; nothing is tried out."""
    found = recognise(path, overrides=overrides, probe=False)
    return build(found.checkpoint.tensors, found.detection), found.detection


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_a_folder_of_diffusers_computes_what_diffusers_does(name, tmp_path):
    original = original_of(NETWORKS[name])
    original.save_pretrained(tmp_path)
    ours, found = loaded(tmp_path)
    labels = Y if found.num_classes else None
    x = noisy(found.channels)
    expected = original(x, T, class_labels=labels).sample
    torch.testing.assert_close(ours(x, T, labels), expected, **TOLERANCE)
    assert expected.std() > 0.1


@torch.no_grad()
def test_ddpms_own_names_compute_what_googles_conversion_does(tmp_path):
    """google's models in diffusers are conversions of DDPM's; the same weights under DDPM's own names."""
    original = original_of(NETWORKS["google's ddpm models"])
    original.save_pretrained(tmp_path)
    converted, _ = loaded(tmp_path)
    torch.save(converted.state_dict(), tmp_path / "ema_diffusion.ckpt")
    ours, found = loaded(tmp_path / "ema_diffusion.ckpt")
    assert found.family.name == "DDPM"
    torch.testing.assert_close(ours(noisy(), T), original(noisy(), T).sample, **TOLERANCE)


@pytest.mark.parametrize("name", XYFJASON)
@torch.no_grad()
def test_xyfjasons_networks_compute_what_his_formulas_do(name, tmp_path):
    formulas = XYFJASON[name]
    torch.save({"model": formulas.weights}, tmp_path / "ema_model.pt")
    ours, found = loaded(tmp_path / "ema_model.pt", num_heads=formulas.heads)
    labels = Y if formulas.classes else None
    x = noisy(formulas.channels)
    torch.testing.assert_close(ours(x, T, labels), formulas(x, T, labels), **TOLERANCE)
    assert found.num_classes == (formulas.classes + 1 if formulas.classes else None)


@torch.no_grad()
def test_any_class_is_xyfjasons_network_without_a_label(tmp_path):
    formulas = XYFJASON["UNetCategorialAdaGN"]
    torch.save(formulas.weights, tmp_path / "net.pt")
    ours, found = loaded(tmp_path / "net.pt", num_heads=formulas.heads)
    any_class = torch.full((2,), found.null_class)
    torch.testing.assert_close(ours(noisy(), T, any_class), formulas(noisy(), T), **TOLERANCE)


@torch.no_grad()
def test_half_precision_stays_near_the_whole_one(tmp_path):
    original = original_of(NETWORKS["google's ddpm models"])
    original.save_pretrained(tmp_path)
    whole, found = loaded(tmp_path)
    half = DDPMUNet(found.config, dtype=torch.float16)
    half.load_state_dict(whole.state_dict())
    torch.testing.assert_close(half(noisy().half(), T), whole(noisy(), T), rtol=0.02, atol=0.02)
    assert half.norm_out.weight.dtype == torch.float32


@pytest.mark.parametrize("given", [True, False])
def test_label_is_demanded_exactly_of_class_conditional_networks(given, tmp_path):
    formulas = XYFJASON["UNet" if given else "UNetCategorialAdaGN"]
    torch.save(formulas.weights, tmp_path / "net.pt")
    net, _ = loaded(tmp_path / "net.pt", num_heads=formulas.heads)
    with pytest.raises(ValueError, match="takes no class label" if given else "needs a class label"):
        net(noisy(), T, Y if given else None)
