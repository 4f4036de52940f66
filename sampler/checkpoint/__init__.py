"""What any checkpoint is, whatever family its network is of.

folder.py      the file in a folder that holds one model
file.py        the tensors of a file
error.py       what is raised for one that cannot be used
torch_file.py  files of torch.save, looked through before they are opened
wrappers.py    what trainers put around a state dict
flags.py       what is said about a checkpoint in words, and who is believed
diffusion.py   how a network was trained
classes.py     a class by name or number
imagenet.py    the names of ImageNet's classes
shapes.py      what keys and shapes tell
network.py     what a network of any family must be; building one
family.py      the record of a family, and what a checkpoint was found to be
probe.py       what can be found out by experiment
save.py        a file that says everything of itself
strangers.py   checkpoints of no family here, and what to tell their owners
"""

from .classes import class_numbers
from .diffusion import DiffusionConfig
from .error import CheckpointError
from .family import Detection, Family
from .file import Checkpoint, read_checkpoint
from .flags import (
    COMMON,
    METADATA_KEY,
    ConfigFile,
    Flag,
    Flags,
    Layers,
    OneOf,
    Only,
    Real,
    Told,
    Vocabulary,
    Whole,
    YesNo,
)
from .network import Network, NetworkConfig, build, check_size
from .save import save_checkpoint

__all__ = [
    "COMMON",
    "METADATA_KEY",
    "Checkpoint",
    "CheckpointError",
    "ConfigFile",
    "Detection",
    "DiffusionConfig",
    "Family",
    "Flag",
    "Flags",
    "Layers",
    "Network",
    "NetworkConfig",
    "OneOf",
    "Only",
    "Real",
    "Told",
    "Vocabulary",
    "Whole",
    "YesNo",
    "build",
    "check_size",
    "class_numbers",
    "read_checkpoint",
    "save_checkpoint",
]
