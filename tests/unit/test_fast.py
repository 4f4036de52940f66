"""Fast layers give what the plain ones give, to rounding, and notice when weights change."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from lucid_weights import FULL, LINEAR
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.checkpoint import DiffusionConfig
from mask_guidance.sampler.checkpoint.probe import denoising_error
from mask_guidance.sampler.ddpm import DDPMConfig, DDPMUNet
from mask_guidance.sampler.fast import FastConv, Packs, conv_class, expected_bytes, moments, packed, winograd
from mask_guidance.sampler.layers import LayerFactory, convolved
from mask_guidance.sampler.lucidrains import LucidConfig, LucidUNet
from small_nets import BARE, fill_randomly
from torch import nn

WIDE = UNetConfig(
    model_channels=96, channel_mult=(1, 2), num_res_blocks=1, attention_ds=(2,), num_heads=2, num_head_channels=-1
)
NETWORKS = {
    "scale and shift": (UNet, WIDE),
    "resolution changed in blocks": (UNet, replace(WIDE, resblock_updown=True)),
    "embedding added": (UNet, replace(WIDE, use_scale_shift_norm=False, use_new_attention_order=True)),
    "DDPM": (DDPMUNet, DDPMConfig(channels=96, widths=(96, 192), num_res_blocks=1)),
    "lucidrains": (LucidUNet, LucidConfig(3, 3, 96, (96, 96, 192), (LINEAR, FULL), FULL)),
}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer(*args, dtype=torch.float32, **options) -> FastConv:
    """A fast convolution, which a network's factory makes."""
    kind = nn.Conv1d if options.pop("flat", False) else nn.Conv2d
    made = conv_class(kind)(*args, packs=Packs(), resident=lambda layer: True, dtype=dtype, **options)
    return fill_randomly(made)


def in_float64(conv: FastConv, x: torch.Tensor) -> torch.Tensor:
    return copy.deepcopy(conv).double()(x.double())


def largest_error(actual: torch.Tensor, exact: torch.Tensor) -> float:
    return float((actual - exact).abs().max() / exact.abs().max())


def needs_onednn(dtype=torch.float32):
    return pytest.mark.skipif(not packed.works(dtype), reason=f"this processor has no packed weights for {dtype}")


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (64, 20), (5, 130), (40, 200)], ids=str)
def test_winograds_way_is_the_convolution(size):
    conv, x = layer(176, 192, 3, padding=1), random(2, 176, *size)
    assert conv.by_winograd(x)
    assert largest_error(conv(x), in_float64(conv, x)) < 3e-5


@needs_onednn()
@pytest.mark.parametrize("options", [{"stride": 2, "padding": 1}, {"padding": 0}, {"padding": 1}], ids=str)
def test_packed_weights_are_the_convolution(options):
    conv, x = layer(48, 40, 3, **options), random(2, 48, 17, 12)
    assert not conv.by_winograd(x)
    assert largest_error(conv(x), in_float64(conv, x)) < 1e-5
    assert len(conv.packs.made) == 1


@needs_onednn()
def test_a_convolution_over_a_row_is_one_too():
    conv, x = layer(48, 144, 1, flat=True), random(2, 48, 30)
    assert conv(x).shape == (2, 144, 30)
    assert largest_error(conv(x), in_float64(conv, x)) < 1e-5


@needs_onednn()
def test_products_by_onednn_are_those_by_matmul(monkeypatch):
    conv, x = layer(96, 128, 3, padding=1), random(1, 96, 40, 40)
    by_matmul = conv(x)
    monkeypatch.setattr(packed, "beats_matmul", lambda: True)
    torch.testing.assert_close(conv(x), by_matmul, rtol=1e-4, atol=1e-4)
    assert conv.packs.made[conv].form == ("winograd", 100)


def test_a_norm_is_a_factor_and_a_summand():
    norm, h = fill_randomly(nn.GroupNorm(32, 96)), 7 + 3 * random(1, 96, 12, 20)
    scale, shift = moments.affine(h.contiguous(memory_format=torch.channels_last), norm)
    exact = copy.deepcopy(norm).double()(h.double())
    assert largest_error(h * scale[:, None, None] + shift[:, None, None], exact) < 1e-5


@pytest.mark.parametrize("side", [8, 40])
@pytest.mark.parametrize("with_modulation", [True, False])
def test_norm_and_activation_on_the_way_are_those_before(side, with_modulation):
    layers = LayerFactory(nn, None, torch.float32)
    norm, conv = fill_randomly(layers.norm(96)), fill_randomly(layers.conv(96, 96, 3))
    h = 2 + random(3, 96, side, side)
    assert conv.by_winograd(h) == (side == 40)
    modulation = (random(3, 96, seed=1), random(3, 96, seed=2)) if with_modulation else None
    actual = convolved(norm, conv, h, modulation)
    layers.packs.allowed = False
    torch.testing.assert_close(actual, convolved(norm, conv, h, modulation), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("network", "config"), NETWORKS.values(), ids=NETWORKS)
def test_a_fast_network_is_the_plain_one(network, config):
    net = fill_randomly(network(config, BARE))
    x, t = random(2, 3, 32, 32), torch.tensor([10, 700])
    fast = net(x, t)
    assert any(pack.form == "winograd" or pack.form[0] == "winograd" for pack in net.packs.made.values())
    net.packs.allowed = False
    assert largest_error(fast, net(x, t)) < 1e-4
    assert fast.is_contiguous()  # whatever the layers' own order


