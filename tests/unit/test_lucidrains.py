"""lucidrains' networks: his formulas on random weights, and what his trainer's files tell."""

import math

import pytest
import torch
import torch.nn.functional as F
from live_bytes import FusedAttention, LiveBytes
from lucid_weights import FULL, LINEAR, SMALL, lucidrains_weights
from mask_guidance.sampler import alphas_cumprod, named_betas
from mask_guidance.sampler.checkpoint import CheckpointError, DiffusionConfig, build
from mask_guidance.sampler.lucidrains import LucidConfig, LucidUNet
from mask_guidance.sampler.lucidrains.config import Attention
from mask_guidance.sampler.recognition import detect, recognise

CONFIGS = {
    "linear, then full": SMALL,
    "full, then linear, one channel": LucidConfig(1, 1, 16, (24, 16, 32), (FULL, LINEAR), FULL),
    "one level, and a variance": LucidConfig(3, 6, 16, (16, 16), (FULL,), FULL),
}
LEVELS = 500


class Formulas:
    """What `Unet` of denoising-diffusion-pytorch 2.3 computes, written from its description."""

    def __init__(self, config, weights):
        self.config, self.w = config, weights

    def conv(self, name, x):
        weight = self.w[f"{name}.weight"]
        return F.conv2d(x, weight, self.w.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm(self, name, x):
        return x / x.square().sum(1, keepdim=True).sqrt() * x.shape[1] ** 0.5 * self.w[f"{name}.g"]

    def block(self, name, x, emb):
        scale, shift = self.linear(f"{name}.mlp.1", F.silu(emb))[:, :, None, None].chunk(2, 1)
        h = F.silu(self.norm(f"{name}.block1.norm", self.conv(f"{name}.block1.proj", x)) * (scale + 1) + shift)
        h = F.silu(self.norm(f"{name}.block2.norm", self.conv(f"{name}.block2.proj", h)))
        return h + (self.conv(f"{name}.res_conv", x) if f"{name}.res_conv.weight" in self.w else x)

    def attention(self, name, x, kind):
        batch, _, height, width = x.shape
        q, k, v = self.conv(f"{name}.to_qkv", self.norm(f"{name}.norm", x)).chunk(3, 1)
        q, k, v = (part.reshape(batch, kind.heads, -1, height * width) for part in (q, k, v))
        memory_k, memory_v = (part[None].expand(batch, -1, -1, -1) for part in self.w[f"{name}.mem_kv"])
        if kind.full:
            k, v = torch.cat([memory_k.mT, k], -1), torch.cat([memory_v.mT, v], -1)
            h = torch.einsum("bhdi,bhdj->bhij", q, k) * kind.head_channels**-0.5
            h = torch.einsum("bhij,bhdj->bhdi", h.softmax(-1), v)
            return x + self.conv(f"{name}.to_out", h.reshape(batch, -1, height, width))
        k, v = torch.cat([memory_k, k], -1).softmax(-1), torch.cat([memory_v, v], -1)
        context = torch.einsum("bhdn,bhen->bhde", k, v)
        h = torch.einsum("bhde,bhdn->bhen", context, q.softmax(-2) * kind.head_channels**-0.5)
        out = self.conv(f"{name}.to_out.0", h.reshape(batch, -1, height, width))
        return x + self.norm(f"{name}.to_out.1", out)

    def __call__(self, x, t):
        config, last = self.config, self.config.levels - 1
        angles = t[:, None] * torch.exp(torch.arange(config.dim // 2) * -math.log(10000) / (config.dim // 2 - 1))
        emb = self.linear("time_mlp.1", torch.cat([angles.sin(), angles.cos()], 1))
        emb = self.linear("time_mlp.3", F.gelu(emb))
        h = first = self.conv("init_conv", x)
        skips = []
        for level, kind in enumerate(config.attention):
            name = f"downs.{level}"
            h = self.block(f"{name}.0", h, emb)
            skips.append(h)
            h = self.attention(f"{name}.2", self.block(f"{name}.1", h, emb), kind)
            skips.append(h)
            h = self.conv(f"{name}.3.1", F.pixel_unshuffle(h, 2)) if level < last else self.conv(f"{name}.3", h)
        h = self.attention("mid_attn", self.block("mid_block1", h, emb), config.middle)
        h = self.block("mid_block2", h, emb)
        for place, kind in enumerate(reversed(config.attention)):
            name = f"ups.{place}"
            h = self.block(f"{name}.0", torch.cat([h, skips.pop()], 1), emb)
            h = self.attention(f"{name}.2", self.block(f"{name}.1", torch.cat([h, skips.pop()], 1), emb), kind)
            h = F.interpolate(h, scale_factor=2) if place < last else h
            h = self.conv(f"{name}.3.1" if place < last else f"{name}.3", h)
        return self.conv("final_conv", self.block("final_res_block", torch.cat([h, first], 1), emb))


def tables(schedule="sigmoid", objective="v", least_snr=False):
    """What `GaussianDiffusion` saves beside the network, as far as it tells something."""
    share = alphas_cumprod(named_betas(schedule, LEVELS))
    snr = share / (1 - share)
    clipped = snr.clamp(max=5) if least_snr else snr
    loss = {"eps": clipped / snr, "x0": clipped, "v": clipped / (snr + 1)}[objective]
    return {"betas": torch.zeros(LEVELS), "alphas_cumprod": share.float(), "loss_weight": loss.float()}


def saved(path, config, around, prefix=""):
    """A file of his trainer: the plain network, and an EMA of other weights."""
    plain = {**{f"model.{key}": value for key, value in lucidrains_weights(config).items()}, **around}
    averaged = {key: value + 1 if key.startswith("model.") else value for key, value in plain.items()}
    ema = {"initted": torch.tensor(True), "step": torch.tensor(7)}
    ema |= {f"online_model.{key}": value for key, value in plain.items()}
    ema |= {f"ema_model.{key}": value for key, value in averaged.items()}
    torch.save({"step": 7, "model": plain, "opt": {}, "ema": ema, "scaler": None, "version": "2.3.4"}, path)
    return path


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_the_network_computes_what_the_formulas_do(name):
    config = CONFIGS[name]
    tensors = lucidrains_weights(config)
    found = detect(tensors)
    assert found.config == config
    x = torch.randn(2, config.in_channels, 16, 16, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([3.0, 777.5])
    expected = Formulas(config, tensors)(x, t)
    torch.testing.assert_close(build(tensors, found)(x, t), expected, rtol=1e-5, atol=2e-5)
    assert expected.std() > 0.1


@pytest.mark.parametrize("schedule", ["sigmoid", "cosine", "linear"])
@pytest.mark.parametrize("objective", ["eps", "x0", "v"])
@pytest.mark.parametrize("least_snr", [False, True])
def test_schedule_and_objective_are_read_from_the_trainers_tables(tmp_path, schedule, objective, least_snr):
    config = CONFIGS["one level, and a variance"]
    path = saved(tmp_path / "model-7.pt", config, tables(schedule, objective, least_snr))
    found = recognise(path, probe=False).detection
    assert found.diffusion == DiffusionConfig(schedule, LEVELS, False, objective, "learned_range")
    assert found.sources["noise_schedule"] == found.sources["prediction"] == "the trainer's tables"


@pytest.mark.parametrize(("which", "added"), [("ema", 1.0), ("model", 0.0)])
def test_averaged_weights_are_taken_unless_the_last_ones_are_asked_for(tmp_path, which, added):
    config = CONFIGS["linear, then full"]
    path = saved(tmp_path / "model-7.pt", config, tables())
    found = recognise(path, which, probe=False)
    assert set(found.checkpoint.tensors) == set(lucidrains_weights(config))
    expected = lucidrains_weights(config)["init_conv.bias"] + added
    torch.testing.assert_close(found.checkpoint.tensors["init_conv.bias"], expected)


def test_a_schedule_of_other_settings_is_refused(tmp_path):
    around = tables()
    around["alphas_cumprod"] = around["alphas_cumprod"] ** 2
    path = saved(tmp_path / "model-7.pt", CONFIGS["linear, then full"], around)
    with pytest.raises(CheckpointError, match="noise schedule is none of linear, cosine"):
        recognise(path, probe=False)


@pytest.mark.parametrize("key", ["time_mlp.0.weights", "downs.0.2.fn.fn.to_qkv.weight", "downs.0.0.block1.norm.bias"])
def test_other_versions_are_named(key):
    tensors = {**lucidrains_weights(CONFIGS["linear, then full"]), key: torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"This checkpoint is .* lucidrains"):
        detect(tensors)


def test_a_network_with_a_hole_is_refused_whatever_is_missing():
    from mask_guidance.sampler.checkpoint.network import check_keys

    whole = lucidrains_weights(CONFIGS["full, then linear, one channel"])
    for key in whole:
        holed = {k: v for k, v in whole.items() if k != key}
        with pytest.raises(CheckpointError):
            check_keys(holed, detect(holed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("kinds", ["linear", "full"])
def test_it_needs_what_it_is_said_to_need_or_less(dtype, kinds):
    linear, full = Attention(False, 4, 32, 4), Attention(True, 4, 32, 4)
    attention = (linear, linear, full) if kinds == "linear" else (full, full, full)
    config = LucidConfig(3, 3, 64, (64, 64, 128, 256), attention, full)
    net = LucidUNet(config, device="meta", dtype=dtype).eval().requires_grad_(False)
    with FusedAttention(), LiveBytes(net.parameters()) as live:
        net(torch.zeros(1, 3, 64, 64, dtype=dtype, device="meta"), torch.zeros(1, device="meta"))
    assert 1.05 < 64**2 * config.activations(dtype.itemsize) / live.most < 1.5
