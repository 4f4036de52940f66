"""guided-diffusion (ADM) networks: the UNet, its checkpoints, and how to recognise them."""

from .checkpoint import Checkpoint, CheckpointError, read_checkpoint
from .config import DiffusionConfig, UNetConfig
from .detect import Detection, detect
from .flags import METADATA_KEY
from .load import Recognised, describe, load_unet, recognise
from .unet import UNet

__all__ = [
    "METADATA_KEY",
    "Checkpoint",
    "CheckpointError",
    "Detection",
    "DiffusionConfig",
    "Recognised",
    "UNet",
    "UNetConfig",
    "describe",
    "detect",
    "load_unet",
    "read_checkpoint",
    "recognise",
]
