"""Milliseconds of one call of the network: OpenAI's own code, ours, and what might make ours faster."""

from collections.abc import Callable, Iterator
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
    with torch.cuda.stream(aside):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


@torch.inference_mode()
def against_openais(asked: Asked) -> Iterator[Row]:
    config = published(NET, asked)
    theirs, mine = openais(config, asked.device), ours(config, asked.device)
    for size in asked.fits(SIZES, QUICK):
        given = inputs(config, *size, asked.device)
        yield from pair(
            "fp32",
            size,
            milliseconds({"theirs": lambda g=given: theirs(*g), "ours": lambda g=given: mine(*g)}, asked),
            asked,
        )
    if not asked.gpu:
        return  # their half type has no convolutions there
    theirs.convert_to_fp16()
    theirs.dtype = torch.float16
    half = ours(config, asked.device, torch.float16)
    for size in asked.fits(SIZES, QUICK):
        given = inputs(config, *size, asked.device, torch.float16)
        yield from pair(
            "fp16",
            size,
            milliseconds({"theirs": lambda g=given: theirs(*g), "ours": lambda g=given: half(*g)}, asked),
            asked,
        )


def pair(dtype: str, size: tuple[int, int], took: dict[str, float], asked: Asked) -> Iterator[Row]:
    words = f"{dtype}, {size[0]} px, batch {size[1]}: ours {took['ours']:.1f} ms, over OpenAI's"
    yield Row(words, took["ours"] / took["theirs"], most=asked.most(EQUAL))


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
            "plain": lambda x=x, rest=rest: net(x, *rest),
            "norms in half": with_half_norms(lambda x=x, rest=rest: net(x, *rest)),
            "channels last": lambda x=wide, rest=rest: last(x, *rest),
        }
        if asked.gpu:
            ways["CUDA graph"] = graphed(ways["plain"])
        took = milliseconds(ways, asked)
        for name in [*took][1:]:
            yield Row(
                f"{size[0]} px, batch {size[1]}: {name} over plain {took['plain']:.1f} ms", took[name] / took["plain"]
            )


CHECKS = (against_openais, variants)
