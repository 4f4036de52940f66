"""Pictures and masks from files, and results into files that tell how they were made."""

import glob
import hashlib
import json
import math
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin
from torch import Tensor

from ..mask import PAINTED_FROM, same_shape, to_grid
from .files import PROGRAM, is_file, written
from .settings import SettingsError

__all__ = [
    "BadPictureError", "check_file", "digest", "find_pictures", "picture_size", "place_of", "read_mask", "read_picture",
    "read_record", "save_picture", "to_bytes", "to_model",
]  # fmt: skip

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # by the network's channels
BLANK = 128
WHITE_FROM = math.ceil(255 * PAINTED_FROM)
# What white is in Pillow's modes of more than 8 bits a value. "I" holds any whole numbers, so its files tell; others that
# say nothing count as 8 bits in a wide container.
WHITE: dict[str, int] = {"I;16": 65535, "I;16L": 65535, "I;16B": 65535, "I;16N": 65535, "F": 1, "I": 255}
WHITE_OF_FILES: dict[tuple[str, str | None], int] = {("I", "PNG"): 65535, ("I", "PPM"): 65535}


class BadPictureError(ValueError):
    """A picture or mask that cannot be used; the others can."""


def find_pictures(places: list[str]) -> list[Path]:
    """Pictures in folders, of lists (.txt, a path a line), of patterns, and single files; each once, in sorted order.

    Raises:
        SettingsError: A place holds no pictures.
    """
    found: dict[Path, Path] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            paths = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        elif path.is_file() and path.suffix.lower() == ".txt":
            paths = [path.parent / line for line in lines_of(path.read_bytes())]
        elif path.is_file():
            paths = [path]
        else:
            paths = sorted(Path(name) for name in glob.glob(place, recursive=True) if Path(name).is_file())
        if not paths:
            raise SettingsError(f"There are no pictures at {place}.")
        for path in paths:
            found.setdefault(place_of(path), path)
    return list(found.values())


