"""Mask-Guided KSampler."""

import time

import comfy.model_management
import comfy.sample
import comfy.utils
import torch
from comfy_api.latest import io
from torch import Tensor

from ..sampler import Chain, ImageNoise, Settings, largest_sigma, with_preset
from ..sampler.mask import SNAPPING
from .checked import checked
from .guidance import completed, guided
from .inputs import BEFORE_CFG_REPEATS, cfg_repeats, preset, setting, soft_mask
from .ladder import noise_to_signal
from .latent_form import check_form, check_latent, numbers_of
from .latent_mask import on_latent, painted_share
from .preview import callback
from .record import keep_in_picture, model_name
from .repaint_sampler import RePaintSampler
from .respaced_sigmas import respaced_sigmas
from .seen_models import remember

__all__ = ["MaskGuidedKSampler"]

SHOWN = (
    "method",
    "feedback",
    "skip_type",
    "skip_steps",
    "resample",
    "resample_r",
    "resample_j",
    "start_resampling",
    "denoise",
    "var_type",
)


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
            search_aliases=[
                "inpaint",
                "inpainting sampler",
                "RePaint",
                "resample",
                "mask guidance",
                "fill",
                "KSampler",
            ],
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
                preset(),
                *map(setting, SHOWN),
                soft_mask(),
                io.Combo.Input(
                    "mask_grid",
                    options=list(SNAPPING),
                    default="any touch",
                    advanced=True,
                    tooltip="How a mask comes onto a coarser latent. any touch: a cell is painted if the mask touches it, so "
                    "no stroke is lost. area: if most of it is masked. nearest: if its centre is.",
                ),
                io.Boolean.Input(
                    "add_noise",
                    default=True,
                    advanced=True,
                    tooltip="Off: the latent has its noise already, from a sampler that stopped early. The seed still decides "
                    "the noise of the steps.",
                ),
                io.Int.Input(
                    "start_at_step",
                    default=0,
                    min=0,
                    max=10_000,
                    advanced=True,
                    tooltip="Leave out this many of the steps at the noisy end, to go on where another sampler stopped, or to "
                    "start from the latent.",
                ),
                io.Int.Input(
                    "end_at_step",
                    default=10_000,
                    min=1,
                    max=10_000,
                    advanced=True,
                    tooltip="Stop after this step and return the latent with the noise left in it, for another sampler.",
                ),
                setting("timestep_respacing", optional=True),
                io.Latent.Input(
                    "known_latent",
                    optional=True,
                    tooltip="The clean picture to keep, where latent_image is not it: with add_noise off, latent_image is a "
                    "half-finished picture.",
                ),
                cfg_repeats(),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="LATENT", tooltip="The filled picture; everything unmasked is unchanged."
                ),
                io.String.Output(
                    display_name="record", tooltip="Model calls, seconds, settings: what it takes to repeat this."
                ),
            ],
            hidden=[io.Hidden.extra_pnginfo],
        )

    @classmethod
    @checked
    def execute(
        cls,
        model,
        latent_image,
        seed,
        cfg,
        preset,
        soft_mask,
        mask_grid,
        add_noise,
        start_at_step,
        end_at_step,
        positive=None,
        negative=None,
        known_latent=None,
        cfg_repeats=BEFORE_CFG_REPEATS,
        **chosen,
    ) -> io.NodeOutput:
        settings = with_preset(preset, Settings(**chosen))
        check_latent(latent_image, "latent_image")
        if known_latent is not None:
            check_latent(known_latent, "known_latent")
        samples = in_models_channels(model, latent_image)
        check_form(model.get_model_object("latent_format"), samples)
        picture = known_picture(model, latent_image, samples, known_latent, add_noise)
        own_rule = "denoise_mask_function" in model.model_options
        if own_rule:  # it reads grey values: none may be cut off before
            soft_mask = "time-dependent"
        mask, note = on_latent(latent_image.get("noise_mask"), samples, soft_mask, mask_grid)
        positive, negative, cfg = completed(model, positive, negative, cfg)
        ratios = noise_to_signal(model)
        largest = largest_sigma(samples.shape)
        remember(model, ratios, largest)
        chain = Chain.of(settings, ratios, largest, start_at_step, end_at_step)
        indices = numbers_of(latent_image, len(samples))
        sampler = RePaintSampler(
            settings,
            soft_mask,
            indices,
            from_latent=settings.denoise < 1 or start_at_step > 0 or not add_noise,
            below=chain.below,
            above=chain.above,
            picture=picture,
            cfg_repeats=cfg_repeats,
            most_visits=chain.most_visits,
        )

        painted = painted_share(mask, samples, soft_mask)
        clean = samples if picture is None else picture
        calls, seconds, result = 0, 0.0, clean
        if painted > 0:
            sigmas = respaced_sigmas(model, chain.timesteps, chain.last)
            noise = ImageNoise(seed, indices, "start")(torch.zeros(samples.shape))
            started = time.monotonic()
            given = noise if add_noise else noise.zero_()
            result, calls = run(guided(model, positive, negative, cfg), sampler, sigmas, samples, given, mask, seed)
            seconds = time.monotonic() - started
            if mask is not None and chain.last is None:  # to the bit, whatever the latent format's scaling rounded
                result = torch.where((mask == 0).to(result.device), clean.to(result), result)

        out = {key: value for key, value in latent_image.items() if not key.startswith("downscale_ratio")}
        respacing = settings.timestep_respacing.strip()
        record = [
            f"{calls} model calls, {100 * painted:.1f} % painted",
            f"preset {preset}, {settings.words}",
            f"{len(chain.timesteps)} of {len(ratios)} timesteps "
            f"({f'timestep_respacing {respacing}' if respacing else settings.skip_type}), "
            f"{chain.timesteps[0]} to {chain.last or 0}",
            f"denoise {settings.denoise:g}, add_noise {add_noise}, mask_grid {mask_grid}, "
            + ("soft_mask by the model's own rule" if own_rule else f"soft_mask {soft_mask}"),
            f"cfg {cfg:g}, cfg_repeats {cfg_repeats}, seed {seed}, pictures {', '.join(map(str, indices))}",
            f"model {model_name(model)}",
            *([note] if note else []),
        ]
        keep_in_picture(cls.hidden, record)  # without the time it took: the same run saves the same file
        record[0] += f", {seconds:.1f} s"
        return io.NodeOutput({**out, "samples": result}, "\n".join(record))


