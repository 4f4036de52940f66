"""Pictures and masks from files, and results into files that tell how they were made."""

import glob
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin
from torch import Tensor

from .settings import SettingsError

__all__ = [
    "BadPictureError", "digest", "find_pictures", "picture_size", "read_mask", "read_picture", "read_record",
    "save_picture", "to_bytes", "to_model",
]  # fmt: skip

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # by the network's channels
RECORD = "mask_guidance"
PAINTED_FROM = 128  # of 255
SAME_SHAPE = 0.02  # masks whose aspect ratio differs by more are a mistake


class BadPictureError(ValueError):
    """A picture or mask that cannot be used; the others can."""


def find_pictures(places: list[str]) -> list[Path]:
    """Pictures in folders, of lists (.txt, a path a line), of patterns, and single files; each once, in sorted order.

    Raises:
        SettingsError: A place holds no pictures.
    """
    found: dict[Path, None] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            paths = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        elif path.is_file() and path.suffix == ".txt":
            lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
            paths = [path.parent / line for line in lines if line and not line.startswith("#")]
        elif path.is_file():
            paths = [path]
        else:
            paths = sorted(Path(name) for name in glob.glob(place, recursive=True) if Path(name).is_file())
        if not paths:
            raise SettingsError(f"There are no pictures at {place}.")
        found |= dict.fromkeys(paths)
    return list(found)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hash_of(file)


def hash_of(file) -> str:  # Python 3.10 has no file_digest
    running = hashlib.sha256()
    while block := file.read(1 << 20):
        running.update(block)
    return running.hexdigest()


def opened(path: Path) -> Image.Image:
    try:
        return ImageOps.exif_transpose(Image.open(path))
    except FileNotFoundError:
        raise BadPictureError(f"{path} is not there") from None
    except Exception as error:  # damaged files make the decoders stumble over almost anything
        raise BadPictureError(f"{path} cannot be read as a picture ({error})") from error


def picture_size(path: Path, image_size: int) -> tuple[int, int]:
    """Width and height that a picture will be painted at."""
    if image_size:
        return image_size, image_size
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return image.size[::-1] if turned else image.size
    except Exception as error:
        raise BadPictureError(f"{path} cannot be read as a picture ({error})") from error


def fitted(image: Image.Image, image_size: int, resample: Image.Resampling) -> Image.Image:
    """Scaled until the short side is `image_size`, and the middle cut out; as it is for 0 or where it fits."""
    if not image_size or image.size == (image_size, image_size):
        return image
    scale = image_size / min(image.size)
    width, height = (max(image_size, round(side * scale)) for side in image.size)
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return image.resize((width, height), resample).crop((left, top, left + image_size, top + image_size))


def read_picture(path: Path, channels: int, image_size: int = 0) -> np.ndarray:
    """A picture as uint8 (H, W, C) at the size it is painted at."""
    image = opened(path).convert(MODES[channels])
    pixels = np.asarray(fitted(image, image_size, Image.Resampling.BILINEAR))
    return pixels.reshape(*pixels.shape[:2], channels)


def read_mask(path: Path, picture: Path, polarity: str, size: tuple[int, int], image_size: int = 0) -> np.ndarray:
    """True where the picture is painted; bool (H, W).

    Args:
        path: The mask's file; the picture's own file for its transparency, where transparent is painted.
        picture: The picture's file.
        polarity: What white means, "paint" or "keep".
        size: Width and height of the picture as painted.
        image_size: As for `read_picture`.
    """
    image = opened(path)
    if path == picture:
        mask = ImageOps.invert(image.convert("RGBA").getchannel("A"))
        polarity = "paint"
    else:
        mask = image.convert("L") if "A" not in image.getbands() else over_black(image)
    mask = fitted(mask, image_size, Image.Resampling.NEAREST)
    if mask.size != size:
        if abs(mask.width * size[1] / (mask.height * size[0]) - 1) > SAME_SHAPE:
            raise BadPictureError(
                f"{path} is {mask.width}x{mask.height}, the picture {size[0]}x{size[1]}: not the same shape"
            )
        mask = mask.resize(size, Image.Resampling.NEAREST)
    white = np.asarray(mask) >= PAINTED_FROM
    return white if polarity == "paint" else ~white


def over_black(image: Image.Image) -> Image.Image:
    """A mask with transparency: drawn in the colour or in the transparency, as painting programs differ."""
    image = image.convert("RGBA")
    grey, alpha = image.convert("L"), image.getchannel("A")
    flat = grey.getextrema()[0] == grey.getextrema()[1]
    return alpha if flat and alpha.getextrema()[0] != alpha.getextrema()[1] else grey


def to_model(pixels: np.ndarray) -> Tensor:
    """uint8 (H, W, C) to float (C, H, W) in [-1, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 127.5 - 1


def to_bytes(x: Tensor) -> np.ndarray:
    """Float (C, H, W) in [-1, 1] to uint8 (H, W, C); the inverse of `to_model`."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()


def save_picture(path: Path, pixels: np.ndarray, record: dict[str, object]) -> None:
    """Write a PNG that is there as a whole or not at all, with its record inside."""
    channels = pixels.shape[2]
    info = PngImagePlugin.PngInfo()
    info.add_text(RECORD, json.dumps(record, sort_keys=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels, MODES[channels]).save(file, "PNG", pnginfo=info)
    os.replace(part, path)


def read_record(path: Path) -> dict[str, object] | None:
    """The record inside a result; None if this is no picture of ours."""
    try:
        with Image.open(path) as image:
            return json.loads(image.text[RECORD])
    except Exception:  # not there, no picture, no PNG, no record
        return None
