"""RePaint Sampler: the loop as a SAMPLER of the host, for any MODEL."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import comfy.conds
import comfy.model_patcher
import comfy.samplers
import torch
from comfy_api.latest import io
from torch import Tensor
from tqdm.auto import tqdm

from ..sampler import (
    CFG_REPEATS,
    FADED,
    METHODS,
    SOFT_MASKS,
    Descent,
    ImageNoise,
    Known,
    Settings,
    largest_sigma,
    visits_by_level,
)
from ..sampler.class_guidance import MeanShift
from .checked import checked
from .convert import known_from_mask, numbers_only
from .inputs import BEFORE_CFG_REPEATS, cfg_repeats, setting, soft_mask
from .ladder import ladder_of
from .latent_form import check_form
from .own_run import RUN, OwnRun
from .pixel_model import PixelModel
from .shared_guidance import following
from .variance import SINK, VarianceSink

__all__ = ["RePaintSampler", "RePaintSamplerNode", "labels_by_number"]

SHOWN = ("resample_r", "resample_j", "start_resampling", "var_type", "method", "feedback")


def stated_variance(model, var_type: str) -> str:
    """What "auto" means for a model that was trained for a certain variance."""
    return model.detection.diffusion.variance(var_type) if isinstance(model, PixelModel) else var_type


def known_by_host(function, mask: Tensor, sigmas: Tensor, model_wrap) -> Known:
    """The known region by level, where the MODEL brings a rule of its own (Differential Diffusion).

    The host's rule frees everything at the last step; what is not masked at all stays known all the same.
    """

    def known(level: int) -> Tensor:
        sigma = sigmas[-1 - level].reshape(1)
        ruled = function(sigma, mask, extra_options={"model": model_wrap, "sigmas": sigmas})
        return 1 - torch.where(mask > 0, ruled, 0).float().clamp(0, 1)

    return known


def tell_one_noise_level(model_wrap) -> None:
    """Keep models that have a timestep for each place (LTX, Wan 2.2 5B, Cosmos Predict 2) from taking the known for clean.

    Their classes lower the timestep where the mask says "keep", as stock samplers hand them the clean picture there; here
    it has the level's noise like the rest. Negative values mark something else (LTX's guides).
    """
    for conds in model_wrap.conds.values():
        for cond in conds:
            told = cond.get("model_conds", {})
            for key in [key for key in told if key.endswith("denoise_mask")]:
                mask = told[key].cond
                told[key] = comfy.conds.CONDRegular(torch.where(mask < 0, mask, torch.ones_like(mask)))


def labels_by_number(model_wrap, numbers: Sequence[int]) -> None:
    """Class labels in the order of the pictures that are painted now; the host hands them out from the first on."""
    for conds in model_wrap.conds.values():
        for cond in conds:
            told = cond.get("model_conds", {})
            if "y" in told and len(labels := told["y"].cond) > 1:
                told["y"] = comfy.conds.CONDRegular(labels[[number % len(labels) for number in numbers]])


def names_of_positive(model_wrap) -> set[Hashable]:
    """The host's names of the positive conditionings; empty where the guider has none, or they have no names."""
    return {cond["uuid"] for cond in model_wrap.conds.get("positive") or () if "uuid" in cond}


def stream(sampling, sigmas: Tensor, noise_added: bool) -> str:
    """The noise of the steps. A chain that goes on where another stopped (no noise is added) must not draw the other's
    noise again under the same seed: it would add up."""
    if noise_added:
        return "steps"
    table = sampling.sigmas.cpu()
    return f"steps from timestep {int((table - sigmas[0].cpu()).abs().argmin())}"


