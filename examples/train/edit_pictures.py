"""The pictures of the example 08: a landscape, as an instruction model would give it back, and the composite.

    python examples/train/edit_pictures.py

writes examples/mask_guidance_edit_before.png and ..._after.png, the thumbnail of template 08 and web/docs/composite_edit.png.
"""

import sys
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]
import conftest  # noqa: E402, F401 - the pack as `mask_guidance`
from known_edits import compressed, eight_bits, moved, through_vae, tinted  # noqa: E402
from mask_guidance.sampler.edit import composite_edit  # noqa: E402
from pictures import HELD_OUT, picture  # noqa: E402

SIZE, SEED = 320, HELD_OUT + 7
GAP = 6


def tensor(image: Image.Image) -> Tensor:
    values = torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8)
    return values.reshape(image.height, image.width, 3).permute(2, 0, 1)[None].float() / 255


def image(pictures: Tensor) -> Image.Image:
    return Image.fromarray((pictures[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy())


def with_balloon(landscape: Image.Image) -> Image.Image:
    """A hot-air balloon in the sky, drawn at four times the size."""
    large = landscape.resize((4 * SIZE, 4 * SIZE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(large)
    x, y, radius = 880, 330, 150
    for side in (-1, 1):
        draw.line([(x + side * 110, y + 90), (x + side * 34, y + 235)], fill=(70, 50, 40), width=8)
    for share, colour in ((1.0, (214, 64, 58)), (0.62, (244, 196, 72)), (0.24, (214, 64, 58))):
        draw.ellipse([x - radius * share, y - radius, x + radius * share, y + radius * 1.1], fill=colour)
    draw.rounded_rectangle([x - 40, y + 225, x + 40, y + 285], 10, fill=(124, 82, 50))
    small = large.resize((SIZE, SIZE), Image.Resampling.BOX)
    box = (170, 40, 270, 160)
    out = landscape.copy()
    out.paste(small.crop(box), box[:2])
    return out


def drifted(wanted: Tensor) -> Tensor:
    return eight_bits(compressed(through_vae(moved(tinted(wanted).clamp(0, 1), 2.3, -1.6, 1.01)).clamp(0, 1), 90))


def side_by_side(pictures: list[Image.Image], width: int) -> Image.Image:
    sheet = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, width), "white")
    for k, each in enumerate(pictures):
        sheet.paste(each.resize((width, width), Image.Resampling.LANCZOS), (k * (width + GAP), 0))
    return sheet


def main() -> None:
    before = Image.fromarray(picture("landscape", SEED, SIZE))
    after = image(drifted(tensor(with_balloon(before))))
    before.save(ROOT / "examples" / "mask_guidance_edit_before.png", optimize=True)
    after.save(ROOT / "examples" / "mask_guidance_edit_after.png", optimize=True)
    result = composite_edit(tensor(before)[0], tensor(after)[0])
    drift = ((tensor(after) - tensor(before)).abs().amax(1, keepdim=True) * 4).expand(-1, 3, -1, -1)
    left = ((result.picture[None] - tensor(before)).abs().amax(1, keepdim=True) * 4).expand(-1, 3, -1, -1)
    shown = [before, after, image(drift), image(result.picture[None]), image(left)]
    side_by_side(shown, SIZE).save(ROOT / "web" / "docs" / "composite_edit.png", optimize=True)
    side_by_side([before, after, image(result.picture[None])], 170).save(
        ROOT / "examples" / "08 Keep only the edit (Mask Guidance).jpg", quality=88
    )


if __name__ == "__main__":
    main()
