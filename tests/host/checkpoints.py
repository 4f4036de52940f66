"""Small random networks on disk: the host must run them, not paint with them."""

import json
from pathlib import Path

import torch
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.adm.encoder import EncoderUNet
from mask_guidance.sampler.checkpoint import METADATA_KEY
from safetensors.torch import save_file

FLAGS = {
    "num_heads": 2,
    "num_head_channels": -1,
    "use_new_attention_order": False,
    "noise_schedule": "cosine",
    "diffusion_steps": 1000,
}


def save_tiny(
    path: Path, dtype: torch.dtype = torch.float32, num_classes: int | None = 4, any_class: bool = True
) -> None:
    """A network of 0.5 M parameters for sides that are multiples of 2, always with the same weights.

    Args:
        path: Of a .safetensors file, or another with its flags beside it.
        dtype: Of the weights.
        num_classes: None for no labels.
        any_class: The last label stands for "any class".
    """
    config = UNetConfig(
        model_channels=32,
        channel_mult=(1, 2),
        num_res_blocks=1,
        attention_ds=(2,),
        num_classes=num_classes,
        num_heads=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tensors = {key: value.to(dtype) for key, value in UNet(config).state_dict().items()}
    flags = {**FLAGS, "null_class": None if num_classes is None or not any_class else num_classes - 1}
    if path.suffix == ".safetensors":
        save_file(tensors, path, metadata={METADATA_KEY: json.dumps(flags)})
    else:
        torch.save(tensors, path)
        path.with_suffix(".json").write_text(json.dumps(flags))


def save_classifier(path: Path, noise_schedule: str = "cosine", side: int = 16) -> None:
    """A classifier of 4 classes for the same pictures and noise, always with the same weights."""
    config = UNetConfig(
        out_channels=4, model_channels=32, channel_mult=(1, 2), num_res_blocks=1, attention_ds=(2,), num_head_channels=64,
        resblock_updown=True,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tensors = EncoderUNet(config, side).state_dict()
    tensors["out.2.c_proj.weight"] *= 20  # untrained, it has hardly an opinion
    told = {"noise_schedule": noise_schedule, "diffusion_steps": 1000}
    save_file(tensors, path, metadata={METADATA_KEY: json.dumps(told)})
