"""The network against OpenAI's, the example model against the CPU, a picture of a batch against itself alone."""

import os
import subprocess
import sys
from collections.abc import Iterator

import torch
from mask_guidance.sampler import PRESETS, paint
from mask_guidance.sampler.recognition import load_network
from torch import Tensor

from . import ROOT
from .asked import Asked
from .nets import NETS, inputs, openais, ours, published
from .report import Missing, Row

EXAMPLE = ROOT / "examples" / "models" / "eight_styles_64.safetensors"
LEVEL = 2 / 255  # of 8 bits, in a picture on [-1, 1]
HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}
TESTS_SECONDS = 110


def tf32(on: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on


def far(one: Tensor, other: Tensor) -> float:
    """Length of the difference over the length."""
    return float((one.double() - other.double()).norm() / other.double().norm())


@torch.inference_mode()
def the_unet_is_openais(asked: Asked) -> Iterator[Row]:
    tf32(False)
    for name, (_, _, side) in NETS.items():
        config = published(name, asked)
        given = inputs(config, asked.fits(side, 64), 1, asked.device)
        expected = openais(config, asked.device)(*given)
        yield Row(
            f"{name}, fp32 without TF32 against OpenAI's", far(ours(config, asked.device)(*given), expected), most=1e-5
        )
        for words, dtype in HALF.items():
            half = ours(config, asked.device, dtype)(given[0].to(dtype), *given[1:])
            yield Row(f"{name}, {words} against OpenAI's fp32", far(half, expected), most=2e-2)


def painted(device: str, pictures: Tensor, known: Tensor, preset: str, indices: range) -> Tensor:
    net, found = load_network(EXAMPLE)
    net = net.to(device)
    labels = None if found.null_class is None else torch.full((len(pictures),), found.null_class, device=device)
    table = found.diffusion.alphas_cumprod()

    def model(x: Tensor, t: Tensor) -> Tensor:
        return net(x, t * found.diffusion.timestep_scale, labels)

    for step in paint(model, table, pictures.to(device), known.to(device), PRESETS[preset], seed=1, indices=indices):
        last = step.x
    return last.cpu()


@torch.inference_mode()
def a_picture_is_the_same_on_the_CPU_and_in_a_batch(asked: Asked) -> Iterator[Row]:
    tf32(False)
    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand(2, 3, 8, 8, generator=generator) * 2 - 1
    pictures = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bilinear")
    known = torch.ones(1, 1, 64, 64, dtype=torch.bool)
    known[..., 20:44, 16:48] = False
    for preset in asked.fits(("fast", "balanced"), ("draft",)):
        there = painted(asked.device, pictures, known, preset, range(2))
        here = painted("cpu", pictures, known, preset, range(2))
        alone = painted(asked.device, pictures[1:], known, preset, range(1, 2))
        kept = known.expand_as(pictures)
        yield Row(f"{preset}: known pixels changed", float((there[kept] != pictures[kept]).sum()), most=0)
        close = ((there - here).abs() <= LEVEL)[~kept].float().mean()
        yield Row(f"{preset}: within one level of the CPU", 100 * float(close), "%", least=99.9)
        together = ((there[1:] - alone).abs() <= LEVEL)[~kept[1:]].float().mean()
        yield Row(f"{preset}: in a batch within one level of alone", 100 * float(together), "%", least=99.9)


def the_tests_for_a_GPU(asked: Asked) -> Iterator[Row]:
    asked.need_gpu()
    folder = asked.folder("comfyui", "a ComfyUI: run.py makes one")
    file = ROOT / "tests" / "host" / "test_cuda.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "COMFYUI_PATH": str(folder)}, stdout=sys.stderr, timeout=TESTS_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"tests/host/test_cuda.py took longer than {TESTS_SECONDS} s; run it alone") from error
    yield Row("tests/host/test_cuda.py, exit code", done.returncode, most=0)


CHECKS = (the_unet_is_openais, a_picture_is_the_same_on_the_CPU_and_in_a_batch, the_tests_for_a_GPU)
