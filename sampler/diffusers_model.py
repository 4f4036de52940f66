"""A network and a scheduler of diffusers, as what `paint` takes; diffusers itself is not needed for it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .ddpm.conventions import VOCABULARY
from .settings import SettingsError

__all__ = ["from_diffusers"]


def from_diffusers(unet: Any, scheduler: Any, class_labels: Tensor | None = None) -> dict[str, Any]:
    """Arguments of `paint` for a pixel model of diffusers.

        paint(**from_diffusers(unet, scheduler), picture=picture, known=known)

    Args:
        unet: A `UNet2DModel`, or anything with its `config` that is called as unet(x_t, t, class_labels).sample. It is
            called without gradients, in its own type of numbers, and on the device that it is on.
        scheduler: Any with `alphas_cumprod` (DDPM, DDIM, DPM-Solver ...). Only what the network was trained for is read, as
            the loader reads scheduler_config.json; which timesteps are visited, and how, `Settings` say.
        class_labels: For a class-conditional network, of each picture; int64 (B,).

    Returns:
        model, alphas_cumprod, prediction, clip and variance by name.

    Raises:
        ValueError: It paints no pictures from noise alone, or was trained for what is not known here.
    """
    shape = unet.config
    check_unet(shape, class_labels)
    if not hasattr(scheduler, "alphas_cumprod"):
        raise SettingsError(
            f"{type(scheduler).__name__} has no alphas_cumprod; pass a scheduler of the DDPM kind, such as the "
            "DDPMScheduler that the network was trained with."
        )
    trained = VOCABULARY.agree([("the scheduler", VOCABULARY.pick(scheduler.config))])
    usual = "learned_range" if shape["out_channels"] == 2 * shape["in_channels"] else "fixed_small"

    @torch.no_grad()
    def model(x: Tensor, t: Tensor) -> Tensor:
        labels = {} if class_labels is None else {"class_labels": class_labels.to(x.device)}
        predicted: Tensor = unet(x.to(getattr(unet, "dtype", x.dtype)), t, **labels).sample
        return predicted.to(x.dtype)

    return {
        "model": model,
        "alphas_cumprod": scheduler.alphas_cumprod.cpu(),
        "prediction": trained.value("prediction", str, "eps"),
        "clip": trained.value("clip_sample", bool, True) and trained.value("clip_sample_range", float, 1.0),
        "variance": trained.value("var_type", str, usual),
    }


def check_unet(shape: Mapping[str, Any], class_labels: Tensor | None) -> None:
    """Raises SettingsError if it needs more than a noisy picture, its timestep and its class."""
    if "cross_attention_dim" in shape:
        raise SettingsError(
            "This UNet is guided by text (UNet2DConditionModel); pass a UNet2DModel, or paint with it in ComfyUI."
        )
    taken, given = shape["in_channels"], shape["out_channels"]
    if given not in (taken, 2 * taken):
        raise SettingsError(
            f"This UNet takes {taken} channels and gives {given}, so it is shown something besides the noisy picture; pass one "
            "that gives as many as it takes, or twice as many."
        )
    classes = shape.get("class_embed_type") or shape.get("num_class_embeds")
    if bool(classes) != (class_labels is not None):
        raise SettingsError(
            "This UNet is class-conditional; pass class_labels, a class of each picture."
            if classes
            else "class_labels were given, but this UNet knows no classes; leave them out."
        )
