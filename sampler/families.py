"""The families of networks that checkpoints may hold; a new one is a folder and a row here."""

from typing import Any

from .adm import ADM
from .checkpoint.family import Family
from .ddpm import DDPM_FAMILIES
from .lucidrains import LUCIDRAINS

__all__ = ["FAMILIES"]

FAMILIES: tuple[Family[Any], ...] = (ADM, *DDPM_FAMILIES, LUCIDRAINS)
