"""RePaint Sampler: the loop as a SAMPLER of the host, for any MODEL."""

from collections.abc import Sequence
from dataclasses import dataclass

import comfy.model_patcher
import comfy.samplers
import torch
from comfy_api.latest import io
from torch import Tensor
from tqdm.auto import tqdm

from ..sampler import ImageNoise, Ladder, repaint, repaint_levels
from .convert import known_from_mask
from .pixel_model import PixelModel
from .variance import SINK, VarianceSink
from .widgets import last_resampled, resampling, var_type

__all__ = ["RePaintSampler", "RePaintSamplerNode"]


def ladder_of(sampling, sigmas: Tensor) -> Ladder:
    """Signal and noise amplitude at each sigma, found by asking the model to noise a one and a zero.

    Raises:
        ValueError: The model does not mix picture and noise in this way, so RePaint has no noise level to climb to.
    """
    ascending = sigmas.double().cpu().flip(0)
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    signal = [sampling.noise_scaling(sigma, zero.clone(), one.clone()) for sigma in ascending]
    noise = [sampling.noise_scaling(sigma, one.clone(), zero.clone()) for sigma in ascending]
    ladder = Ladder(torch.stack(signal).flatten(), torch.stack(noise).flatten())
    if (ladder.noise[1:] <= ladder.noise[:-1]).any() or (ladder.signal[1:] > ladder.signal[:-1]).any():
        raise ValueError(
            "RePaint needs sigmas that fall from step to step, and a model that adds noise to the picture in proportion; "
            "choose other sigmas, or another model."
        )
    return ladder


def stated_variance(model, var_type: str) -> str:
    """What "auto" means for a model that was trained for a certain variance."""
    if var_type != "auto" or not isinstance(model, PixelModel):
        return var_type
    trained = model.detection.diffusion.var_type
    return "auto" if trained == "learned_range" else trained  # auto is learned_range wherever the channels arrive


@dataclass(frozen=True)
class RePaintSampler(comfy.samplers.Sampler):
    """RePaint for the host's guiders; stateless, so that one object serves many runs.

    Attributes:
        resample_r: RePaint's r.
        resample_j: RePaint's j.
        start_resampling: No jump above this step.
        var_type: A key of `VAR_TYPES`.
        indices: Numbers of the pictures in their batch; None counts from 0.
    """

    resample_r: int = 10
    resample_j: int = 10
    start_resampling: int = 10_000
    var_type: str = "auto"
    indices: Sequence[int] | None = None

    def levels(self, steps: int, anything_known: bool) -> list[int]:
        """Order of noise levels; without a known region there is nothing to agree with, and nothing is sampled twice."""
        r = self.resample_r if anything_known else 1
        return repaint_levels(steps, self.resample_j, r, last_resampled(self.start_resampling))

    def sample(
        self, model_wrap, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, disable_pbar=False
    ) -> Tensor:
        """Called by the host's guider; see comfy.samplers.Sampler."""
        sampling = model_wrap.inner_model.model_sampling
        picture = torch.zeros_like(noise) if latent_image is None else latent_image
        known = known_from_mask(denoise_mask, picture)
        ladder = ladder_of(sampling, sigmas)
        levels = self.levels(ladder.steps, bool(known.any()))
        seed = extra_args.get("seed") or 0
        sink = VarianceSink()
        options = comfy.model_patcher.create_model_options_clone(extra_args.get("model_options", {}))
        options.setdefault("transformer_options", {})[SINK] = sink

        def denoise(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
            sigma = sigmas[-1 - level].expand(len(x))
            x0 = model_wrap(x, sigma, model_options=options, seed=seed)
            return x0, sink.take(x)

        x = sampling.noise_scaling(sigmas[0], noise, picture.clone(), self.max_denoise(model_wrap, sigmas))
        draw = ImageNoise(seed, range(len(x)) if self.indices is None else self.indices)
        variance = stated_variance(model_wrap.inner_model, self.var_type)
        steps = repaint(denoise, ladder, levels, x, picture, known, draw, variance)
        with tqdm(disable=disable_pbar) as bar:
            for step in steps:
                bar.total = step.calls
                bar.update()
                if callback is not None:
                    callback(step.call - 1, step.x0, step.x, step.calls)
                x = step.x
        return sampling.inverse_noise_scaling(sigmas[-1], x)


class RePaintSamplerNode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceSampler",
            display_name="RePaint Sampler",
            category="mask guidance",
            description=(
                "RePaint as a SAMPLER for SamplerCustom and SamplerCustomAdvanced, with any model and guider. The "
                "masked part of the latent is painted; the rest stays exactly as it is."
            ),
            search_aliases=["RePaint", "inpaint", "resample", "mask guidance", "sampler"],
            inputs=[*resampling(), var_type()],
            outputs=[io.Sampler.Output(display_name="SAMPLER")],
        )

    @classmethod
    def execute(cls, resample_r, resample_j, start_resampling, var_type) -> io.NodeOutput:
        return io.NodeOutput(RePaintSampler(resample_r, resample_j, start_resampling, var_type))