@needs_onednn(torch.bfloat16)
@pytest.mark.parametrize(("network", "config"), NETWORKS.values(), ids=NETWORKS)
def test_bfloat16_on_a_processor_rounds_as_it_does_elsewhere(network, config):
    exact, net = fill_randomly(network(config, BARE)), network(config, BARE, dtype=torch.bfloat16).eval()
    net.load_state_dict(exact.state_dict())
    net.requires_grad_(False)
    x, t = random(2, 3, 32, 32), torch.tensor([300, 40])
    actual = net(x.bfloat16(), t)
    assert net.packs.made
    assert (actual - exact(x, t)).norm() < 2e-2 * exact(x, t).norm()


@pytest.mark.parametrize(("network", "config"), NETWORKS.values(), ids=NETWORKS)
def test_a_picture_in_a_batch_is_the_picture_alone(network, config):
    net = fill_randomly(network(config, BARE))
    x, t = random(3, 3, 32, 32), torch.tensor([900, 40, 40])
    together = net(x, t)
    for k in range(3):
        torch.testing.assert_close(net(x[k : k + 1], t[k : k + 1])[0], together[k], rtol=1e-4, atol=1e-4)


def test_a_picture_in_a_batch_is_convolved_by_winograds_way_as_alone_to_the_bit():
    conv, x = layer(128, 128, 3, padding=1), random(3, 128, 32, 32)
    assert conv.by_winograd(x)
    together = conv(x)
    for k in range(3):
        assert torch.equal(conv(x[k : k + 1])[0], together[k])


def test_a_gradient_goes_the_plain_way():
    conv, x = layer(96, 96, 3, padding=1), random(1, 96, 16, 16).requires_grad_()
    conv(x).sum().backward()
    assert not conv.packs.made
    expected = F.conv_transpose2d(torch.ones(1, 96, 16, 16), conv.weight, padding=1)
    torch.testing.assert_close(x.grad, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("inference", [True, False])
def test_weights_that_change_are_packed_anew(inference):
    conv, x = layer(96, 96, 3, padding=1), random(1, 96, 16, 16)
    with torch.inference_mode(inference):
        before = conv(x)
        conv.weight = nn.Parameter(2 * conv.weight, requires_grad=False)
        assert largest_error(conv(x) - conv.bias[:, None, None], 2 * (before - conv.bias[:, None, None])) < 1e-5
    assert len(conv.packs.made) == 1


def test_weights_that_are_written_over_are_packed_anew():
    conv, x = layer(96, 96, 3, padding=1), random(1, 96, 16, 16)
    conv(x)
    conv.weight.zero_()
    assert torch.equal(conv(x), conv.bias[:, None, None].expand(1, 96, 16, 16))


def test_packs_of_one_layer_are_not_kept_beside_each_other():
    conv = layer(96, 96, 3, padding=1)
    for side in (8, 12, 32):
        conv(random(1, 96, side, side))
        assert len(conv.packs.made) == 1


def test_nothing_is_packed_where_it_is_not_allowed_or_weights_are_not_the_layers_own():
    x = random(1, 96, 16, 16)
    for refuse in ({"allowed": False}, {"resident": lambda layer: False}, {"training": True}):
        conv = layer(96, 96, 3, padding=1)
        for name, value in refuse.items():
            setattr(conv.packs if name == "allowed" else conv, name, value)
        assert torch.equal(conv(x), F.conv2d(x, conv.weight, conv.bias, padding=1))
        assert not conv.packs.made


def test_without_onednns_operators_the_plain_way_is_taken(monkeypatch):
    monkeypatch.setattr(packed, "works", lambda dtype: False)
    conv, x = layer(48, 48, 3, padding=1), random(1, 48, 16, 16)
    assert torch.equal(conv(x), F.conv2d(x, conv.weight, conv.bias, padding=1))
    assert not conv.packs.made


def test_operators_that_are_missing_or_give_other_numbers_are_not_used(monkeypatch):
    for answer in (AttributeError, lambda h, weight, conv: torch.zeros(1, 32, 8, 8)):
        monkeypatch.setattr(packed, "reordered", lambda conv, size: conv.weight)
        broken = answer if callable(answer) and not isinstance(answer, type) else raising(answer)
        monkeypatch.setattr(packed, "convolved", broken)
        assert not packed.works.__wrapped__(torch.float32)


def raising(error: type[Exception]):
    def call(*args):
        raise error

    return call


def test_a_copied_network_packs_its_own_and_files_hold_no_packs(tmp_path):
    net = fill_randomly(UNet(WIDE, BARE))
    names = set(net.state_dict())
    x, t = random(1, 3, 32, 32), torch.tensor([5])
    expected = net(x, t)
    other = copy.deepcopy(net)
    assert not other.packs.made
    assert all(module.packs is other.packs for module in other.modules() if isinstance(module, FastConv))
    assert torch.equal(other(x, t), expected)
    assert set(net.state_dict()) == names


def test_what_packs_take_is_foreseen_and_freed():
    net = fill_randomly(UNet(WIDE, BARE))
    foreseen = expected_bytes(net)
    net(random(1, 3, 64, 64), torch.tensor([5]))
    taken = sum(pack.made.numel() * pack.made.element_size() for pack in net.packs.made.values())
    assert 0.5 < foreseen / taken < 1.5
    assert expected_bytes(net) == 0
    net.packs.clear()
    assert expected_bytes(net) == foreseen


def test_bands_of_a_picture_are_as_high_as_the_picture_at_most():
    assert winograd.patches_of_band(256, 256) == (2, 64)
    assert winograd.patches_of_band(16, 16) == (4, 4)
    assert winograd.patches_of_band(4, 4000) == (1, 1000)


def test_probing_packs_nothing():
    net = fill_randomly(UNet(WIDE, BARE))
    denoising_error(net, DiffusionConfig(), (0.5,))
    assert not net.packs.made
    assert net.packs.allowed
