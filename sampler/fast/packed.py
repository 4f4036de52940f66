"""Convolutions by oneDNN with weights in the order that its kernels read, so that they are not put in order at each call.

The operators are torch's own, made for its compiler, and not public: they are used only after they gave what the plain
convolution gives on this machine, once a process.
"""

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["beats_matmul", "bfloat16_is_fast", "convolved", "products", "reordered", "reordered_products", "works"]

Pair = tuple[int, int]
Conv = nn.Conv2d | nn.Conv1d


def reordered(conv: Conv, size: Pair) -> Tensor:
    """A convolution's weights in the best order for one picture of this height and width; other sizes work too."""
    weight = conv.weight.reshape(*conv.weight.shape, *[1] * (4 - conv.weight.ndim))
    return torch.ops.mkldnn._reorder_convolution_weight(weight, *geometry(conv), [1, conv.in_channels, *size])


def convolved(h: Tensor, weight: Tensor, conv: Conv) -> Tensor:
    """One picture through a convolution with its reordered weights; (1, in, H, W) to (1, out, H', W'), channels last."""
    return torch.ops.mkldnn._convolution_pointwise(h, weight, conv.bias, *geometry(conv), "none", [], "")


def geometry(conv: Conv) -> tuple[Any, ...]:
    """Padding, stride, dilation and groups; a Conv1d is taken for one over pictures of width 1."""
    missing = 2 - len(conv.kernel_size)
    return (
        (*conv.padding, *[0] * missing),
        (*conv.stride, *[1] * missing),
        (*conv.dilation, *[1] * missing),
        conv.groups,
    )


def reordered_products(filters: Tensor, count: int) -> Tensor:
    """Matrices, (places, in, out), in the best order for `products` of this many rows."""
    places, inputs, outputs = filters.shape
    weight = filters.transpose(1, 2).reshape(places * outputs, inputs, 1, 1)
    sizes = [1, places * inputs, count, 1]
    return torch.ops.mkldnn._reorder_convolution_weight(weight, (0, 0), (1, 1), (1, 1), places, sizes)


def products(h: Tensor, weight: Tensor, outputs: int) -> Tensor:
    """Products of matrices, place by place, as a convolution in groups; (rows, places, in) to (rows, places, out)."""
    rows, places, inputs = h.shape
    grouped = h.view(1, rows, 1, places * inputs).permute(0, 3, 1, 2)
    made = torch.ops.mkldnn._convolution_pointwise(
        grouped, weight, None, (0, 0), (1, 1), (1, 1), places, "none", [], ""
    )
    return made.permute(0, 2, 3, 1).view(rows, places, outputs)


@cache
def beats_matmul() -> bool:
    """Whether products of matrices are best left to oneDNN: MKL has its fast kernels for Intel's processors only."""
    return torch.backends.mkl.is_available() and "AuthenticAMD" in processor() and works(torch.float32)


def processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(errors="replace")[:1000]
    except OSError:  # not Linux
        return platform.processor()


@cache
def works(dtype: torch.dtype) -> bool:
    """Whether this torch and this processor have these operators for a type, and they agree with the plain ones."""
    if dtype == torch.bfloat16 and not bfloat16_is_fast():
        return False
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        h = torch.randn(1, 32, 8, 8, generator=generator).to(dtype).to(memory_format=torch.channels_last)
        conv = nn.Conv2d(32, 32, 3, padding=1, device="meta", dtype=dtype).to_empty(device="cpu").requires_grad_(False)
        for parameter in conv.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        try:
            ours = convolved(h, reordered(conv, (8, 8)), conv)
        except (AttributeError, RuntimeError, TypeError):  # not there, not for this type, or called otherwise
            return False
        plain = F.conv2d(h, conv.weight, conv.bias, padding=1)
        return bool((ours - plain).abs().max() <= (1e-4 if dtype == torch.float32 else 2e-2) * plain.abs().max())


@cache
def bfloat16_is_fast() -> bool:
    """Whether this processor computes in bfloat16, attention too; elsewhere each number would be made float32 and back."""
    q = torch.ones(1, 1, 64, 64, dtype=torch.bfloat16)
    try:
        F.scaled_dot_product_attention(q, q, q)  # raises where torch is told to use plain kernels on a newer processor
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False
