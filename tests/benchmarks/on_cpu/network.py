"""One call of the network, beside OpenAI's own code and diffusers'."""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.fast import bfloat16_is_fast
from mask_guidance.sampler.recognition import load_network
from on_gpu.asked import Asked
from on_gpu.nets import inputs, openais, published
from on_gpu.report import Missing, Row
from small_nets import BARE, fill_randomly
from torch import nn

from .beside import KINDS, compared

# google/ddpm-celebahq-256's config.json, and others of google's.
GOOGLE = {
    "block_out_channels": (128, 128, 256, 256, 512, 512),
    "down_block_types": (*["DownBlock2D"] * 4, "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4),
    "attention_head_dim": None,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "norm_eps": 1e-6,
}
NARROW = {**GOOGLE, "block_out_channels": (32,) * 6, "layers_per_block": 1}


def sharing(theirs: nn.Module, config: UNetConfig, dtype: torch.dtype) -> UNet:
    """Our network with their weights, which are there once where the type is theirs."""
    same = dtype == torch.float32
    net = UNet(config, BARE, "meta" if same else "cpu", dtype).eval().requires_grad_(False)
    net.load_state_dict(theirs.state_dict(), assign=same)
    return net


def named(side: int, net: nn.Module, whose: str) -> str:
    return f"{side} px, {sum(each.numel() for each in net.parameters()) / 1e6:.1f} M parameters, over {whose}"


def beside_openais(config: UNetConfig, side: int, rounds: int, asked: Asked) -> Iterator[Row]:
    theirs = openais(config, "cpu")
    what = named(side, theirs, "OpenAI's")
    kinds = dict(KINDS)
    if not bfloat16_is_fast():
        del kinds["bf16"]
        yield Row(f"{what}, bf16", missing="needs a processor that computes with bfloat16")
    ours = {name: sharing(theirs, config, kind.dtype) for name, kind in kinds.items()}
    given = inputs(config, side, 1, "cpu")
    yield from compared(what, theirs, theirs, ours, given, rounds, goals=not asked.quick)


def small(asked: Asked) -> Iterator[Row]:
    config = replace(published("improved-64", asked), num_res_blocks=asked.fits(2, 1))
    yield from beside_openais(config, 64, asked.fits(9, 3), asked)


def large(asked: Asked) -> Iterator[Row]:
    config, side = published("ADM-256", asked), asked.fits(256, 64)
    yield from beside_openais(config, side, 3, asked)


def of_diffusers(asked: Asked) -> Iterator[Row]:
    if importlib.util.find_spec("diffusers") is None:
        raise Missing("needs diffusers (tests/benchmarks/requirements.txt)")
    from diffusers import UNet2DModel

    side = asked.fits(256, 64)
    theirs = fill_randomly(UNet2DModel(sample_size=side, **asked.fits(GOOGLE, NARROW)))
    with TemporaryDirectory() as folder:
        theirs.save_pretrained(Path(folder))
        ours, found = load_network(folder)
        given = inputs(found.config, side, 1, "cpu")
        what = named(side, theirs, "diffusers' (google's DDPM)")
        call = lambda x, t: theirs(x, t).sample  # noqa: E731
        yield from compared(what, theirs, call, {"fp32": ours}, given, 3, goals=False)


CHECKS = (small, large, of_diffusers)
