"""The VAE of a pixel-space model: no network, only the change of range and channels."""

import comfy.model_patcher
import comfy.sd
import torch
from torch import Tensor, nn

from .convert import to_8_bits

__all__ = ["pixel_vae"]


class ChannelChange(nn.Module):
    """Colour pictures for models of 1 to 4 channels: brightness, as they are, or colour and full opacity; and back."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def encode(self, pixels: Tensor, *args, **options) -> Tensor:
        if self.channels == 3:
            return pixels
        if self.channels == 4:
            return torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1)
        return pixels.mean(dim=1, keepdim=True).expand(-1, self.channels, -1, -1)

    def decode(self, samples: Tensor, *args, **options) -> Tensor:
        """Pictures of their own: the oldest host hands the LATENT itself to `to_8_bits`."""
        if samples.shape[1] != self.channels:
            raise ValueError(
                f"This is the VAE of a pixel-space model with {self.channels} channels, but the latent has {samples.shape[1]}; "
                "connect the VAE of the model that made the latent."
            )
        return (samples[:, :3] if self.channels > 2 else samples[:, :1].expand(-1, 3, -1, -1)).clone()


def pixel_vae(channels: int) -> comfy.sd.VAE:
    """A VAE in float32, whose decoded pixels lie on 8-bit levels; bfloat16, the host's choice on GPUs, moves half of them."""
    vae = comfy.sd.VAE(sd={"pixel_space_vae": torch.tensor(1.0)}, dtype=torch.float32)
    vae.process_output = to_8_bits
    vae.latent_channels = channels
    vae.first_stage_model = ChannelChange(channels).train(False)
    vae.patcher = comfy.model_patcher.ModelPatcher(vae.first_stage_model, vae.device, vae.patcher.offload_device)
    return vae
