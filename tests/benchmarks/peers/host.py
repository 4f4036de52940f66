"""A ComfyUI in this process: started once, models made for it, calls of a network counted."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

__all__ = [
    "Calls",
    "Inpainting",
    "counted",
    "each",
    "example_model",
    "find",
    "karras",
    "pictures_asked",
    "scheduled",
    "start",
    "stock",
]

ROOT = Path(__file__).resolve().parents[3]


def find() -> Path | None:
    """The ComfyUI of COMFYUI_PATH, else the newest that `run.py` has set up."""
    given = os.environ.get("COMFYUI_PATH")
    return Path(given) if given else max((ROOT / ".run").glob("host-*"), default=None)


@cache
def start(folder: Path, flags: tuple[str, ...] = ("--cpu",)) -> None:
    """Import the host as its own main.py would with these words of its command line."""
    if not (folder / "comfy").is_dir():
        raise SystemExit(f"{folder} is no ComfyUI; run `python run.py --once`, or set COMFYUI_PATH.")
    sys.path.append(str(ROOT / "tests" / "host"))
    from in_process import start_host

    start_host(str(folder.resolve()), *flags)
    import comfy.utils

    import nodes  # noqa: F401 - the node classes, and what they set up

    comfy.utils.set_progress_bar_enabled(False)
    logging.disable(logging.INFO)
    from mask_guidance.nodes import model_folder

    model_folder.register()


def example_model(path: Path, clip_denoised: bool = True):
    """MODEL of a guided-diffusion checkpoint, as the pack's loader node makes it."""
    from mask_guidance.nodes.pixel_model import model_patcher
    from mask_guidance.sampler.recognition import recognise

    return model_patcher(recognise(path), "auto", clip_denoised)


@dataclass
class Calls:
    """How often a network looked at the picture; `of(cfg)` counts both halves of guidance as one, as this pack does."""

    rows: int = 0

    def of(self, cfg: float) -> int:
        return self.rows if cfg == 1 else self.rows // 2


@contextmanager
def counted(model) -> Iterator[Calls]:
    """Count what reaches a MODEL's network, however the host splits or joins its batches."""
    calls = Calls()

    def add(module, inputs):
        calls.rows += len(inputs[0])

    hook = model.model.diffusion_model.register_forward_pre_hook(add)
    try:
        yield calls
    finally:
        hook.remove()


def karras(steps: int, top: float, bottom: float) -> Tensor:
    """SIGMAS of the host's KarrasScheduler node, ending in 0."""
    import comfy.k_diffusion.sampling

    return comfy.k_diffusion.sampling.get_sigmas_karras(steps, bottom, top, 7.0)


def scheduled(model, scheduler: str, steps: int) -> Tensor:
    """SIGMAS of a scheduler by its name, as a KSampler has them for this MODEL."""
    import comfy.samplers

    return comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), scheduler, steps)


@dataclass(frozen=True)
class Inpainting:
    """What is asked of a painter of the host: one picture, see `LanPaint` for why not more.

    Args:
        model: MODEL.
        latent: Samples of a LATENT: the picture, or what the VAE made of it; (1, C, H, W).
        mask: The host's: 1 = paint; (1, H', W').
        positive, negative: CONDITIONING.
        sigmas: SIGMAS.
    """

    model: object
    latent: Tensor
    mask: Tensor
    positive: list
    negative: list
    sigmas: Tensor
    cfg: float = 1.0
    seed: int = 0
    sampler: str = "euler"

    def latents(self) -> dict:
        """LATENT, as Set Latent Noise Mask makes it."""
        return {"samples": self.latent, "noise_mask": self.mask.reshape(-1, 1, *self.mask.shape[-2:])}

    def guider(self):
        """GUIDER of the host's CFGGuider node."""
        import comfy.samplers

        guider = comfy.samplers.CFGGuider(self.model)
        guider.set_conds(self.positive, self.negative)
        guider.set_cfg(self.cfg)
        return guider

    def noise(self):
        """NOISE of the host's RandomNoise node."""
        from comfy_extras.nodes_custom_sampler import Noise_RandomNoise

        return Noise_RandomNoise(self.seed)


def stock(asked: Inpainting) -> tuple[Tensor, int]:
    """What the host paints without any pack: samples of the LATENT, and model calls."""
    import comfy.samplers
    from comfy_extras.nodes_custom_sampler import SamplerCustomAdvanced

    sampler = comfy.samplers.sampler_object(asked.sampler)
    with counted(asked.model) as calls:
        out = SamplerCustomAdvanced.execute(asked.noise(), asked.guider(), sampler, asked.sigmas, asked.latents())
    return out.result[0]["samples"], calls.of(asked.cfg)


def pictures_asked(
    model, pictures: Tensor, paint: Tensor, labels: list[int], sigmas: Tensor, seed: int, cfg: float = 1.0
) -> list[Inpainting]:
    """One order for each picture of a class-conditional pixel model.

    Args:
        model: MODEL.
        pictures: (B, C, H, W).
        paint: The mask of all, True = paint; (1, H, W).
        labels: Class of each.
        sigmas: SIGMAS.
        seed: Of the first; every picture has its own.
        cfg: Above 1, away from any class.
    """
    from mask_guidance.nodes.class_label import conditioning
    from mask_guidance.nodes.pixel_model import NULL_LABEL

    any_class = conditioning(NULL_LABEL)
    every = zip(pictures.split(1), map(conditioning, labels), strict=True)
    return [
        Inpainting(model, picture, paint.float(), label, any_class, sigmas, cfg, 1000 * seed + k)
        for k, (picture, label) in enumerate(every)
    ]


def each(painter: Callable[[Inpainting], tuple[Tensor, int]], asked: list[Inpainting]) -> tuple[Tensor, int]:
    """Painted samples of several pictures, (B, C, H, W), and the model calls of each."""
    painted, calls = zip(*map(painter, asked), strict=True)
    return torch.cat(painted), max(calls)
