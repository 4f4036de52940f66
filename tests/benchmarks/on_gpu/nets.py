"""Networks with random weights in the sizes that people use, and OpenAI's own code beside ours."""

import importlib.util
from dataclasses import asdict, replace
from typing import Any

import torch
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.adm.signatures import SIGNATURES
from mask_guidance.sampler.layers import NORM_GROUPS
from small_nets import BARE, config_of, fill_randomly
from torch import nn

from .asked import Asked
from .report import Missing

__all__ = ["NETS", "inputs", "openais", "openais_words", "ours", "published"]

# Name: a published architecture, whether it takes a class, and the side of its pictures.
NETS = {
    "ADM-256": ("OpenAI 256 / LSUN / RePaint", False, 256),
    "ADM-512 with classes": ("OpenAI 512", True, 512),
    "improved-64": ("improved-diffusion ImageNet 64", False, 64),
    "portraits-512": ("portrait generator 512", False, 512),
}
CLASSES = 1000
QUICK = {"num_res_blocks": 1, "num_head_channels": -1, "num_heads": 1}


def published(name: str, asked: Asked) -> UNetConfig:
    """A key of NETS; narrow where it is to be quick."""
    signature, classes, _ = NETS[name]
    config = config_of(next(each for each in SIGNATURES if each.name == signature))
    config = replace(config, num_classes=CLASSES if classes else None)
    narrow = NORM_GROUPS / min(config.channel_mult)
    return replace(config, model_channels=int(narrow), **QUICK) if asked.quick else config


def inputs(config: UNetConfig, side: int, batch: int, device: str, dtype: torch.dtype = torch.float32) -> tuple:
    """Arguments of a network's call: noisy pictures, timesteps, and labels where it takes them."""
    generator = torch.Generator(device).manual_seed(0)
    x = torch.randn(batch, config.in_channels, side, side, generator=generator, device=device).to(dtype)
    t = torch.full((batch,), 500, device=device)
    return (x, t) if config.num_classes is None else (x, t, torch.arange(batch, device=device))


def ours(config: UNetConfig, device: str, dtype: torch.dtype = torch.float32) -> UNet:
    return fill_randomly(UNet(config, BARE, device, dtype))


def openais(config: UNetConfig, device: str) -> nn.Module:
    """OpenAI's network with the same weights, in float32; its `convert_to_fp16` makes it half."""
    if importlib.util.find_spec("guided_diffusion") is None:
        raise Missing("needs OpenAI's code: pip install --no-deps guided-diffusion-sdk==1.0.0")
    from guided_diffusion.unet import UNetModel

    with torch.device(device):
        return fill_randomly(UNetModel(**openais_words(config)))


def openais_words(config: UNetConfig) -> dict[str, Any]:
    """The arguments of OpenAI's `UNetModel`."""
    ours = asdict(config)
    words = {"image_size": 0, "attention_resolutions": ours.pop("attention_ds")}
    return words | ours
