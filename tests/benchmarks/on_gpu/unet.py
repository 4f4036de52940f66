"""Milliseconds of one call of the network: OpenAI's own code, ours, and what might make ours faster."""

from collections.abc import Callable, Iterator
from functools import partial
from unittest import mock

import torch
from mask_guidance.sampler.adm import unet as module

from .asked import Asked
from .clock import milliseconds
from .nets import inputs, openais, ours, published
from .report import Row

SIZES = ((256, 1), (256, 4), (256, 8), (512, 1))
QUICK = ((64, 1),)
EQUAL = 1.02  # times the other: as fast as this can be told
NET = "ADM-256"
TYPES = {"fp32": torch.float32, "fp16": torch.float16}


def norm_in_half(norm: torch.nn.Module, h: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.group_norm(h, norm.num_groups, norm.weight.to(h), norm.bias.to(h), norm.eps)


def with_half_norms(call: Callable[[], object]) -> Callable[[], object]:
    def way() -> object:
        with mock.patch.object(module, "normalize", norm_in_half):
            return call()

    return way


def graphed(call: Callable[[], object]) -> Callable[[], object]:
    """The same kernels without the processor's part."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


@torch.inference_mode()
def against_openais(asked: Asked) -> Iterator[Row]:
    config = published(NET, asked)
    theirs = openais(config, asked.device)
    for words, dtype in TYPES.items() if asked.gpu else [("fp32", torch.float32)]:  # theirs is not half on a CPU
        if dtype == torch.float16:
            theirs.convert_to_fp16()
            theirs.dtype = dtype
        mine = ours(config, asked.device, dtype)
        for side, batch in asked.fits(SIZES, QUICK):
            given = inputs(config, side, batch, asked.device, dtype)
            took = milliseconds({"theirs": partial(theirs, *given), "ours": partial(mine, *given)}, asked)
            said = f"{words}, {side} px, batch {batch}: ours {took['ours']:.1f} ms, over OpenAI's"
            yield Row(said, took["ours"] / took["theirs"], most=asked.most(EQUAL))


@torch.inference_mode()
def variants(asked: Asked) -> Iterator[Row]:
    """Each against ours as it is; one that is not 3 % faster is not worth having."""
    dtype = torch.float16 if asked.gpu else torch.bfloat16
    config = published(NET, asked)
    net, last = ours(config, asked.device, dtype), ours(config, asked.device, dtype)
    last = last.to(memory_format=torch.channels_last)
    for size in asked.fits(((256, 1), (256, 8)), QUICK):
        x, *rest = inputs(config, *size, asked.device, dtype)
        wide = x.contiguous(memory_format=torch.channels_last)
        ways: dict[str, Callable] = {
            "plain": partial(net, x, *rest),
            "norms in half": with_half_norms(partial(net, x, *rest)),
            "channels last": partial(last, wide, *rest),
        }
        if asked.gpu:
            ways["CUDA graph"] = graphed(ways["plain"])
        took = milliseconds(ways, asked)
        for name in [*took][1:]:
            yield Row(
                f"{size[0]} px, batch {size[1]}: {name} over plain {took['plain']:.1f} ms", took[name] / took["plain"]
            )


CHECKS = (against_openais, variants)