def lines_of(content: bytes) -> list[str]:
    """A list's lines, in UTF-8 or 16, without comments; bytes that are neither are taken as they are, as in file names."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", "replace")
    else:
        text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def place_of(path: Path) -> Path:
    """Where a file lies: its folder without links, under its own name."""
    try:
        return Path(os.path.realpath(path.parent), path.name)
    except (OSError, ValueError):  # a name that no file can have
        return path


def check_file(path: Path) -> None:
    """
    Raises:
        BadPictureError: It is no file that can be opened.
    """
    if not is_file(path):
        raise BadPictureError(f"{path} is {'no file' if os.path.lexists(path) else 'not there'}")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hash_of(file)


def hash_of(file: BinaryIO) -> str:  # Python 3.10 has no file_digest
    running = hashlib.sha256()
    while block := file.read(1 << 20):
        running.update(block)
    return running.hexdigest()


def opened(path: Path) -> Image.Image:
    """A picture as it is to be seen, in 8 bits a value.

    Raises:
        BadPictureError: It cannot be read.
    """
    check_file(path)
    try:
        with Image.open(path) as image:
            return eight_bits(ImageOps.exif_transpose(image), image.format)
    except Exception as error:  # damaged files make the decoders stumble over almost anything
        raise BadPictureError(f"{path} cannot be read as a picture ({error})") from error


def eight_bits(image: Image.Image, file_format: str | None) -> Image.Image:
    """Wider greyscale brought to 8 bits, where Pillow would cut it off at 255; everything else as it is.

    Raises:
        ValueError: Values beyond what is white in such a file.
    """
    white = WHITE_OF_FILES.get((image.mode, file_format)) or WHITE.get(image.mode)
    if white is None:
        return image
    values = np.asarray(image)
    if not ((values >= 0) & (values <= white)).all():
        low, high = values.min(), values.max()
        raise ValueError(
            f"its values go from {low:g} to {high:g}, but 0 to {white} is expected; save it with 8 or 16 bits"
        )
    grey = Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))
    if (clear := image.info.get("transparency")) is not None:
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def picture_size(path: Path | None, image_size: int) -> tuple[int, int]:
    """Width and height that a picture will be painted at; None is a blank one."""
    if image_size or path is None:
        return image_size, image_size
    check_file(path)
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return image.size[::-1] if turned else image.size
    except Exception as error:
        raise BadPictureError(f"{path} cannot be read as a picture ({error})") from error


Size = tuple[int, int]  # width, height
Box = tuple[int, int, int, int]  # left, top, right, bottom


def fit(size: Size, image_size: int) -> tuple[Size, Box]:
    """To what size a picture is scaled until its short side is `image_size`, and the middle of that; 0 takes it as it is."""
    if not image_size:
        return size, (0, 0, *size)
    scale = image_size / min(size)
    width, height = (max(image_size, round(side * scale)) for side in size)
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return (width, height), (left, top, left + image_size, top + image_size)


def read_picture(path: Path | None, channels: int, image_size: int = 0) -> np.ndarray:
    """A picture as uint8 (H, W, C) at the size it is painted at; None is a blank one."""
    if path is None:
        return np.full((image_size, image_size, channels), BLANK, np.uint8)
    image = converted(opened(path), MODES[channels], path)
    size, box = fit(image.size, image_size)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image.crop(box)).reshape(box[3] - box[1], box[2] - box[0], channels)


def converted(image: Image.Image, mode: str, path: Path) -> Image.Image:
    try:
        try:
            return image.convert(mode)
        except ValueError:  # not from every mode to every other, but from all to this one
            return image.convert("RGB").convert(mode)
    except ValueError as error:
        raise BadPictureError(f"{path} cannot be read as a picture ({error})") from error


def read_mask(path: Path, picture: Path, polarity: str, size: Size, image_size: int = 0) -> np.ndarray:
    """True where the picture is painted; bool (H, W). A smaller mask than was drawn has every stroke of it.

    Args:
        path: The mask's file; the picture's own file for its transparency, where transparent is painted.
        picture: The picture's file.
        polarity: What white means, "paint" or "keep".
        size: Width and height of the picture as painted.
        image_size: As for `read_picture`; the mask is scaled and cut out like the picture, or is of that shape already.

    Raises:
        BadPictureError: It cannot be read, or has another shape than the picture.
    """
    image = opened(path)
    if path == picture:
        painted = np.asarray(converted(image, "RGBA", path).getchannel("A")) < WHITE_FROM
    else:
        white = np.asarray(over_black(image, path)) >= WHITE_FROM
        painted = white if polarity == "paint" else ~white
    whole = picture_size(picture, 0) if image_size else size
    if image.size == size or (image_size and same_shape(image.size, size) and not same_shape(image.size, whole)):
        whole = size
    elif not same_shape(image.size[::-1], whole[::-1]):
        came, expected = (f"{width}x{height}" for width, height in (image.size, whole))
        raise BadPictureError(f"{path} is {came}, the picture {expected}: not the same shape")
    (width, height), (left, top, right, bottom) = fit(whole, image_size)
    scaled = to_grid(torch.from_numpy(painted)[None], (height, width), "any touch")[0].numpy() > 0
    return scaled[top:bottom, left:right]


def over_black(image: Image.Image, path: Path) -> Image.Image:
    """A mask in grey; one with transparency is drawn in the colour or in the transparency, as painting programs differ."""
    if not image.mode.endswith(("A", "a")):
        return converted(image, "L", path)
    image = converted(image, "RGBA", path)
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
    info.add_text(PROGRAM, json.dumps(record, sort_keys=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels, MODES[channels]).save(file, "PNG", pnginfo=info)


def read_record(path: Path) -> dict[str, object] | None:
    """The record inside a result; None if this is no picture of ours."""
    if not is_file(path):
        return None
    try:
        with Image.open(path) as image:
            record = json.loads(image.text[PROGRAM])  # which decodes all of it: half a file is no result
    except Exception:  # no picture, no PNG, no record
        return None
    return record if isinstance(record, dict) else None
