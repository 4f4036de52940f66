"""The UNet of Ho et al. 2020 in all its versions: DDPM's own, diffusers' UNet2DModel, and xyfJASON's."""

from .config import DDPMConfig
from .family import DDPM_FAMILIES
from .unet import DDPMUNet

__all__ = ["DDPM_FAMILIES", "DDPMConfig", "DDPMUNet"]
