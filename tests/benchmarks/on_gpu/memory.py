"""What a network is said to need, over what it needs; without a GPU, over what is counted."""

import gc
from collections.abc import Iterator

import torch
from live_bytes import FusedAttention, LiveBytes
from mask_guidance.sampler.adm import UNet
from small_nets import SHARED

from .asked import Asked
from .nets import inputs, ours, published
from .report import Row

SIDES = {"ADM-256": (256, 512, 1024), "ADM-512 with classes": (512,), "improved-64": (64,)}
TYPES = {"fp32": torch.float32, "fp16": torch.float16}


@torch.inference_mode()
def measured(net: torch.nn.Module, given: tuple) -> int:
    """Bytes at a time besides the weights."""
    net(*given)
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    net(*given)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


@torch.inference_mode()
def counted(net: torch.nn.Module, given: tuple) -> int:
    with FusedAttention(), LiveBytes(net.parameters()) as live:
        net(*(each.to("meta") for each in given))
    return live.most


def the_estimate(asked: Asked) -> Iterator[Row]:
    """As the host asks for it, see `PixelModel.memory_required`."""
    for name, sides in SIDES.items():
        config = published(name, asked)
        for words, dtype in TYPES.items():
            net = ours(config, asked.device, dtype) if asked.gpu else UNet(config, SHARED, "meta", dtype).eval()
            for side in asked.fits(sides, sides[-1:]):
                batch = 4 if side < 256 else 1
                given = inputs(config, side, batch, asked.device, dtype)
                need = measured(net, given) if asked.gpu else counted(net, given)
                said = batch * side**2 * config.activations(dtype.itemsize)
                yield Row(
                    f"{name}, {side} px, {words}: estimate over {need / 2**20:.0f} MiB", said / need, least=1, most=1.5
                )


CHECKS = (the_estimate,)
