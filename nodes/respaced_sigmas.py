"""Respaced Sigmas."""

import torch
from comfy_api.latest import io

from .widgets import chosen_timesteps, respacing, respacing_string

__all__ = ["RespacedSigmas", "respaced_sigmas"]


def respaced_sigmas(model, timesteps: list[int]) -> torch.Tensor:
    """The model's own noise levels at some of its timesteps, and 0 at the end; float32 (len(timesteps) + 1,)."""
    table = model.get_model_object("model_sampling").sigmas
    return torch.cat([table[timesteps], table.new_zeros(1)]).float().cpu()


def training_steps(model) -> int:
    return len(model.get_model_object("model_sampling").sigmas)


class RespacedSigmas(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceSigmas",
            display_name="Respaced Sigmas",
            category="mask guidance",
            description="The noise levels of some of the model's own timesteps, chosen as guided-diffusion and RePaint do.",
            search_aliases=["scheduler", "timestep respacing", "skip steps", "sigmas"],
            inputs=[
                io.Model.Input("model", tooltip="Its training timesteps are what is chosen from."),
                *respacing(),
                respacing_string(),
            ],
            outputs=[io.Sigmas.Output(display_name="SIGMAS")],
        )

    @classmethod
    def execute(cls, model, skip_type, skip_steps, timestep_respacing="") -> io.NodeOutput:
        timesteps = chosen_timesteps(training_steps(model), skip_type, skip_steps, timestep_respacing)
        return io.NodeOutput(respaced_sigmas(model, timesteps))
