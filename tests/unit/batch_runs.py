"""A tiny checkpoint, pictures and masks in folders, and the command line run on them."""

import json
from pathlib import Path

import numpy as np
from mask_guidance.sampler.batch import main
from mask_guidance.sampler.batch.painter import Painter
from mask_guidance.sampler.checkpoint import METADATA_KEY
from PIL import Image
from safetensors.torch import save_file
from small_nets import SMALL, state_dict_of

SIZE = 16
FLAGS = {"num_heads": 2, "num_head_channels": -1, "use_new_attention_order": False, "noise_schedule": "cosine"}
SHORT = ["--skip_type", "uniform", "--skip_steps", "4", "--resample_r", "2", "--resample_j", "2", "--cpu"]
CALLS = 4 + (2 - 1) * 2 * 1  # of SHORT: one foot of jumps, at step 0


def save_checkpoint(path: Path, seed: int = 0, **flags) -> Path:
    save_file(state_dict_of(SMALL, seed), path, metadata={METADATA_KEY: json.dumps({**FLAGS, **flags})})
    return path


def save_pictures(folder: Path, count: int, size: int = SIZE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{number}.png")
    return folder


def save_masks(folder: Path, count: int, size: int = SIZE) -> Path:
    """White squares in the middle, one column wider for each picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        mask = np.zeros((size, size), dtype=np.uint8)
        mask[4:12, 4 : 9 + number] = 255
        Image.fromarray(mask).save(folder / f"p{number}.png")
    return folder


def prepared(folder: Path, count: int) -> Path:
    """A folder with a checkpoint, and so many pictures and masks."""
    save_checkpoint(folder / "net.safetensors")
    save_pictures(folder / "in", count)
    save_masks(folder / "masks", count)
    return folder


def count_fills(monkeypatch) -> list[int]:
    """Batch sizes of all fills from now on, in order."""
    sizes = []
    fill = Painter.fill

    def counting(self, pictures, *rest):
        sizes.append(len(pictures))
        return fill(self, pictures, *rest)

    monkeypatch.setattr(Painter, "fill", counting)
    return sizes


def words(folder: Path, save: str = "out", *more: str) -> list[str]:
    """A command line for what `prepared` makes."""
    places = ["--weights", folder / "net.safetensors", "--input_dir", folder / "in", "--mask_dir", folder / "masks"]
    return [str(word) for word in [*places, "--save_dir", folder / save, *SHORT, "--micro_batch", "2", *more]]


def run(folder: Path, save: str = "out", *more: str) -> int:
    return main(words(folder, save, *more))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def results(folder: Path) -> dict[str, bytes]:
    """File contents by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def record(path: Path) -> dict:
    return json.loads(Image.open(path).text["mask_guidance"])
