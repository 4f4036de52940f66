import pytest
import torch
from mask_guidance.sampler.adm import UNet
from mask_guidance.sampler.layers import normalize
from mask_guidance.sampler.recognition import load_network
from small_nets import BARE, SMALL, fill_randomly
from torch import nn

HALVES = [torch.float16, torch.bfloat16]
FLOAT32_LAYERS = (nn.GroupNorm, nn.Linear, nn.Embedding)
# With these given nothing is left to the probe.
KNOWN = {"use_new_attention_order": False, "noise_schedule": "linear"}


@pytest.mark.parametrize("dtype", HALVES)
def test_torso_convolutions_are_half_and_all_else_is_float32(dtype):
    config = SMALL.__class__(**{**vars(SMALL), "num_classes": 8})
    net = UNet(config, BARE, device="meta", dtype=dtype)
    for name, module in net.named_modules():
        if isinstance(module, FLOAT32_LAYERS) or name == "out.2":
            expected = torch.float32
        elif isinstance(module, (nn.Conv1d, nn.Conv2d)):
            expected = dtype
        else:
            continue
        assert {p.dtype for p in module.parameters()} == {expected}, name


@pytest.mark.parametrize("updown", [True, False])
def test_bfloat16_output_is_close_to_float32(updown):
    config = SMALL.__class__(**{**vars(SMALL), "resblock_updown": updown})
    exact = fill_randomly(UNet(config, BARE))
    rounded = UNet(config, BARE, dtype=torch.bfloat16)
    rounded.load_state_dict(exact.state_dict())
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([10, 700])
    expected, actual = exact(x, t), rounded.eval()(x.bfloat16(), t)
    assert actual.dtype == torch.float32
    # bfloat16 holds 8 bits: 0.4 % a rounding, some dozen layers
    assert (actual - expected).norm() < 2e-2 * expected.norm()


def test_half_state_dict_runs_as_float32(tmp_path):
    halves = {key: value.half() for key, value in fill_randomly(UNet(SMALL, BARE)).state_dict().items()}
    torch.save(halves, tmp_path / "half.pt")
    net, _ = load_network(tmp_path / "half.pt", overrides={"num_heads": 2, **KNOWN})
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    exact = UNet(SMALL, BARE)
    exact.load_state_dict({key: value.float() for key, value in halves.items()})
    x, t = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)), torch.tensor([10])
    torch.testing.assert_close(net(x, t), exact.eval()(x, t))


@pytest.mark.parametrize("dtype", HALVES)
def test_norm_of_large_half_activations_is_finite_and_right(dtype):
    """The squares of 6e4, and their sum, exceed float16's 65504 by far."""
    norm = fill_randomly(nn.GroupNorm(32, 64))
    h = 6e4 * torch.randn(2, 64, 8, 8, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    h = h.to(dtype)
    actual = normalize(norm, h)
    assert actual.dtype == dtype
    groups = h.double().reshape(2, 32, -1)
    spread = groups.var(dim=2, correction=0, keepdim=True).sqrt()
    expected = ((groups - groups.mean(dim=2, keepdim=True)) / spread).reshape(h.shape)
    expected = expected * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(actual.double(), expected, rtol=1e-2, atol=1e-2)


class NaiveNorm(nn.Module):
    """Sums in the dtype of its input, as some devices' norms do; float16 overflows at 65504."""

    num_groups = 1

    def forward(self, h):
        square_sum = (h * h).sum(dim=(1, 2, 3), dtype=h.dtype)
        return h / (square_sum / h[0].numel()).sqrt().view(-1, 1, 1, 1)


def test_norm_is_given_float32_so_that_half_sums_cannot_overflow():
    h = torch.full((1, 64, 8, 8), 300.0, dtype=torch.float16)
    assert not NaiveNorm()(h).any()  # the trap: divided by infinity
    torch.testing.assert_close(normalize(NaiveNorm(), h), torch.ones_like(h))
