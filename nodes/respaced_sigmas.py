"""Respaced Sigmas."""

import torch
from comfy_api.latest import io

from ..sampler import Settings
from ..sampler.chain import chosen_timesteps
from ..sampler.respacing import USUAL_LARGEST
from .checked import checked
from .inputs import setting
from .ladder import noise_to_signal

__all__ = ["RespacedSigmas", "respaced_sigmas"]


def respaced_sigmas(model, timesteps: list[int], last: int | None = None) -> torch.Tensor:
    """The model's own noise levels at some of its timesteps, then at `last`, or 0; float32 (len(timesteps) + 1,)."""
    table = model.get_model_object("model_sampling").sigmas
    end = table.new_zeros(1) if last is None else table[last : last + 1]
    return torch.cat([table[timesteps], end]).float().cpu()


class RespacedSigmas(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceSigmas",
            display_name="Respaced Sigmas",
            category="mask guidance",
            description="The noise levels of some of the model's own timesteps, chosen as guided-diffusion and RePaint do.",
            search_aliases=["scheduler", "timestep respacing", "skip steps", "sigmas", "karras"],
            inputs=[
                io.Model.Input("model", tooltip="Its training timesteps are what is chosen from."),
                setting("skip_type"),
                setting("skip_steps"),
                setting(
                    "denoise",
                    optional=True,
                    tooltip="Below 1 only this share of the timesteps is chosen from, those next to the finished picture: what "
                    "is under the mask is changed, not replaced.",
                ),
                io.Float.Input(
                    "largest_sigma",
                    default=USUAL_LARGEST,
                    min=1.0,
                    max=100_000.0,
                    step=1.0,
                    optional=True,
                    advanced=True,
                    tooltip="Where skip_type karras starts: noise over picture, by amplitude. About 1.25 times the "
                    "picture's longer side, in the model's own pixels; more wastes steps, less leaves "
                    "the coarsest patterns as they were.",
                ),
                setting("timestep_respacing", optional=True),
            ],
            outputs=[io.Sigmas.Output(display_name="SIGMAS")],
        )

    @classmethod
    @checked
    def execute(
        cls, model, skip_type, skip_steps, denoise=1.0, largest_sigma=USUAL_LARGEST, timestep_respacing=""
    ) -> io.NodeOutput:
        settings = Settings(
            skip_type=skip_type, skip_steps=skip_steps, denoise=denoise, timestep_respacing=timestep_respacing
        )
        timesteps = chosen_timesteps(settings, noise_to_signal(model), largest_sigma)
        return io.NodeOutput(respaced_sigmas(model, timesteps))
