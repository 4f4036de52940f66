"""The size of picture that a MODEL paints best, and which sizes it takes."""

from math import lcm

from .pixel_model import PixelModel

__all__ = ["size_multiple", "usual_size"]

# By the host's class of the family, or of one that it is derived from; most of today's were made for this many pixels a side.
USUAL = 1024
FAMILIES = {"SD15": 512, "SD20": 768, "Stable_Zero123": 256, "WAN21_T2V": 640}
UNTOLD = 256  # of a pixel model whose file does not say; the usual one of guided-diffusion's
PATCH = 2  # latent cells that most transformers take at once


def usual_size(model, vae) -> int:
    """Side of the squares that the model was trained on, in pixels; a multiple of what it takes."""
    multiple = size_multiple(model, vae)
    return max(multiple, trained_on(model.model) // multiple * multiple)


def trained_on(model) -> int:
    if isinstance(model, PixelModel):
        return model.detection.image_size or UNTOLD
    kinds = (kind.__name__ for kind in type(model.model_config).__mro__)
    return next((FAMILIES[name] for name in kinds if name in FAMILIES), USUAL)


def size_multiple(model, vae) -> int:
    """Sides of pictures must be multiples of this, in pixels."""
    if isinstance(model.model, PixelModel):
        return model.model.detection.size_multiple
    patch = getattr(model.model.diffusion_model, "patch_size", 1)
    square = patch if isinstance(patch, int) else 1  # networks of videos have three sides, of PATCH cells at most
    return lcm(lcm(int(vae.spacial_compression_encode()), 8) * PATCH, square)
