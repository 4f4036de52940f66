"""Small random networks of the host's own architectures, in its own model classes: they must run, not paint.

No file and no text encoder: the weights are drawn here, and so are the tensors that a text encoder would give.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

UNET = {
    "image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 32, "num_res_blocks": [1, 1],
    "channel_mult": (1, 2), "transformer_depth": [1, 1], "transformer_depth_middle": 1,
    "transformer_depth_output": [1, 1, 1, 1], "context_dim": 16, "use_spatial_transformer": True, "legacy": False,
}  # fmt: skip
MMDIT = {
    "in_channels": 16, "out_channels": 16, "patch_size": 2, "depth": 1, "num_blocks": 2, "input_size": None,
    "adm_in_channels": 16, "pos_embed_max_size": 16, "pos_embed_scaling_factor": None, "num_patches": 256,
    "context_embedder_config": {"target": "torch.nn.Linear", "params": {"in_features": 16, "out_features": 64}},
}  # fmt: skip
FLUX = {
    "image_model": "flux", "in_channels": 16, "out_channels": 16, "vec_in_dim": 16, "context_in_dim": 16,
    "hidden_size": 32, "mlp_ratio": 2.0, "num_heads": 2, "depth": 1, "depth_single_blocks": 1, "axes_dim": [4, 6, 6],
    "theta": 10_000, "patch_size": 2, "qkv_bias": True, "guidance_embed": True, "txt_ids_dims": [],
}  # fmt: skip
WAN = {
    "image_model": "wan2.1", "model_type": "t2v", "patch_size": (1, 2, 2), "text_len": 8, "in_dim": 16, "out_dim": 16,
    "dim": 32, "ffn_dim": 64, "freq_dim": 32, "text_dim": 16, "num_heads": 2, "num_layers": 2,
}  # fmt: skip
# Name: the host's configuration, the network's sizes, the latent, the width of the pooled text.
KINDS = {
    "SD1.5": ("SD15", UNET, (1, 4, 8, 12), 16),
    "SDXL": ("SDXL", {**UNET, "adm_in_channels": 2816, "num_classes": "sequential"}, (1, 4, 8, 12), 1280),
    "SD3": ("SD3", MMDIT, (1, 16, 8, 12), 16),
    "Flux": ("Flux", FLUX, (1, 16, 8, 12), 16),
    "Wan": ("WAN21_T2V", WAN, (1, 16, 3, 8, 12), 16),
    "Wan 2.2 5B": ("WAN22_T2V", {**WAN, "in_dim": 48, "out_dim": 48}, (1, 48, 3, 8, 12), 16),
}


@dataclass
class Tiny:
    """A MODEL with a latent and texts that fit it."""

    model: object
    latent: dict
    positive: list
    negative: list

    @property
    def known(self) -> Tensor:
        """Where the latent is kept; bool (h, w)."""
        return self.latent["noise_mask"][0, 0] < 0.5


def tiny(name: str, device: torch.device | None = None, dtype: torch.dtype = torch.float32) -> Tiny:
    """One of KINDS, always with the same weights."""
    import comfy.model_management
    import comfy.model_patcher
    import comfy.supported_models

    config_name, network, shape, pooled = KINDS[name]
    config = getattr(comfy.supported_models, config_name)(network)
    if network.get("use_spatial_transformer"):
        config.unet_config |= {"num_heads": 4, "num_head_channels": -1}
    config.set_inference_dtype(dtype, None)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        model = config.get_model({}, device=torch.device("cpu"))
        model.diffusion_model.to(dtype)
        for key, value in model.diffusion_model.state_dict().items():
            value.copy_(drawn(key, value.shape, generator))
    device = device or comfy.model_management.get_torch_device()
    patcher = comfy.model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))
    mask = torch.zeros(1, 1, *shape[-2:])
    mask[..., shape[-1] // 2 :] = 1
    latent = {"samples": torch.randn(shape, generator=generator), "noise_mask": mask}
    return Tiny(patcher, latent, text(generator, pooled), text(generator, pooled))


def drawn(key: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Weights that keep their input's size, norms near one, small biases."""
    values = torch.randn(shape, generator=generator)
    if len(shape) > 1:
        return values / shape[1:].numel() ** 0.5
    return 1 + 0.1 * values if key.endswith("weight") else 0.1 * values


def text(generator: torch.Generator, pooled: int) -> list:
    return [[torch.randn(1, 8, 16, generator=generator), {"pooled_output": torch.randn(1, pooled, generator=generator)}]]
