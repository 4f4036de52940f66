"""guided-diffusion (ADM): the UNet, and how its checkpoints are recognised."""

from .config import UNetConfig
from .family import ADM
from .unet import UNet

__all__ = ["ADM", "UNet", "UNetConfig"]
