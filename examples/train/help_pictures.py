"""The pictures of the help pages that show what the pack paints; those that show a node are screenshots.

    python help_pictures.py

reads the held-out pictures in .github/media/repaint.png (its first row) and writes
web/docs/{ksampler,class_label,classifier,sigmas}.png.
"""

import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

PACK = Path(__file__).resolve().parents[2]
DOCS = PACK / "web" / "docs"
MODEL = PACK / "examples" / "models" / "eight_styles_64.safetensors"
CLASSIFIER = MODEL.with_name("eight_styles_64_classifier.safetensors")
SIZE, STYLES, GAP = 64, 8, 4
SHOWN = [0, 1, 2, 4, 5]  # styles in the picture of the KSampler
PAPER, INK, BAR = (250, 250, 248), (60, 60, 66), (36, 98, 190)

package = types.ModuleType("mask_guidance")
package.__path__ = [str(PACK)]
sys.modules["mask_guidance"] = package

from mask_guidance.sampler import PRESETS, Settings, alphas_cumprod, named_betas, paint, respaced_timesteps, sigmas  # noqa: E402
from mask_guidance.sampler.class_guidance import class_gradient  # noqa: E402
from mask_guidance.sampler.classifiers import build_classifier, recognise_classifier  # noqa: E402
from mask_guidance.sampler.recognition import load_network  # noqa: E402


def originals() -> torch.Tensor:
    """Eight pictures, one of each style; (8, 3, 64, 64) in [-1, 1]."""
    sheet = np.asarray(Image.open(PACK / ".github" / "media" / "repaint.png").convert("RGB"))[:SIZE, : STYLES * SIZE]
    tiles = sheet.reshape(SIZE, STYLES, SIZE, 3).transpose(1, 3, 0, 2)
    return torch.from_numpy(tiles.copy()).float() / 127.5 - 1


def filled(pictures, known, labels, settings: Settings, seed=0) -> torch.Tensor:
    net, detection = load_network(MODEL)
    schedule = detection.diffusion.alphas_cumprod()
    with torch.no_grad():
        for step in paint(lambda x, t: net(x, t, labels), schedule, pictures, known, settings, seed=seed):
            last = step
    print(f"{last.calls} calls", flush=True)
    return last.x


def sheet(rows: list[torch.Tensor], scale: int) -> Image.Image:
    """Rows of pictures with gaps between them, enlarged without smoothing."""
    high, wide = len(rows) * (SIZE + GAP) - GAP, len(rows[0]) * (SIZE + GAP) - GAP
    canvas = np.full((high, wide, 3), PAPER, dtype=np.uint8)
    for i, row in enumerate(rows):
        for k, picture in enumerate(row):
            pixels = ((picture.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
            top, left = i * (SIZE + GAP), k * (SIZE + GAP)
            canvas[top : top + SIZE, left : left + SIZE] = pixels
    return Image.fromarray(canvas).resize((wide * scale, high * scale), Image.Resampling.NEAREST)


def ksampler() -> Image.Image:
    pictures, labels = originals(), torch.arange(STYLES)
    known = torch.ones(1, 1, SIZE, SIZE, dtype=torch.bool)
    known[..., SIZE // 2 :] = False
    repaint = replace(PRESETS["paper"], skip_steps=50)
    rows = [pictures, torch.where(known, pictures, 0.4)]
    rows += [filled(pictures, known, labels, replace(repaint, resample_r=r)) for r in (1, 5)]
    rows.append(filled(pictures, known, labels, PRESETS["balanced"]))
    return sheet([row[SHOWN] for row in rows], 2)


def class_label() -> Image.Image:
    """One picture's right half with each of six labels."""
    picture, labels = originals()[:1], torch.tensor([0, 1, 6, 4, 5, 7])
    known = torch.ones(1, 1, SIZE, SIZE, dtype=torch.bool)
    known[..., SIZE // 2 :] = False
    painted = filled(picture.expand(len(labels), -1, -1, -1), known, labels, PRESETS["balanced"])
    return sheet([torch.cat([torch.where(known, picture, 0.4), painted])], 2)


def classifier() -> Image.Image:
    """Three pictures from nothing, by any class: unguided, then led to planets, moods and waves."""
    net, detection = load_network(MODEL)
    judge = build_classifier(recognise_classifier(CLASSIFIER))
    schedule, empty, known = (
        detection.diffusion.alphas_cumprod(),
        torch.zeros(3, 3, SIZE, SIZE),
        torch.zeros(1, 1, SIZE, SIZE),
    )

    def any_class(x, t):
        return net(x, t, torch.full_like(t, STYLES))

    def led(label: int, scale: float) -> torch.Tensor:
        def gradient(x, t):
            return scale * class_gradient(judge, x, t, torch.full((len(x),), label))

        guide = gradient if scale else None
        with torch.no_grad():
            *_, last = paint(any_class, schedule, empty, known, PRESETS["draft"], class_gradient=guide)
        return last.x

    rows = [[led(label, scale) for label in (1, 4, 6)] for scale in (0, 1, 5)]
    return sheet([torch.cat(row) for row in rows], 1)


def skip_types() -> Image.Image:
    """A bar code of the timesteps that each skip type visits."""
    scale, kinds = 2, ("karras", "uniform", "leading", "trailing", "quad")
    left, right, line = 90, 720, 30
    picture = Image.new("RGB", (scale * (right + 20), scale * (line * len(kinds) + 46)), PAPER)
    pen = ImageDraw.Draw(picture)
    table = sigmas(alphas_cumprod(named_betas("linear", 1000)))
    for row, kind in enumerate(kinds):
        middle = scale * (line * row + 24)
        pen.text((scale * 12, middle), kind, fill=INK, anchor="lm", font_size=scale * 14)
        for t in respaced_timesteps(1000, kind, 20, table, 160.0):
            x = scale * (left + (right - left) * t / 999)
            pen.line([(x, middle - scale * 10), (x, middle + scale * 10)], fill=BAR, width=scale * 2)
    words = scale * (line * len(kinds) + 28)
    pen.text((scale * left, words), "timestep 0: the picture", fill=INK, anchor="lm", font_size=scale * 12)
    pen.text((scale * right, words), "999: noise", fill=INK, anchor="rm", font_size=scale * 12)
    return picture.resize((picture.width // scale, picture.height // scale), Image.Resampling.BOX)


if __name__ == "__main__":
    for name, make in (
        ("sigmas", skip_types),
        ("class_label", class_label),
        ("classifier", classifier),
        ("ksampler", ksampler),
    ):
        make().save(DOCS / f"{name}.png", optimize=True)
        print(name, flush=True)
