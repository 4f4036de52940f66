"""Whether a latent is of the form that a model paints."""

from torch import Tensor

__all__ = ["check_form"]

FORMS = {1: ("a sound", 3), 2: ("a picture", 4), 3: ("a video", 5)}  # by the format's dimensions: name, and a tensor's


def check_form(latent_format, samples: Tensor) -> None:
    """Raises ValueError, in one sentence, if a model of this latent format cannot paint these samples.

    Args:
        latent_format: The host's, of the model.
        samples: (B, C, ...); nested ones, of several forms at once, are left to the model.
    """
    if samples.is_nested:
        return
    name, dims = FORMS.get(latent_format.latent_dimensions, ("", samples.ndim))
    channels = latent_format.latent_channels
    if samples.ndim != dims or samples.shape[1] != channels:
        raise ValueError(
            f"This model paints the latent of {name}, {dims} dimensions and {channels} channels, but one of shape "
            f"{'x'.join(map(str, samples.shape))} came; encode the picture with this model's own VAE."
        )
    if 0 in samples.shape:
        raise ValueError(f"The latent is empty ({'x'.join(map(str, samples.shape))}); give it at least one picture.")
