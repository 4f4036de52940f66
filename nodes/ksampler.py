"""Mask-Guided KSampler."""

import time

import comfy.model_management
import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from comfy_api.latest import io
from torch import Tensor

from ..sampler import ImageNoise
from .class_label import conditioning
from .convert import known_from_mask
from .pixel_model import NULL_LABEL, PixelModel
from .repaint_sampler import RePaintSampler
from .respaced_sigmas import respaced_sigmas, training_steps
from .widgets import chosen_timesteps, resampling, respacing, respacing_string, var_type

__all__ = ["MaskGuidedKSampler"]

SAME_SHAPE = 0.02  # masks whose aspect ratio differs by more are a mistake


def conditionings(model, positive, negative, cfg: float) -> tuple[list, list, float]:
    """What guides the model, with the defaults that a model without text allows.

    Raises:
        ValueError: The model needs a conditioning that is not connected.
    """
    if isinstance(model.model, PixelModel):
        detection = model.model.detection
        if detection.unet.num_classes is None:
            return conditioning(), conditioning(), 1.0
        if positive is None:
            raise ValueError(
                f"This model has {detection.unet.num_classes} classes; connect a Class Label node to 'positive'."
            )
        if negative is None and cfg != 1 and detection.null_class is None:
            raise ValueError(
                f"cfg is {cfg:g}, which compares two classes; connect a Class Label to 'negative', or set cfg to 1."
            )
        return positive, conditioning(NULL_LABEL) if negative is None else negative, cfg
    if positive is None:
        raise ValueError("This model is guided by text; connect CLIP Text Encode (or its like) to 'positive'.")
    if negative is None and cfg != 1:
        raise ValueError(f"cfg is {cfg:g}, which needs a negative; connect one to 'negative', or set cfg to 1.")
    return positive, positive if negative is None else negative, cfg


def checked_mask(mask: Tensor | None, latent: Tensor) -> tuple[Tensor | None, str]:
    """The latent's mask if it fits, and a note for the report if it does not fit pixel by pixel.

    Raises:
        ValueError: Wrong shape or number.
    """
    if mask is None:
        return None, "no mask: the whole picture is painted"
    if latent.ndim == 4 and mask.shape[0] not in (1, latent.shape[0]):  # a video's masks are its frames
        raise ValueError(
            f"There are {mask.shape[0]} masks for {latent.shape[0]} pictures; use one mask, or one for each picture."
        )
    (height, width), (mask_height, mask_width) = latent.shape[-2:], mask.shape[-2:]
    if not mask.any():
        return mask, "the mask is empty: nothing is painted"
    if abs(mask_width * height / (mask_height * width) - 1) > SAME_SHAPE:
        raise ValueError(
            f"The mask is {mask_width}x{mask_height} and the latent {width}x{height}: not the same shape, so the mask "
            "would be stretched; use the mask of this picture."
        )
    same = (mask_height, mask_width) == (height, width)
    return mask, "" if same else f"mask resized from {mask_width}x{mask_height} to the latent's {width}x{height}"


def coverage(mask: Tensor | None, latent: Tensor) -> float:
    """Share of the latent that is painted, 0 to 1, as the sampler sees it."""
    if mask is None:
        return 1.0
    known = known_from_mask(comfy.utils.reshape_mask(mask, latent.shape), latent)
    return 1 - float(known.float().mean())


class MaskGuidedKSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceKSampler",
            display_name="Mask-Guided KSampler",
            category="mask guidance",
            essentials_category="Image Generation",
            description=(
                "Fills the masked part of a picture with a diffusion model that was never trained for it (RePaint): "
                "the rest is noised to the current level and pasted in at every step, and stretches are sampled "
                "again until both agree."
            ),
            search_aliases=["inpaint", "RePaint", "resample", "mask guidance", "fill", "KSampler"],
            inputs=[
                io.Model.Input("model", tooltip="The diffusion model that paints."),
                io.Latent.Input(
                    "latent_image",
                    tooltip="The picture, with the mask from Set Latent Noise Mask: masked parts are painted, the "
                    "rest stays exactly as it is. Without a mask the whole picture is painted.",
                ),
                io.Conditioning.Input(
                    "positive",
                    optional=True,
                    tooltip="What to paint: Class Label for class-conditional models, text for others. Not needed for "
                    "unconditional models.",
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="What to lead away from when cfg is above 1. Left out: 'any class', where the model knows it.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Same seed, same picture, on any device and at any place in a batch. Change it for another fill.",
                ),
                io.Float.Input(
                    "cfg",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    round=0.01,
                    tooltip="How strongly positive is followed over negative. 1 is the model as trained; more follows "
                    "harder, costs twice the time, and narrows the choice.",
                ),
                *respacing(),
                io.Boolean.Input(
                    "resample",
                    default=True,
                    tooltip="RePaint's resampling. Off is plain mask guidance: fast, but old and new rarely agree.",
                ),
                *resampling(),
                var_type(),
                respacing_string(),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="LATENT", tooltip="The filled picture; everything unmasked is unchanged."
                ),
                io.String.Output(
                    display_name="record", tooltip="Model calls, seconds, settings: what it takes to repeat this."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model,
        latent_image,
        seed,
        cfg,
        skip_type,
        skip_steps,
        resample,
        resample_r,
        resample_j,
        start_resampling,
        var_type,
        positive=None,
        negative=None,
        timestep_respacing="",
    ) -> io.NodeOutput:
        samples = comfy.sample.fix_empty_latent_channels(
            model,
            latent_image["samples"],
            latent_image.get("downscale_ratio_spacial"),
            latent_image.get("downscale_ratio_temporal"),
        )
        mask, note = checked_mask(latent_image.get("noise_mask"), samples)
        positive, negative, cfg = conditionings(model, positive, negative, cfg)
        timesteps = chosen_timesteps(training_steps(model), skip_type, skip_steps, timestep_respacing)
        indices = latent_image.get("batch_index") or range(len(samples))
        r = resample_r if resample else 1
        sampler = RePaintSampler(r, resample_j, start_resampling, var_type, tuple(indices))

        painted = coverage(mask, samples)
        calls, seconds, result = 0, 0.0, samples
        if painted > 0:
            started = time.monotonic()
            result, calls = run(model, positive, negative, cfg, sampler, timesteps, samples, mask, seed)
            seconds = time.monotonic() - started
        if painted == 1 and resample:
            note = note or "everything is masked: nothing to agree with, sampled once"

        out = {key: value for key, value in latent_image.items() if not key.startswith("downscale_ratio")}
        respacing = (
            f"timestep_respacing {timestep_respacing}" if timestep_respacing.strip() else f"skip_type {skip_type}"
        )
        record = [
            f"{calls} model calls, {seconds:.1f} s, {100 * painted:.1f} % painted",
            f"{len(timesteps)} of {training_steps(model)} timesteps ({respacing})",
            f"resample_r {r}, resample_j {resample_j}, start_resampling {start_resampling}",
            f"var_type {var_type}, cfg {cfg:g}, seed {seed}, pictures {', '.join(map(str, indices))}",
            *([note] if note else []),
        ]
        return io.NodeOutput({**out, "samples": result}, "\n".join(record))


def run(model, positive, negative, cfg, sampler, timesteps, samples, mask, seed) -> tuple[Tensor, int]:
    """One run of the host's guider; the result and the number of model calls."""
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    sigmas = respaced_sigmas(model, timesteps)
    noise = ImageNoise(seed, sampler.indices, "start")(torch.zeros(samples.shape))
    show = latent_preview.prepare_callback(model, len(timesteps))
    calls = 0

    def callback(step, x0, x, total) -> None:
        nonlocal calls
        calls = step + 1
        show(step, x0, x, total)

    quiet = not comfy.utils.PROGRESS_BAR_ENABLED
    result = guider.sample(noise, samples, sampler, sigmas, mask, callback, quiet, seed)
    place, kind = comfy.model_management.intermediate_device(), comfy.model_management.intermediate_dtype()
    return result.to(device=place, dtype=kind), calls
