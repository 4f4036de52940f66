"""Whether a latent is of the form that a model paints."""

from torch import Tensor

from ..sampler.sentence import shortly
from .convert import numbers_only

__all__ = ["check_form", "check_latent", "numbers_of"]

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
            f"{size_in_words(samples)} came; encode the picture with this model's own VAE."
        )
    if 0 in samples.shape:
        raise ValueError(f"The latent is empty ({size_in_words(samples)}); give it at least one picture.")


def check_latent(latent: object, name: str) -> None:
    """Raises ValueError, in one sentence, if an input is no LATENT that can be painted.

    Args:
        latent: What came.
        name: The input's.
    """
    samples = latent.get("samples") if isinstance(latent, dict) else None
    if not isinstance(samples, Tensor) and not getattr(samples, "is_nested", False):
        raise ValueError(f"{name} holds no samples; connect the LATENT of VAE Encode or of an empty latent.")
    if isinstance(samples, Tensor) and not samples.is_nested:
        if samples.ndim < 3 or 0 in samples.shape:
            raise ValueError(f"{name} is empty ({size_in_words(samples)}); give it at least one picture.")
        if not samples.is_floating_point():
            raise ValueError(
                f"{name} holds {size_in_words(samples)} of {samples.dtype}, but must hold floating point numbers."
            )
        numbers_only(samples, name)


def size_in_words(samples: Tensor) -> str:
    return "x".join(map(str, samples.shape)) or "one number"


def numbers_of(latent: dict, count: int) -> tuple[int, ...]:
    """Numbers of a latent's pictures in the batch they came from, as the host keeps them; else they count from 0.

    Raises:
        ValueError: There are numbers, but not one for each picture.
    """
    numbers = latent.get("batch_index")
    if not numbers:
        return tuple(range(count))
    if not isinstance(numbers, (list, tuple)) or len(numbers) != count or not all(type(n) is int for n in numbers):
        raise ValueError(
            f"The latent's batch_index is {shortly(numbers)}, but must be a whole number for each of its {count} pictures."
        )
    return tuple(numbers)
