"""What a network is said to need, over what is counted while it runs; as `PixelModel.memory_required` has it."""

from collections.abc import Iterator

import torch
from live_bytes import FusedAttention, LiveBytes
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.fast import bfloat16_is_fast, expected_bytes, working_bytes
from on_gpu.asked import Asked
from on_gpu.nets import NETS, inputs, ours, published
from on_gpu.report import Row
from small_nets import SHARED

from .beside import mebibytes, packed_bytes

NAMES = ("improved-64", "ADM-256", "portraits-512")
LEAST, MOST = 0.8, 1.25


@torch.inference_mode()
def activations(net: torch.nn.Module, config: UNetConfig, side: int, dtype: torch.dtype) -> int:
    device = next(net.parameters()).device
    given = [each.to(device) for each in inputs(config, side, 1, "cpu", dtype)]
    with LiveBytes(net.parameters()) as live:
        net(*given)
    return live.most


def row(what: str, said: float, counted: float, asked: Asked) -> Row:
    sizes = f"said {mebibytes(said)}, counted {mebibytes(counted)} MiB"
    return Row(what, said / counted, least=asked.fits(LEAST, None), most=asked.fits(MOST, None), memory=sizes)


def on_a_processor(name: str, side: int, words: str, dtype: torch.dtype, asked: Asked) -> Iterator[Row]:
    """Packed weights by themselves: they are made by the first call, and stay."""
    config = published(name, asked)
    net = ours(config, "cpu", dtype)
    packs = expected_bytes(net)
    activations(net, config, side, dtype)
    said = working_bytes(net, config, side**2, dtype)
    yield row(f"{name}, {side} px, {words}", said, activations(net, config, side, dtype), asked)
    made = packed_bytes(net)
    if made:  # none are where torch lacks the operators
        yield row(f"{name}, {side} px, {words}: packed weights", packs, made, asked)


def on_shapes(name: str, side: int, asked: Asked) -> Iterator[Row]:
    """float16 does not compute on a processor."""
    config = published(name, asked)
    net = UNet(config, SHARED, "meta", torch.float16).eval()
    with FusedAttention():
        counted = activations(net, config, side, torch.float16)
    yield row(f"{name}, {side} px, fp16", side**2 * config.activations(torch.float16.itemsize), counted, asked)


def the_estimate(asked: Asked) -> Iterator[Row]:
    for name in asked.fits(NAMES, NAMES[:1]):
        *_, side = NETS[name]
        yield from on_a_processor(name, side, "fp32", torch.float32, asked)
        if bfloat16_is_fast():
            yield from on_a_processor(name, side, "bf16", torch.bfloat16, asked)
        else:
            yield Row(f"{name}, {side} px, bf16", missing="needs a processor that computes with bfloat16")
        yield from on_shapes(name, side, asked)


CHECKS = (the_estimate,)
