"""lucidrains' denoising-diffusion-pytorch: its current UNet, and how its checkpoints are recognised."""

from .config import LucidConfig
from .family import LUCIDRAINS
from .unet import LucidUNet

__all__ = ["LUCIDRAINS", "LucidConfig", "LucidUNet"]
