"""What a network is said to need, over what it needs; without a GPU, over what is counted."""

import gc
from collections.abc import Iterator

import torch
from live_bytes import FusedAttention, LiveBytes
from mask_guidance.sampler.adm import UNet, UNetConfig
from small_nets import SHARED

from .asked import Asked
from .nets import inputs, ours, published
from .report import Row

SIDES = {"ADM-256": (256, 512, 1024), "ADM-512 with classes": (512,), "improved-64": (64,)}
TYPES = {"fp32": torch.float32, "fp16": torch.float16}


@torch.inference_mode()
def measured(config: UNetConfig, dtype: torch.dtype, side: int, batch: int, device: str) -> int:
    """Bytes at a time besides the weights."""
    net, given = ours(config, device, dtype), inputs(config, side, batch, device, dtype)
    net(*given)
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    net(*given)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def counted(config: UNetConfig, dtype: torch.dtype, side: int, batch: int) -> int:
    net, given = UNet(config, SHARED, "meta", dtype), inputs(config, side, batch, "cpu", dtype)
    with torch.inference_mode(), FusedAttention(), LiveBytes(net.parameters()) as live:
        net.eval()(*(each.to("meta") for each in given))
    return live.most


def the_estimate(asked: Asked) -> Iterator[Row]:
    """As the host asks for it, see `PixelModel.memory_required`."""
    for name, sides in SIDES.items():
        config = published(name, asked)
        for words, dtype in TYPES.items():
            for side in sides:
                batch = 4 if side < 256 else 1
                need = (
                    measured(config, dtype, side, batch, asked.device)
                    if asked.gpu
                    else counted(config, dtype, side, batch)
                )
                said = batch * side**2 * config.activations(dtype.itemsize)
                yield Row(
                    f"{name}, {side} px, {words}: estimate over {need / 2**20:.0f} MiB", said / need, least=1, most=1.5
                )


CHECKS = (the_estimate,)
