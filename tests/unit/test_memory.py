"""What a network is said to need is what it needs, counted on every published architecture."""

from dataclasses import replace
from itertools import cycle

import pytest
import torch
from live_bytes import FusedAttention, LiveBytes
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.adm.signatures import SIGNATURES, Signature
from mask_guidance.sampler.ddpm import DDPMConfig, DDPMUNet
from mask_guidance.sampler.ddpm.config import RESBLOCK
from mask_guidance.sampler.fast import packed
from small_nets import BARE, SHARED, SMALL, config_of

TYPES = [torch.float32, torch.float16]
ODD = {
    "one level": UNetConfig(model_channels=32, channel_mult=(1,), num_res_blocks=2, attention_ds=(1,), num_heads=2),
    "attention at the finest level": replace(SMALL, attention_ds=(1, 2), num_res_blocks=3),
    "the widest level is not the finest": replace(SMALL, channel_mult=(1, 8, 8)),
    "no attention above the middle": replace(SMALL, attention_ds=(), channel_mult=(2, 1, 1), resblock_updown=False),
    "DDPM 256": DDPMConfig(),
    "DDPM with resolutions changed in blocks": DDPMConfig(shrink=(RESBLOCK,) * 5, grow=(RESBLOCK,) * 5),
}
NETWORKS = {UNetConfig: UNet, DDPMConfig: DDPMUNet}


def named(value: Signature | torch.dtype) -> str:
    return getattr(value, "name", str(value))


def needed(config: UNetConfig, dtype: torch.dtype, side: int, batch: int = 1, device: str = "meta") -> int:
    layers = SHARED if device == "meta" else BARE
    net = NETWORKS[type(config)](config, layers, device=device, dtype=dtype).eval().requires_grad_(False)
    net.packs.allowed = False
    x = torch.zeros(batch, config.in_channels, side, side, dtype=dtype, device=device)
    with torch.inference_mode(), FusedAttention(), LiveBytes(net.parameters()) as live:
        net(x, torch.zeros(batch, device=device))
    return live.most


def assert_estimate(config: UNetConfig, dtype: torch.dtype, side: int, counted: int, batch: int = 1) -> None:
    assert 1.05 < batch * side**2 * config.activations(dtype.itemsize) / counted < 1.25


@pytest.mark.parametrize(("published", "dtype"), [*zip(SIGNATURES, cycle(TYPES), strict=False)], ids=named)
def test_the_estimate_for_a_published_network_lies_a_little_over_what_is_counted(published, dtype):
    config = config_of(published)
    side = published.hidden["image_size"]
    assert_estimate(config, dtype, side, needed(config, dtype, side))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("config", ODD.values(), ids=ODD)
def test_so_does_that_for_other_shapes(config, dtype):
    assert_estimate(config, dtype, 128, needed(config, dtype, 128))


def test_a_network_that_computes_needs_what_was_counted_on_shapes_alone():
    assert needed(SMALL, torch.float32, 64, batch=3, device="cpu") == needed(SMALL, torch.float32, 64, batch=3)


def test_counting_keeps_no_network_from_its_fast_way():
    """Which is tried once a process, perhaps while bytes are counted."""
    tried = packed.works.__wrapped__
    with LiveBytes():
        counted = tried(torch.float32)
    assert counted == tried(torch.float32)
