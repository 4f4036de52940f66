"""Pictures edited by known operations: what was meant to change, and what drifted besides."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from mask_guidance.sampler.mask.harmonic import harmonic
from mask_guidance.sampler.mask.resample import resize_picture
from mask_guidance.sampler.mask.soften import blur
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Edit:
    """One picture edited.

    Attributes:
        original: (1, 3, H, W) in [0, 1], in steps of 1/255.
        wanted: The ideal result: the original with the change and nothing else.
        truth: Where something was changed visibly; bool (H, W).
        edited: What an instruction model might give: the wanted picture, drifted; of any size.
    """

    original: Tensor
    wanted: Tensor
    truth: Tensor
    edited: Tensor


VISIBLE = 12 / 255


def eight_bits(pictures: Tensor) -> Tensor:
    return (pictures.clamp(0, 1) * 255).round() / 255


def photograph(name: str) -> Tensor:
    """One of scikit-image's, as (1, 3, H, W)."""
    from skimage import data

    values = torch.from_numpy(np.array(getattr(data, name)()))
    if values.ndim == 2:
        values = values[..., None].expand(-1, -1, 3)
    return values[..., :3].permute(2, 0, 1)[None].float() / 255


def column(*values: float) -> Tensor:
    return torch.tensor(values)[:, None, None]


def blob(size: tuple[int, int], share: float, seed: int) -> Tensor:
    """A smooth random shape that covers about so much of a picture, its edge a pixel soft; (H, W) in [0, 1]."""
    height, width = size
    random = np.random.default_rng(seed)
    area = share * height * width
    waves = [(k, random.normal(0, 0.25 / k), random.uniform(0, 2 * np.pi)) for k in (1, 2, 3, 5)]
    aspect = random.uniform(0.7, 1.4)
    radius = (area / np.pi) ** 0.5
    half_x, half_y = min(radius * aspect * 1.1, width / 2), min(radius / aspect * 1.1, height / 2)
    x0, y0 = random.uniform(half_x, width - half_x + 1e-3), random.uniform(half_y, height - half_y + 1e-3)
    y, x = np.mgrid[:height, :width] + 0.5
    dx, dy = (x - x0) / aspect, (y - y0) * aspect
    angle = np.arctan2(dy, dx)
    rim = radius * (1 + sum(a * np.cos(k * angle + p) for k, a, p in waves))
    return torch.from_numpy(np.clip(rim - np.hypot(dx, dy) + 0.5, 0, 1)).float()


# What is meant to change. Each takes the original, the shape (H, W) and another picture, and gives the new one.


def pasted(original: Tensor, shape: Tensor, other: Tensor) -> Tensor:
    return torch.lerp(original, resize_picture(other, *original.shape[-2:]).flip(-1), shape)


def removed(original: Tensor, shape: Tensor, other: Tensor) -> Tensor:
    """Smooth colours from around, with a little grain."""
    smooth = harmonic(original[0], shape > 0)[None]
    grain = torch.randn(original.shape, generator=torch.Generator().manual_seed(5)) * 0.01
    return torch.lerp(original, smooth + grain, shape)


def recoloured(original: Tensor, shape: Tensor, other: Tensor) -> Tensor:
    """Red, green and blue change places and the object gets a tint: its texture stays."""
    turned = original[:, [1, 2, 0]] * column(0.6, 0.9, 0.6) + column(0.3, 0.0, 0.1)
    return torch.lerp(original, turned, shape)


def relit(original: Tensor, shape: Tensor, other: Tensor) -> Tensor:
    """Darker by a third."""
    return torch.lerp(original, original * 0.65, shape)


CHANGES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "pasted": pasted,
    "removed": removed,
    "recoloured": recoloured,
    "relit": relit,
}

# What drifts. Each takes and gives (1, 3, H, W).


def tinted(p: Tensor) -> Tensor:
    return p * column(1.05, 1.0, 0.93) + column(0.0, 0.01, 0.03)


def brightened(p: Tensor) -> Tensor:
    return p.clamp(0, 1) ** 0.85


def flattened(p: Tensor) -> Tensor:
    """Less contrast, and more saturated."""
    grey = p.mean(1, keepdim=True)
    return ((p - grey) * 1.15 + grey - 0.5) * 0.88 + 0.52


def compressed(p: Tensor, quality: int = 80) -> Tensor:
    buffer = io.BytesIO()
    pixels = (p[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)[None].float() / 255


def moved(p: Tensor, x: float, y: float, scale: float = 1.0) -> Tensor:
    """Content goes x to the right and y down, and grows about the middle; the border's pixels go on."""
    height, width = p.shape[-2:]
    matrix = torch.tensor([[1 / scale, 0, -2 * x / width / scale], [0, 1 / scale, -2 * y / height / scale]])
    grid = F.affine_grid(matrix[None], list(p.shape), align_corners=False)
    return F.grid_sample(p, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)


def through_vae(p: Tensor) -> Tensor:
    """Fine detail lost, and other grain in its place."""
    grain = torch.randn(p.shape, generator=torch.Generator().manual_seed(9))
    return blur(p, 2) + 0.012 * blur(grain, 1)


def vignetted(p: Tensor) -> Tensor:
    """Light that drifts over the picture: 3 % brighter at one corner, 3 % darker at the other."""
    height, width = p.shape[-2:]
    ramp = torch.linspace(-0.5, 0.5, width) + torch.linspace(-0.5, 0.5, height)[:, None]
    return p * (1 + 0.03 * ramp)


def resized(p: Tensor, multiple: int = 16, pixels: float = 0.7) -> Tensor:
    """Stretched to fewer pixels, sides rounded."""
    height, width = p.shape[-2:]
    factor = pixels**0.5
    return resize_picture(p, *(max(multiple, multiple * round(n * factor / multiple)) for n in (height, width)))


def cropped(p: Tensor) -> Tensor:
    """Cut in the middle to a shape that a model knows, 5 % off."""
    height = p.shape[-2]
    rows = round(height * 0.025)
    return p[..., rows : height - rows, :]


DRIFTS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "none": (),
    "jpeg": (compressed,),
    "tint": (tinted,),
    "gamma": (brightened,),
    "contrast": (flattened,),
    "shift": (lambda p: moved(p, 2, -1),),
    "part of a pixel": (lambda p: moved(p, 0.6, 1.3),),
    "scale": (lambda p: moved(p, 0, 0, 1.01),),
    "vae": (through_vae,),
    "light": (vignetted,),
    "resized": (resized,),
    "cropped": (cropped,),
    "tint, shift, vae": (tinted, lambda p: moved(p, 1.4, -2.2), through_vae),
    "gamma, scale, jpeg": (brightened, lambda p: moved(p, 0.7, 0.4, 1.008), compressed),
    "all": (
        flattened,
        tinted,
        vignetted,
        lambda p: moved(p, -1.6, 2.3, 0.992),
        through_vae,
        resized,
        lambda p: compressed(p, 88),
    ),
}


def edit(original: Tensor, change: str, drift: str, share: float, seed: int, other: Tensor) -> Edit:
    shape = blob(original.shape[-2:], share, seed)
    wanted = eight_bits(CHANGES[change](original, shape, other))
    edited = wanted
    for step in DRIFTS[drift]:
        edited = step(edited).clamp(0, 1)
    truth = (wanted - original).abs().amax((0, 1)) > VISIBLE
    return Edit(original, wanted, truth, eight_bits(edited))
