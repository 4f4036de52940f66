"""Networks for tests: layers without initialisation, seeded weights, small configurations."""

from functools import cache
from types import SimpleNamespace

import torch
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.adm.signatures import Signature
from random_weights import drawn
from torch import nn

LAYERS = ("Conv1d", "Conv2d", "Linear", "Embedding", "GroupNorm")


def without_init(layer: type) -> type:
    return type(layer.__name__, (layer,), {"reset_parameters": lambda self: None})


# Stands in for torch.nn where weights are filled in anyway: building is several times faster.
BARE = SimpleNamespace(**{name: without_init(getattr(nn, name)) for name in LAYERS})
# One layer for all places of the same shape: enough where only names and shapes count.
SHARED = SimpleNamespace(**{name: cache(getattr(nn, name)) for name in LAYERS})

SMALL = UNetConfig(
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_ds=(2,),
    num_heads=2,
    num_head_channels=-1,
    resblock_updown=True,
)


def config_of(published: Signature) -> UNetConfig:
    """The network of a published checkpoint, with a variance and without classes."""
    heads = {key: value for key, value in published.hidden.items() if key.startswith("num_head")}
    shape = {key: value for key, value in published.shape.items() if key != "learn_sigma"}
    return UNetConfig(**shape, **heads)


@torch.no_grad()
def fill_randomly(net: nn.Module, seed: int = 0) -> nn.Module:
    """Weights of a width that keeps activations near 1, drawn where the network is; equal for equal names and shapes."""
    generator = torch.Generator(next(net.parameters()).device).manual_seed(seed)
    for name, parameter in sorted(net.named_parameters()):
        parameter.copy_(drawn(name, parameter.shape, generator))
    return net.eval().requires_grad_(False)


def state_dict_of(config: UNetConfig, seed: int = 0) -> dict[str, torch.Tensor]:
    return fill_randomly(UNet(config, BARE), seed).state_dict()


def shapes_of(config: UNetConfig) -> dict[str, torch.Tensor]:
    """A state dict on the meta device: names and shapes without memory."""
    return UNet(config, SHARED, device="meta").state_dict()
