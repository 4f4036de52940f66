"""A small latent model of the host's own classes: a VAE of 4x4 pixels to a cell and a UNet of the kind of Stable Diffusion 1.5.

The host must be started before (tests/host/in_process.py). One file holds all: `first_stage_model.*`, the VAE;
`model.diffusion_model.*`, the network; `conditioning`, four vectors of text for each style and, last, for any style.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

SIZE = 64
RATIO = 4  # pixels to a cell, each way
SCALE = 0.18215  # of the latents of Stable Diffusion 1.5, in the host's own format
TOKENS, WIDTH = 4, 64  # of a style's text
VAE = {
    "double_z": True, "z_channels": 4, "resolution": SIZE, "in_channels": 3, "out_ch": 3, "ch": 32, "ch_mult": [1, 1, 2],
    "num_res_blocks": 1, "attn_resolutions": [], "dropout": 0.0,
}  # fmt: skip
UNET = {
    "image_size": SIZE // RATIO, "in_channels": 4, "out_channels": 4, "model_channels": 64, "num_res_blocks": [1, 1, 1],
    "channel_mult": (1, 2, 2), "transformer_depth": [0, 1, 0], "transformer_depth_middle": 1,
    "transformer_depth_output": [0, 0, 0, 1, 0, 0], "context_dim": WIDTH, "use_spatial_transformer": True,
    "legacy": False,
}  # fmt: skip
HEADS = {"num_heads": 4, "num_head_channels": -1}
PREFIXES = {"vae": "first_stage_model.", "unet": "model.diffusion_model."}


def new_vae() -> torch.nn.Module:
    from comfy.ldm.models.autoencoder import AutoencoderKL
    from comfy.ldm.modules.diffusionmodules.model import AttnBlock, ResnetBlock

    vae = drawn(AutoencoderKL(ddconfig=VAE, embed_dim=4))
    silence([m.conv2 for m in vae.modules() if isinstance(m, ResnetBlock)])
    silence([m.proj_out for m in vae.modules() if isinstance(m, AttnBlock)])
    return vae


def new_unet() -> torch.nn.Module:
    from comfy.ldm.modules.attention import SpatialTransformer
    from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, UNetModel

    unet = drawn(UNetModel(**UNET, **HEADS))
    silence([m.out_layers[-1] for m in unet.modules() if isinstance(m, ResBlock)])
    silence([m.proj_out for m in unet.modules() if isinstance(m, SpatialTransformer)])
    silence([unet.out[-1]])
    return unet


def silence(layers: list[torch.nn.Module]) -> None:
    """Last layers of branches: a network learns faster from nothing than from noise."""
    for layer in layers:
        torch.nn.init.zeros_(layer.weight)


def drawn(module: torch.nn.Module) -> torch.nn.Module:
    """Weights that keep their input's size, norms of one, no biases; the host's own layers start undefined."""
    for name, values in module.named_parameters():
        if values.ndim > 1:
            torch.nn.init.normal_(values, std=values[0].numel() ** -0.5)
        else:
            torch.nn.init.constant_(values, float(name.endswith("weight")))
    return module


def save(path: Path, conditioning: Tensor | None = None, **parts: torch.nn.Module) -> None:
    """Half precision; `vae` and `unet` are the parts."""
    tensors = {PREFIXES[part] + name: p for part, module in parts.items() for name, p in module.state_dict().items()}
    if conditioning is not None:
        tensors["conditioning"] = conditioning
    partial = path.with_suffix(".partial")
    save_file({name: p.detach().half().contiguous() for name, p in tensors.items()}, partial)
    partial.replace(path)


def weights(path: Path, part: str) -> dict[str, Tensor]:
    """One part's weights, in single precision."""
    prefix = PREFIXES[part]
    return {name.removeprefix(prefix): p.float() for name, p in load_file(path).items() if name.startswith(prefix)}


@dataclass(frozen=True)
class LatentModel:
    """What a checkpoint loader would give.

    Attributes:
        model: MODEL of the host's class for Stable Diffusion 1.5.
        vae: VAE of the host.
        texts: A style's text, then any style's; (styles + 1, TOKENS, WIDTH).
    """

    model: object
    vae: object
    texts: Tensor

    def conditioning(self, labels: Tensor) -> list:
        """CONDITIONING, one picture a label."""
        return [[self.texts[labels], {}]]

    @property
    def any_style(self) -> int:
        return len(self.texts) - 1


def load(path: Path) -> LatentModel:
    import comfy.model_management
    import comfy.model_patcher
    import comfy.sd
    import comfy.supported_models

    config = comfy.supported_models.SD15(dict(UNET))
    config.unet_config |= HEADS
    config.set_inference_dtype(torch.float32, None)
    cpu = torch.device("cpu")
    with torch.inference_mode():
        model = config.get_model({}, device=cpu)
        model.diffusion_model.load_state_dict(weights(path, "unet"))
        vae = comfy.sd.VAE(
            sd=weights(path, "vae"), config={"params": {"ddconfig": VAE, "embed_dim": 4}}, dtype=torch.float32
        )
    vae.downscale_ratio = vae.upscale_ratio = RATIO
    place = comfy.model_management.get_torch_device()
    patcher = comfy.model_patcher.CoreModelPatcher(model, load_device=place, offload_device=cpu)
    return LatentModel(patcher, vae, load_file(path)["conditioning"].float())