def in_models_channels(model, latent: dict) -> Tensor:
    """A LATENT's samples, of the model's channels and size if it is an empty one made for another model."""
    return comfy.sample.fix_empty_latent_channels(
        model, latent["samples"], latent.get("downscale_ratio_spacial"), latent.get("downscale_ratio_temporal")
    )


def known_picture(model, latent: dict, samples: Tensor, known_latent: dict | None, add_noise: bool) -> Tensor | None:
    """The clean picture where it is not the latent itself.

    Args:
        samples: Of `latent`, in the model's channels.

    Raises:
        ValueError: It is needed and missing, or of another size.
    """
    if known_latent is None:
        if not add_noise and latent.get("noise_mask") is not None:
            raise ValueError(
                "add_noise is off, so latent_image is a half-finished picture, and the part to keep is not in it; connect the "
                "LATENT of the clean picture to 'known_latent'."
            )
        return None
    picture = in_models_channels(model, known_latent)
    if picture.shape[1:] != samples.shape[1:] or len(picture) not in (1, len(samples)):
        raise ValueError(
            f"known_latent is {tuple(picture.shape)} and latent_image {tuple(samples.shape)}; they must be of the same picture."
        )
    return picture.expand_as(samples).clone()


def run(guider, sampler, sigmas, samples, noise, mask, seed) -> tuple[Tensor, int]:
    """One run of the host's guider; the result and the number of model calls."""
    show = callback(guider.model_patcher, len(sigmas) - 1, mask)
    calls = 0

    def count(step, x0, x, total) -> None:
        nonlocal calls
        calls = step + 1
        show(step, x0, x, total)

    quiet = not comfy.utils.PROGRESS_BAR_ENABLED
    result = guider.sample(noise, samples, sampler, sigmas, mask, count, quiet, seed)
    place, kind = comfy.model_management.intermediate_device(), comfy.model_management.intermediate_dtype()
    return result.to(device=place, dtype=kind), calls
