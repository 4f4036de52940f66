"""Small random networks of the host's own architectures, in its own model classes: they must run, not paint.

No file and no text encoder: the weights are drawn here, and so are the tensors that a text encoder would give.
"""

from dataclasses import dataclass, fields
from unittest import mock

import torch
from random_weights import drawn
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
# On the pixels themselves.
RADIANCE = {
    "image_model": "chroma_radiance", "in_channels": 3, "out_channels": 3, "vec_in_dim": None, "context_in_dim": 16,
    "hidden_size": 32, "mlp_ratio": 2.0, "num_heads": 2, "depth": 1, "depth_single_blocks": 1, "axes_dim": [4, 6, 6],
    "theta": 10_000, "patch_size": 8, "qkv_bias": True, "in_dim": 64, "out_dim": 32, "hidden_dim": 32, "n_layers": 1,
    "txt_ids_dims": [], "nerf_hidden_size": 8, "nerf_mlp_ratio": 2, "nerf_depth": 1, "nerf_max_freqs": 2,
    "nerf_tile_size": 4, "nerf_final_head_type": "conv", "nerf_embedder_dtype": torch.float32, "use_x0": True,
    "use_sequential_txt_ids": False,
}  # fmt: skip
Z_IMAGE = {
    "image_model": "zimage_pixel", "patch_size": 8, "in_channels": 3, "dim": 32, "n_layers": 1, "n_refiner_layers": 1,
    "n_heads": 2, "n_kv_heads": 2, "multiple_of": 16, "qk_norm": True, "cap_feat_dim": 16, "axes_dims": [4, 6, 6],
    "axes_lens": [64, 64, 64], "time_scale": 1000.0, "pad_tokens_multiple": 8,
    "decoder_in_channels": 192, "decoder_hidden_size": 16, "decoder_num_res_blocks": 1, "decoder_max_freqs": 2,
}  # fmt: skip
PIXELDIT = {
    "image_model": "pixeldit_t2i", "num_groups": 2, "hidden_size": 32, "pixel_hidden_size": 4, "patch_depth": 1,
    "pixel_attn_hidden_size": 16, "pixel_num_groups": 2, "pixel_depth": 1, "patch_size": 8, "txt_embed_dim": 16,
    "txt_max_length": 8,
}  # fmt: skip
PID = {**PIXELDIT, "image_model": "pid", "lq_latent_channels": 4, "lq_hidden_dim": 16, "lq_num_res_blocks": 1}
HIDREAM = {
    "image_model": "hidream_o1",
    "text_config_overrides": {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 16, "rope_dims": [4, 2, 2],
    },
    "vision_config_overrides": {
        "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "depth": 1, "num_position_embeddings": 16,
        "deepstack_visual_indexes": (),
    },
}  # fmt: skip
PIXELS = (1, 3, 32, 64)
# Name: the host's configuration, the network's sizes, the latent, the width of the pooled text.
KINDS = {
    "SD1.5": ("SD15", UNET, (1, 4, 8, 8), 16),
    "SDXL": ("SDXL", {**UNET, "adm_in_channels": 2816, "num_classes": "sequential"}, (1, 4, 8, 8), 1280),
    "SD3": ("SD3", MMDIT, (1, 16, 8, 12), 16),
    "Flux": ("Flux", FLUX, (1, 16, 8, 12), 16),
    "Wan": ("WAN21_T2V", WAN, (1, 16, 3, 8, 12), 16),
    "Wan 2.2 5B": ("WAN22_T2V", {**WAN, "in_dim": 48, "out_dim": 48}, (1, 48, 3, 8, 12), 16),
}
PIXEL_KINDS = {
    "Chroma Radiance": ("ChromaRadiance", RADIANCE, PIXELS, 16),
    "Z-Image": ("ZImagePixelSpace", Z_IMAGE, PIXELS, 16),
    "PixelDiT": ("PixelDiTT2I", PIXELDIT, PIXELS, 16),
    "PiD": ("PiD", PID, PIXELS, 16),
    "HiDream-O1": ("HiDreamO1", HIDREAM, PIXELS, 16),
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
    """One of KINDS or PIXEL_KINDS, always with the same weights."""
    import comfy.model_management
    import comfy.model_patcher
    import comfy.supported_models

    config_name, network, shape, pooled = {**KINDS, **PIXEL_KINDS}[name]
    config = getattr(comfy.supported_models, config_name)(known_to_the_host(network))
    if network.get("use_spatial_transformer"):
        config.unet_config |= {"num_heads": 4, "num_head_channels": -1}
    config.set_inference_dtype(dtype, None)
    generator = torch.Generator().manual_seed(0)
    model = config.get_model({}, device=torch.device("cpu"))
    device = device or comfy.model_management.get_torch_device()
    patcher = comfy.model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))
    with torch.inference_mode():
        weights = {key: drawn(key, each.shape, generator).to(each.dtype) for key, each in places(config).items()}
        model.load_model_weights(weights, "", assign=patcher.is_dynamic())
    mask = torch.zeros(1, 1, *shape[-2:])
    mask[..., shape[-1] // 2 :] = 1
    latent = {"samples": torch.randn(shape, generator=generator), "noise_mask": mask}
    return Tiny(patcher, latent, *(text(generator, pooled, network.get("image_model")) for _ in range(2)))


def known_to_the_host(network: dict) -> dict:
    """Without what Chroma Radiance got later; other networks take words that they do not know."""
    if network.get("image_model") != "chroma_radiance":
        return network
    from comfy.ldm.chroma_radiance.model import ChromaRadianceParams

    words = {"image_model", *(field.name for field in fields(ChromaRadianceParams))}
    return {word: value for word, value in network.items() if word in words}


def places(config) -> dict[str, Tensor]:
    """All weights of a network, as shapes: under dynamic VRAM its layers have none before they are loaded."""
    import comfy.memory_management

    with mock.patch.object(comfy.memory_management, "aimdo_enabled", False):
        return config.get_model({}, device=torch.device("meta")).diffusion_model.state_dict()


def text(generator: torch.Generator, pooled: int, image_model: str | None = None) -> list:
    words = torch.randn(1, 8, 16, generator=generator)
    said = {"pooled_output": torch.randn(1, pooled, generator=generator)}
    if image_model == "hidream_o1":  # which reads the words themselves, and its timestep at the last one's place
        said["text_input_ids"] = torch.tensor([[*torch.randint(1000, (7,), generator=generator).tolist(), 151673]])
    if image_model == "pid":  # which enlarges a small picture's latent
        said |= {"lq_latent": torch.randn(1, 4, 1, 2, generator=generator), "degrade_sigma": torch.tensor([0.0])}
    return [[words, said]]


def save_stable_diffusion(path) -> None:
    """A checkpoint that the host takes for Stable Diffusion 1.5: 12 M parameters in the network, 2 M in the VAE.

    The host knows the network by its width and its text's, so it has one level instead of four; TAESD is a VAE that the
    host takes too. The text encoder cannot be made smaller: it has its full 123 M parameters, its layers all zero, so that
    a text is its words' own vectors.
    """
    import comfy.sd1_clip
    import comfy.supported_models
    import comfy.taesd.taesd
    from safetensors.torch import save_file

    one_level = {"model_channels": 320, "context_dim": 768, "num_res_blocks": [1], "channel_mult": [1]}
    one_level |= {"transformer_depth": [1], "transformer_depth_middle": -2, "transformer_depth_output": [0, 0]}
    config = comfy.supported_models.SD15({**UNET, **one_level})
    config.set_inference_dtype(torch.float32, None)
    generator = torch.Generator().manual_seed(0)
    parts = {
        "model.diffusion_model.": config.get_model({}, device=torch.device("meta")).diffusion_model,
        "first_stage_model.": comfy.taesd.taesd.TAESD(latent_channels=4),
    }
    tensors = {
        prefix + key: drawn(key, value.shape, generator).half()
        for prefix, part in parts.items()
        for key, value in part.state_dict().items()
    }
    encoder = comfy.sd1_clip.SD1ClipModel(device=torch.device("meta"), dtype=torch.float16)
    for key, value in config.process_clip_state_dict_for_saving(encoder.state_dict()).items():
        tensors[key] = torch.zeros(value.shape, dtype=torch.float16)
        if key.endswith("token_embedding.weight"):
            tensors[key] = torch.randn(value.shape, generator=generator).half()
        if key.endswith("final_layer_norm.weight"):
            tensors[key] += 1
    save_file(tensors, path)
