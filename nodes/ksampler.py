"""Mask-Guided KSampler."""

from comfy_api.latest import io
from torch import Tensor

from ..sampler import Settings, with_preset
from . import inputs
from .blackened import built_on_black
from .checked import checked
from .host import in_models_channels
from .latent_form import check_latent
from .messages import Facts, picture_size, tell
from .model_size import trained_on
from .painting import Wanted, paint
from .pixel_model import PixelModel
from .record import keep_in_picture

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
                    tooltip="Same seed, same picture, at any place in a batch, and nearly the same on another device. "
                    "Change it for another fill.",
                ),
                inputs.cfg(
                    "How strongly positive is followed over negative. 1 is the model as trained; more follows "
                    "harder, costs twice the time, and narrows the choice.",
                ),
                inputs.preset(),
                *map(inputs.setting, SHOWN),
                inputs.soft_mask(),
                inputs.mask_grid(),
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
                inputs.setting("timestep_respacing", optional=True),
                io.Latent.Input(
                    "known_latent",
                    optional=True,
                    tooltip="The clean picture to keep, where latent_image is not it: with add_noise off, latent_image is a "
                    "half-finished picture.",
                ),
                inputs.cfg_repeats(),
                inputs.setting("jumps_every", optional=True),
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
        cfg_repeats=inputs.BEFORE_CFG_REPEATS,
        **chosen,
    ) -> io.NodeOutput:
        wanted = Wanted(
            settings=with_preset(preset, Settings(**chosen)),
            preset=preset,
            seed=seed,
            cfg=cfg,
            soft_mask=soft_mask,
            mask_grid=mask_grid,
            add_noise=add_noise,
            start_at_step=start_at_step,
            end_at_step=end_at_step,
            cfg_repeats=cfg_repeats,
        )
        check_latent(latent_image, "latent_image")
        if known_latent is not None:
            check_latent(known_latent, "known_latent")
        samples = in_models_channels(model, latent_image)
        tell(Facts(size=picture_size(model, samples), side=trained_on(model.model)))
        painted = paint(model, latent_image, positive, negative, wanted, known_latent)
        share = None if painted.mask is None else painted.share
        is_picture = isinstance(model.model, PixelModel)
        black = black_in(samples, latent_image.get("noise_mask"), wanted.settings.denoise) if is_picture else None
        tell(Facts(share=share, black=black, calls=painted.calls, seconds=painted.seconds))
        out = {key: value for key, value in latent_image.items() if not key.startswith("downscale_ratio")}
        keep_in_picture(cls.hidden, painted.record)  # without the time it took: the same run saves the same file
        first, *others = painted.record
        record = [f"{first}, {painted.seconds:.1f} s", *others]
        return io.NodeOutput({**out, "samples": painted.samples}, "\n".join(record))


def black_in(samples: Tensor, mask: Tensor | None, denoise: float) -> float | None:
    """What `built_on_black` says of a latent that is the picture itself, in [-1, 1], where its mask is of its size."""
    if mask is None or mask.shape[-2:] != samples.shape[-2:]:
        return None
    return built_on_black(samples, mask.reshape(-1, *mask.shape[-2:]).to(samples.device), denoise, black=-1)
