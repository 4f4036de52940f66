"""What the Model Sees."""

from dataclasses import dataclass

import torch
from comfy_api.latest import io
from torch import Tensor

from ..sampler.mask import PAINTED_FROM, SNAPPING, grid_report, to_grid
from .checked import checked
from .convert import masks_from, pictures_and_masks
from .host import frames_of_a_cell
from .views import PAINTED, STRENGTH, WIDENED

__all__ = ["ModelView"]

LOST = (0.2, 0.5, 1.0)  # blue
PAPER = 0.85  # under a mask without a picture


@dataclass(frozen=True)
class Grid:
    """A model's grid: pixels to a cell, and frames to a cell (0: pictures, not videos)."""

    ratio: int
    frames: int

    def size(self, count: int, height: int, width: int) -> tuple[int, ...]:
        """(h, w) or (t, h, w); a first frame has a cell of its own, as the host's video VAEs have it."""
        cells = max(1, height // self.ratio), max(1, width // self.ratio)
        return cells if not self.frames else (-(-(count + self.frames - 1) // self.frames), *cells)

    @property
    def words(self) -> str:
        if self.ratio == 1 and self.frames <= 1:
            return "the model works on the pixels themselves"
        frames = f" and {self.frames} frames" if self.frames > 1 else ""
        return f"a cell of the model's grid is {self.ratio}x{self.ratio} pixels{frames}"


def grid_of(model, vae) -> Grid:
    """Raises ValueError if there is neither."""
    if vae is not None:
        temporal = vae.temporal_compression_decode() or 1
        return Grid(int(vae.spacial_compression_encode()), int(temporal) if vae.latent_dim == 3 else 0)
    if model is None:
        raise ValueError("Connect a model or a VAE: the grid is theirs.")
    latent = model.get_model_object("latent_format")
    return Grid(latent.spacial_downscale_ratio, frames_of_a_cell(latent) if latent.latent_dimensions == 3 else 0)


def on_grid(masks: Tensor, grid: Grid, snapping: str) -> tuple[Tensor, Tensor]:
    """Masks in the layout of the grid, and on it: (B, H, W) and (B, h, w), or one video of frames, in five dimensions."""
    size = grid.size(len(masks), *masks.shape[-2:])
    given = masks[None, None] if grid.frames else masks
    # The host's VAEs crop frames that do not fill a cell; a first frame still stands alone.
    return given, to_grid(given, size, snapping, "first alone" if grid.frames > 1 else "even")


def drawn_over(pictures: Tensor, masks: Tensor, seen: Tensor) -> Tensor:
    """Colours over pictures: what is painted as drawn, painted in addition, and lost; (N, 3, H, W)."""
    drawn, seen = masks >= PAINTED_FROM, seen >= PAINTED_FROM
    out = pictures[:, :1].expand(-1, 3, -1, -1).clone() if pictures.shape[1] < 3 else pictures[:, :3].clone()
    for colour, where in ((PAINTED, drawn & seen), (WIDENED, seen & ~drawn), (LOST, drawn & ~seen)):
        tint = torch.tensor(colour, dtype=out.dtype, device=out.device)[:, None, None]
        out = torch.where(where[:, None], torch.lerp(out, tint, STRENGTH), out)
    return out


class ModelView(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceModelView",
            display_name="What the Model Sees",
            category="mask guidance",
            description=(
                "A mask on the model's own grid, over the picture: red is painted, yellow is painted although it was "
                "not masked, blue was masked and would be lost. The MASK output is snapped to the grid so that nothing is."
            ),
            search_aliases=[
                "latent mask",
                "mask preview",
                "snap mask",
                "mask grid",
                "blockify",
                "thin strokes",
                "debug mask",
            ],
            inputs=[
                io.Mask.Input("mask", tooltip="The mask as you drew it. For video models: one for each frame."),
                io.Combo.Input(
                    "snapping",
                    options=list(SNAPPING),
                    default="any touch",
                    tooltip="any touch: a cell is painted if the mask touches it, so no stroke is lost. area: by the "
                    "share of the cell that is masked. nearest: by its centre, as some nodes do it; thin strokes vanish.",
                ),
                io.Model.Input("model", optional=True, tooltip="Whose grid; not needed if a VAE is connected."),
                io.Vae.Input("vae", optional=True, tooltip="Whose grid; it knows best how pixels become latents."),
                io.Image.Input("image", optional=True, tooltip="The picture under the mask; without it, grey."),
            ],
            outputs=[
                io.Image.Output(display_name="view", tooltip="Red: painted. Yellow: painted in addition. Blue: lost."),
                io.Mask.Output(
                    display_name="MASK",
                    tooltip="On the grid, one pixel a cell: for Set Latent Noise Mask, which then keeps it.",
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="Coverage, strokes that would be lost, widening, and warnings: empty, full, probably inverted.",
                ),
            ],
        )

    @classmethod
    @checked
    def execute(cls, mask, snapping, model=None, vae=None, image=None) -> io.NodeOutput:
        grid = grid_of(model, vae)
        if image is None:
            masks, note = masks_from(mask), ""
            pictures = torch.full((len(masks), 3, *masks.shape[-2:]), PAPER, device=masks.device)
        else:
            pictures, masks, note = pictures_and_masks(image, mask)
        given, snapped = on_grid(masks, grid, snapping)
        spread = to_grid(snapped, tuple(given.shape[-3:] if grid.frames else given.shape[-2:]), "nearest")
        seen = spread.reshape(masks.shape)
        cells = snapped.reshape(-1, *snapped.shape[-2:])
        report = [grid_report(given, snapped), grid.words, note, cropped(grid, masks)]
        view = drawn_over(pictures, masks, seen).movedim(1, -1)
        return io.NodeOutput(view, cells, "\n".join(line for line in report if line))


def cropped(grid: Grid, masks: Tensor) -> str:
    height, width = masks.shape[-2:]
    if height % grid.ratio == 0 and width % grid.ratio == 0:
        return ""
    kept = f"{width - width % grid.ratio}x{height - height % grid.ratio}"
    return f"{width}x{height} is no multiple of {grid.ratio}: most VAEs cut it to {kept}; resize or pad first"