@dataclass(frozen=True)
class RePaintSampler(comfy.samplers.Sampler):
    """RePaint for the host's guiders; stateless, so that one object serves many runs.

    Attributes:
        settings: Method, r, j and the like; what chooses timesteps is not used, for the sigmas are given.
        soft_mask: A key of SOFT_MASKS; a rule that the MODEL brings goes first.
        indices: Numbers of the pictures in their batch; None counts from 0.
        from_latent: The chain starts from the latent with noise on it, not from noise alone; None: where the sigmas do
            not start at the model's largest, as everywhere in the host.
        below: Levels of the whole chain under the sigmas given, which another sampler goes on with.
        above: Levels over them, which another sampler came down.
        picture: The known picture, where the latent is something else (a half-finished chain); in the host's form.
        cfg_repeats: How calls share cfg above 1, a key of CFG_REPEATS.
        most_visits: Model calls at the most visited level of the whole chain, where the sigmas are a part of one.
    """

    settings: Settings = field(default_factory=Settings)
    soft_mask: str = "binary"
    indices: Sequence[int] | None = None
    from_latent: bool | None = None
    below: int = 0
    above: int = 0
    picture: Tensor | None = None
    cfg_repeats: str = BEFORE_CFG_REPEATS
    most_visits: int = 1

    def sample(
        self, model_wrap, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, disable_pbar=False
    ) -> Tensor:
        """Called by the host's guider; see comfy.samplers.Sampler."""
        tell_one_noise_level(model_wrap)
        sampling = model_wrap.inner_model.model_sampling
        latent = torch.zeros_like(noise) if latent_image is None else latent_image
        picture = latent if self.picture is None else model_wrap.inner_model.process_latent_in(self.picture).to(latent)
        check_form(model_wrap.inner_model.latent_format, latent)
        ladder = ladder_of(sampling, sigmas)
        options = comfy.model_patcher.create_model_options_clone(extra_args.get("model_options", {}))
        known = self.known(denoise_mask, latent, sigmas, options, model_wrap)
        seed = extra_args.get("seed") or 0
        settings = self.chosen(model_wrap.inner_model, denoise_mask is not None)
        indices = range(len(latent)) if self.indices is None else self.indices
        if isinstance(model_wrap.inner_model, PixelModel):
            labels_by_number(model_wrap, indices)
        sink = VarianceSink(names_of_positive(model_wrap))
        run = OwnRun(indices, settings.drawn_variance is not None)
        options.setdefault("transformer_options", {}).update({SINK: sink, RUN: run})
        shift = MeanShift(ladder, settings.drawn_variance) if settings.drawn_variance else None
        levels = settings.levels(Descent.on(ladder, largest_sigma(latent.shape), self.below, self.above))
        most = self.most_visits if settings.resample else 1
        visits = visits_by_level(METHODS[settings.method], levels, ladder.steps, most)
        faded = FADED["pixels" if isinstance(model_wrap.inner_model, PixelModel) else "latents"]
        shares = CFG_REPEATS[self.cfg_repeats](ladder, visits, faded)

        def denoise(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
            sigma = sigmas[-1 - level].expand(len(x))
            run.level, run.sigma = level, None if "model_function_wrapper" in options else sigma
            x0 = model_wrap(x, sigma, model_options=following(options, shares[level]), seed=seed)
            v, slope = sink.take(x), run.take()
            return (x0 if slope is None or shift is None else x0 + shift(slope, level, v)), v

        full = self.max_denoise(model_wrap, sigmas)
        from_latent = not full if self.from_latent is None else self.from_latent
        start = latent.clone() if from_latent else torch.zeros_like(latent)
        x = sampling.noise_scaling(sigmas[0], noise, start, full)
        draw = ImageNoise(seed, indices, stream(sampling, sigmas, bool(noise.any())))
        with tqdm(disable=disable_pbar) as bar:
            for step in settings.run(denoise, ladder, x, picture, known, draw, levels):
                bar.total = step.calls
                bar.update()
                if callback is not None:
                    callback(step.call - 1, step.x0, step.x, step.calls)
                x = step.x
        return sampling.inverse_noise_scaling(sigmas[-1], x)

    def known(self, mask: Tensor | None, latent: Tensor, sigmas: Tensor, options: dict, model_wrap) -> Known:
        function = options.get("denoise_mask_function")
        if function is not None and mask is not None:
            return known_by_host(function, numbers_only(mask, "mask").to(latent.device), sigmas, model_wrap)
        whole = self.below + len(sigmas) - 1 + self.above
        known = SOFT_MASKS[self.soft_mask](known_from_mask(mask, latent), whole)
        return (lambda level: known(level + self.below)) if callable(known) else known

    def chosen(self, model, masked: bool) -> Settings:
        """Without a mask there is nothing to agree with, and nothing is sampled twice.

        A mask that covers one picture of a batch whole does not count: a picture is painted as it would be alone.
        """
        variance = stated_variance(model, self.settings.var_type)
        return replace(self.settings, var_type=variance, resample=self.settings.resample and masked)


class RePaintSamplerNode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceSampler",
            display_name="RePaint Sampler",
            category="mask guidance",
            description=(
                "RePaint as a SAMPLER for SamplerCustom and SamplerCustomAdvanced, with any model and guider. The "
                "masked part of the latent is painted; the rest stays exactly as it is. On a latent, ComfyUI has shrunk "
                "the mask before it arrives here: let What the Model Sees snap it first, so that no thin stroke is lost."
            ),
            search_aliases=[
                "RePaint",
                "inpaint",
                "inpainting sampler",
                "resample",
                "mask guidance",
                "sampler",
                "time travel",
            ],
            inputs=[*map(setting, SHOWN), soft_mask(), cfg_repeats(), setting("jumps_every", optional=True)],
            outputs=[io.Sampler.Output(display_name="SAMPLER")],
        )

    @classmethod
    @checked
    def execute(
        cls,
        resample_r,
        resample_j,
        start_resampling,
        var_type,
        method="repaint",
        feedback=1.0,
        soft_mask="binary",
        cfg_repeats=BEFORE_CFG_REPEATS,
        jumps_every=0,
    ) -> io.NodeOutput:
        settings = Settings(
            method=method,
            feedback=feedback,
            resample_r=resample_r,
            resample_j=resample_j,
            start_resampling=start_resampling,
            var_type=var_type,
            jumps_every=jumps_every,
        )
        return io.NodeOutput(RePaintSampler(settings, soft_mask, cfg_repeats=cfg_repeats))
