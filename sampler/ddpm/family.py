"""The sources of DDPM networks, a family each: the same network under other names and conventions."""

from dataclasses import replace

from ..checkpoint.family import Family
from ..checkpoint.flags import ConfigFile
from ..checkpoint.folder import DIFFUSERS as DIFFUSERS_FILE
from .architecture import read_architecture
from .config import DDPMConfig
from .conventions import DDPM, GOOGLE, TRAINING_SCRIPT, VOCABULARY, XYFJASON, Known, in_words, with_hidden_flags
from .names import from_diffusers, from_xyfjason, unchanged
from .readings import settle_conventions, settle_heads
from .unet import DDPMUNet

__all__ = ["DDPM_FAMILIES"]

WEIGHTS = f"{DIFFUSERS_FILE}*"
SECTIONS = ("data", "model", "diffusion")  # of xyfJASON's configurations; the others are about the training's loop

# Jonathan Ho's network in PyTorch: pesser's conversions, SDEdit, DDIM, DDRM, DiffusionCLIP.
ORIGINAL: Family[DDPMConfig] = Family(
    name="DDPM",
    landmarks=("conv_in.weight", "temb.dense.0.weight"),
    read=read_architecture,
    network=DDPMUNet,
    rename=unchanged,
    vocabulary=VOCABULARY,
    known=Known("signature (DDPM's code)", DDPM),
    hidden=with_hidden_flags,
    describe=in_words,
)
DIFFUSERS = replace(
    ORIGINAL,
    name="diffusers",
    landmarks=("conv_in.weight", "time_embedding.linear_1.weight"),
    rename=from_diffusers,
    known=Known("guess", TRAINING_SCRIPT, is_published=False),
    probe=settle_conventions,
    config_files=(
        ConfigFile("config.json", WEIGHTS),
        ConfigFile("scheduler_config.json", WEIGHTS),
        ConfigFile("../scheduler/scheduler_config.json", f"unet/{WEIGHTS}"),
        ConfigFile("../scheduler/scheduler_config.json", f"unet_ema/{WEIGHTS}"),
        # Within the folder of a training.
        ConfigFile("../../scheduler/scheduler_config.json", f"checkpoint-*/unet*/{WEIGHTS}"),
    ),
)
# Attention had other names when google's models were published.
DIFFUSERS_2022 = replace(
    DIFFUSERS,
    name="diffusers (2022)",
    landmarks=(*DIFFUSERS.landmarks, "mid_block.attentions.0.query.weight"),
    known=Known("guess", GOOGLE),
)
XYF = replace(
    ORIGINAL,
    name="xyfJASON",
    landmarks=("first_conv.weight", "time_embed.1.weight"),
    rename=from_xyfjason,
    known=Known("signature (xyfJASON's code)", XYFJASON, null_is_last=True),
    probe=settle_heads,
    config_files=(
        ConfigFile("config.yaml", "ema_model.pt", SECTIONS),
        ConfigFile("config.yaml", "model.pt", SECTIONS),
        ConfigFile("../../config.yaml", "ckpt/*/*.pt", SECTIONS),
    ),
)
DDPM_FAMILIES = (ORIGINAL, DIFFUSERS_2022, DIFFUSERS, XYF)
