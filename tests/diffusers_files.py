"""Small DDPM networks on disk as diffusers saves them."""

import json
from pathlib import Path

import torch
from mask_guidance.sampler.ddpm import DDPMConfig, DDPMUNet
from random_weights import drawn
from safetensors.torch import save_file
from torch import Tensor

SMALL = DDPMConfig(
    channels=32,
    embed_channels=128,
    widths=(32, 64),
    num_res_blocks=1,
    down_attention=(False, True),
    up_attention=(False, True),
    shrink=("conv",),
    grow=("conv",),
)
CONFIG = {  # as google/ddpm-cat-256 has it, the sizes apart
    "_class_name": "UNet2DModel",
    "act_fn": "silu",
    "attention_head_dim": None,
    "block_out_channels": [32, 64],
    "center_input_sample": False,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "in_channels": 3,
    "layers_per_block": 1,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-06,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 16,
    "time_embedding_type": "positional",
}
SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "clip_sample": True,
    "num_train_timesteps": 1000,
    "trained_betas": None,
    "variance_type": "fixed_small",
}
OURS_TO_DIFFUSERS = (
    ("temb.dense.0", "time_embedding.linear_1"),
    ("temb.dense.1", "time_embedding.linear_2"),
    ("mid.block_1", "mid_block.resnets.0"),
    ("mid.block_2", "mid_block.resnets.1"),
    ("mid.attn_1", "mid_block.attentions.0"),
    ("norm_out", "conv_norm_out"),
    (".block.", ".resnets."),
    (".attn.", ".attentions."),
    (".downsample.", ".downsamplers.0."),
    (".upsample.", ".upsamplers.0."),
    (".temb_proj.", ".time_emb_proj."),
    (".nin_shortcut.", ".conv_shortcut."),
    ("attentions.0.norm.", "attentions.0.group_norm."),
    ("attentions.1.norm.", "attentions.1.group_norm."),
)
NEW_NAMES = ((".q.", ".to_q."), (".k.", ".to_k."), (".v.", ".to_v."), (".proj_out.", ".to_out.0."))
NAMES_OF_2022 = ((".q.", ".query."), (".k.", ".key."), (".v.", ".value."), (".proj_out.", ".proj_attn."))


@torch.no_grad()
def weights(config: DDPMConfig = SMALL) -> dict[str, Tensor]:
    """Always the same, under DDPM's own names."""
    generator = torch.Generator().manual_seed(0)
    shapes = DDPMUNet(config, device="meta").state_dict()
    near_one = ("norm.weight", "norm1.weight", "norm2.weight", "norm_out.weight")
    return {key: drawn(key, value.shape, generator, near_one) for key, value in sorted(shapes.items())}


def of_diffusers(tensors: dict[str, Tensor], attention=NEW_NAMES) -> dict[str, Tensor]:
    """DDPM's own names as diffusers calls them; the levels of the way up are counted from the coarsest."""
    levels = 1 + max(int(key.split(".")[1]) for key in tensors if key.startswith("up."))
    renamed = {}
    for key, value in tensors.items():
        for ours, theirs in (*OURS_TO_DIFFUSERS, *attention):
            key = key.replace(ours, theirs)
        side, number, *rest = key.split(".")
        if side in ("down", "up"):
            key = ".".join([f"{side}_blocks", str(int(number) if side == "down" else levels - 1 - int(number)), *rest])
        linear = ".attentions." in key and value.ndim == 4
        renamed[key] = value[:, :, 0, 0].clone() if linear else value
    return renamed


def save_folder(
    folder: Path, inner="", config=CONFIG, scheduler=SCHEDULER, attention=NEW_NAMES, suffix="safetensors"
) -> Path:
    """What `save_pretrained` writes, of a model alone or of a pipeline (`inner` is "unet")."""
    place = folder / inner
    place.mkdir(parents=True, exist_ok=True)
    tensors, file = of_diffusers(weights(), attention), place / f"diffusion_pytorch_model.{suffix}"
    save_file(tensors, file) if suffix == "safetensors" else torch.save(tensors, file)
    (place / "config.json").write_text(json.dumps(config))
    beside = folder / "scheduler" if inner else folder
    beside.mkdir(exist_ok=True)
    (beside / "scheduler_config.json").write_text(json.dumps(scheduler))
    return folder
