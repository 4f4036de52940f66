"""Small networks of lucidrains."""

import torch
from mask_guidance.sampler.lucidrains import LucidConfig, LucidUNet
from mask_guidance.sampler.lucidrains.config import Attention
from random_weights import drawn

LINEAR, FULL = Attention(False, 4, 8, 3), Attention(True, 2, 16, 4)
SMALL = LucidConfig(3, 3, 16, (16, 16, 32, 48), (LINEAR, LINEAR, FULL), FULL)


def lucidrains_weights(config: LucidConfig = SMALL) -> dict[str, torch.Tensor]:
    """Always the same."""
    generator = torch.Generator().manual_seed(0)
    shapes = LucidUNet(config, device="meta").state_dict()
    values = {key: drawn(key, value.shape, generator) for key, value in sorted(shapes.items())}
    return {key: value.abs() + 0.5 if key.endswith(".g") else value for key, value in values.items()}
