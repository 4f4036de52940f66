"""Checkpoints that people have and no family here reads: how they are known, and what to tell their owners."""

import re
from collections.abc import Collection

from .error import CheckpointError

__all__ = ["LATENT", "STRANGERS", "refuse"]

Stranger = tuple[str, str]

LATENT: Stranger = (
    r"transformer_blocks\.",
    "a latent diffusion model (Stable Diffusion and its kin); use ComfyUI's Load Checkpoint",
)
# One recognisable key of each, and what it is. The first match counts.
STRANGERS: tuple[Stranger, ...] = (
    LATENT,
    (r"^first_stage_model\.|^conditioner\.", "a whole latent diffusion checkpoint; use ComfyUI's Load Checkpoint"),
    (r"^(decoder|encoder)\.(mid|up|down)", "an autoencoder (VAE), not a diffusion model; use ComfyUI's Load VAE"),
    (r"^x_embedder\.|^double_blocks\.|^joint_blocks\.", "a diffusion transformer; use ComfyUI's Load Diffusion Model"),
    (r"^all_modules\.", "a score_sde network, which this loader does not read yet"),
    (r"^(timestep_embed|mapping_timestep_embed)\.weight$", "a v-diffusion network, which this loader does not read"),
    (r"^denoise_fn\.", "a trained inpainter or upscaler (Palette, SR3), which needs its own sampler"),
)


def refuse(keys: Collection[str], strangers: tuple[Stranger, ...] = STRANGERS) -> None:
    """Tell what a checkpoint is if it is one of the strangers.

    Raises:
        CheckpointError: It is.
    """
    for pattern, what in strangers:
        if any(re.search(pattern, key) for key in keys):
            raise CheckpointError(f"This checkpoint is {what}.")
