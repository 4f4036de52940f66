"""Models and runs in the host, for the sections that have started it."""

import random_weights
import torch
from mask_guidance.sampler import Settings
from mask_guidance.sampler.checkpoint.file import Checkpoint
from mask_guidance.sampler.recognition import Recognised, detect
from peers.host import Inpainting
from tiny_models import FLUX, UNET, places, tiny
from torch import Tensor

from .asked import Asked
from .nets import ours, published

__all__ = ["latent_model", "order", "paint", "pixel_model"]

NO_SIGMAS = torch.zeros(0)  # our painter chooses its own

FLAGS = {"num_heads": 4, "use_new_attention_order": False, "noise_schedule": "linear", "prediction": "eps"}


def pixel_model(asked: Asked, dtype: str = "fp16"):
    """MODEL with ADM-256's random weights."""
    from mask_guidance.nodes.pixel_model import model_patcher

    net = ours(published("ADM-256", asked), asked.device).cpu()
    torch.cuda.empty_cache()  # the host is to find the card as it was
    tensors = net.state_dict()
    found = Recognised(Checkpoint(tensors, {}, ""), detect(tensors, [("you", FLAGS)]))
    return model_patcher(found, dtype, True)


SDXL = {
    **UNET, "model_channels": 320, "num_res_blocks": [2, 2, 2], "channel_mult": (1, 2, 4), "context_dim": 2048,
    "transformer_depth": [0, 0, 2, 2, 10, 10], "transformer_depth_middle": 10, "adm_in_channels": 2816,
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10], "num_classes": "sequential",
    "use_linear_in_transformer": True, "num_head_channels": 64,
}  # fmt: skip
DEEP = {
    **FLUX, "vec_in_dim": 768, "context_in_dim": 4096, "hidden_size": 3072, "mlp_ratio": 4.0, "num_heads": 24,
    "depth": 19, "depth_single_blocks": 38, "axes_dim": [16, 56, 56],
}  # fmt: skip
HALF, EIGHT_BITS = (torch.float16, None), (torch.float8_e4m3fn, torch.bfloat16)
# Name: the host's configuration; sizes of the network; latent at 1024 px; tokens and width of the text, width of its pooled
# form; types of the weights and of what is computed; and one of tiny_models, to be quick.
LARGE = {
    "SDXL-sized": ("SDXL", SDXL, (1, 4, 128, 128), (77, 2048, 1280), HALF, "SDXL"),
    "Flux-sized": ("Flux", DEEP, (1, 16, 128, 128), (256, 4096, 768), EIGHT_BITS, "Flux"),
    "Flux, a quarter": (
        "Flux", {**DEEP, "depth": 5, "depth_single_blocks": 9}, (1, 16, 64, 64), (256, 4096, 768), EIGHT_BITS, "Flux",
    ),
}  # fmt: skip


def latent_model(name: str, asked: Asked):
    """MODEL with random weights, the shape of its latent, and a text twice."""
    config_name, network, shape, (tokens, width, pooled), types, small_name = LARGE[name]
    if asked.quick:
        small = tiny(small_name)
        return small.model, tuple(small.latent["samples"].shape), (small.positive, small.negative)
    import comfy.model_management
    import comfy.model_patcher
    import comfy.supported_models

    config = getattr(comfy.supported_models, config_name)(network)
    config.set_inference_dtype(*types)
    model = config.get_model({}, device=torch.device("cpu"))
    device = comfy.model_management.get_torch_device()
    patcher = comfy.model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))
    draw = torch.Generator(device).manual_seed(0)
    with torch.inference_mode():
        weights = {key: drawn(key, each, draw) for key, each in places(config).items()}
        model.load_model_weights(weights, "", assign=patcher.is_dynamic())
    text = [[torch.randn(1, tokens, width), {"pooled_output": torch.randn(1, pooled)}]]
    return patcher, shape, (text, text)


def drawn(key: str, like: Tensor, draw: torch.Generator) -> Tensor:
    """A weight drawn on the card, for there are billions."""
    return random_weights.drawn(key, like.shape, draw, near_one=("weight", "scale")).to(like.dtype).cpu()


def order(
    model, shape: tuple[int, ...], positive: list, negative: list, sigmas: Tensor = NO_SIGMAS, cfg: float = 1.0
) -> Inpainting:
    """The right half of a random latent, to be painted."""
    mask = torch.zeros(1, *shape[-2:])
    mask[..., shape[-1] // 2 :] = 1
    samples = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Inpainting(model, samples, mask, positive, negative, sigmas, cfg)


@torch.inference_mode()
def paint(asked: Inpainting, settings: Settings) -> tuple[Tensor, int]:
    """Our painter: samples, and model calls."""
    from mask_guidance.nodes.painting import Wanted
    from mask_guidance.nodes.painting import paint as by_node

    wanted = Wanted(settings, "custom", asked.seed, asked.cfg)
    painted = by_node(asked.model, asked.latents(), asked.positive, asked.negative, wanted, place=None)
    return painted.samples, painted.calls
