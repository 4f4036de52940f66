"""Composite Edit."""

import comfy.model_management
import torch
from comfy_api.latest import io
from torch import Tensor

from ..sampler.edit import WHOLE, Cleaning, Comparison, Composite, composite_edit
from ..sampler.mask import PAINTED_FROM, at_size, one_for_each
from . import inputs
from .checked import checked
from .compute import compute_device
from .convert import image_from_pictures, masks_from, pictures_from_image
from .preview import shown_under_node
from .views import pair

__all__ = ["CompositeEdit"]

MOST = 0.9  # of the picture: who changes more has changed everything
STILL = 0.02  # levels of 255: a colour shift below this is none


class CompositeEdit(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceCompositeEdit",
            display_name="Composite Edit",
            category="mask guidance",
            essentials_category="Image Tools",
            description=(
                "Keeps of an edited picture only what was meant to change. Instruction models redraw everything, a little "
                "off in colour, place and size: this lays the edited picture over the original, finds the change and puts it "
                "into the untouched original."
            ),
            search_aliases=[
                "difference mask",
                "image difference",
                "edit composite",
                "kontext",
                "qwen image edit",
                "keep original pixels",
                "fix drift",
                "align images",
                "colour match",
            ],
            inputs=[
                io.Image.Input("original", tooltip="The picture before the edit, one or a batch."),
                io.Image.Input(
                    "edited",
                    tooltip="The same after it: of any size; one for each original, or many edits of one original.",
                ),
                io.Float.Input(
                    "sensitivity",
                    default=1.0,
                    min=0.1,
                    max=10.0,
                    step=0.1,
                    tooltip="2 finds changes half as strong, 0.5 only those twice as strong. Higher if part of the edit is "
                    "missing, lower if drift comes along.",
                ),
                io.Int.Input(
                    "grow",
                    default=4,
                    min=0,
                    max=1024,
                    tooltip="Take so many pixels more around the change: soft edges and faint shadows.",
                ),
                inputs.blend(),
                io.Int.Input(
                    "blend_pixels",
                    default=8,
                    min=0,
                    max=2048,
                    tooltip="Width of the band outside the mask where old and new mix. 0 changes nothing outside the mask.",
                ),
                io.Int.Input(
                    "remove_specks",
                    default=24,
                    min=0,
                    max=1_000_000,
                    advanced=True,
                    tooltip="Separate changes that cover fewer pixels than this are dropped.",
                ),
                io.Boolean.Input(
                    "fill_holes",
                    default=True,
                    advanced=True,
                    tooltip="Take what the change encloses, too.",
                ),
                io.Boolean.Input(
                    "align",
                    default=True,
                    advanced=True,
                    tooltip="Find how the edited picture was shifted, scaled or cut, and undo it. Off: it is stretched "
                    "over the original.",
                ),
                io.Boolean.Input(
                    "colour_match",
                    default=True,
                    advanced=True,
                    tooltip="Give what is put in the original's colours, by what did not change. Off for an edit of the whole "
                    "picture's light; then that counts as a change.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the edit may be: nothing beyond it and its band is touched, and what lies outside says how "
                    "far the edited picture drifted. Without it the whole picture is searched.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="IMAGE"),
                io.Mask.Output(
                    display_name="MASK", tooltip="What was taken from the edited picture, without the band."
                ),
                io.String.Output(
                    display_name="report",
                    tooltip="How the edited picture lay, how far its colours were off, how much was changed.",
                ),
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        original,
        edited,
        sensitivity,
        grow,
        blend,
        blend_pixels,
        remove_specks,
        fill_holes,
        align,
        colour_match,
        mask=None,
    ) -> io.NodeOutput:
        originals, new = pictures_from_image(original, "original"), pictures_from_image(edited, "edited picture")
        originals = one_for_each_edit(originals, len(new))
        allowed, note = None, ""
        if mask is not None:
            allowed, note = at_size(masks_from(mask), *originals.shape[-2:])
            allowed = one_for_each(allowed, len(new))
        comparison, cleaning = Comparison(sensitivity, align, colour_match), Cleaning(remove_specks, fill_holes, grow)
        pixels = max(picture.shape[-2] * picture.shape[-1] for picture in (originals, new))
        device, back, found = compute_device(pixels), originals.device, []
        for number, (before, after) in enumerate(zip(originals, new, strict=True)):
            comfy.model_management.throw_exception_if_processing_interrupted()
            free = None if allowed is None else allowed[number].to(device)
            one = composite_edit(before.to(device), after.to(device), free, comparison, cleaning, blend, blend_pixels)
            found.append((one.picture.to(back), one.mask.to(back), in_words(one, before)))
        pictures, masks = (torch.stack(each) for each in list(zip(*found, strict=True))[:2])
        reports = [report for *_, report in found]
        if len(reports) > 1:
            reports = [f"picture {number}: {report}" for number, report in enumerate(reports)]
        return io.NodeOutput(
            image_from_pictures(pictures),
            masks,
            "\n".join([*reports, *([note] if note else [])]),
            ui=shown_under_node(lambda: [pair(originals[0], pictures[0], masks[0] >= PAINTED_FROM)]),
        )


def one_for_each_edit(originals: Tensor, edits: int) -> Tensor:
    """1 original for N edited pictures, or N for N. Raises ValueError for any other number."""
    if len(originals) not in (1, edits):
        raise ValueError(
            f"There are {len(originals)} originals for {edits} edited {'picture' if edits == 1 else 'pictures'}; use one "
            "original, or one for each."
        )
    return originals.expand(edits, *originals.shape[1:])


def in_words(done: Composite, original: Tensor) -> str:
    lines = [placed(done, original), coloured(done), *changed(done)]
    if len(original) > 3:
        lines.append("alpha stays the original's")
    return "\n".join(lines)


def placed(done: Composite, original: Tensor) -> str:
    alignment, box = done.change.alignment, done.change.box
    if not alignment.texture:
        return "not aligned: there is too little in the pictures to align by; the edited one is taken as it lies"
    if not alignment.found:
        return "not aligned: too little of the pictures agrees; the edited one is taken as it lies"
    if alignment.placement == WHOLE:
        return "aligned: the edited picture was not moved or scaled"
    right, down = alignment.placement.moved((original.shape[-2], original.shape[-1]))
    x, y = alignment.placement.scale
    line = f"aligned: the edited picture was moved by ({right:+.2f}, {down:+.2f}) px and scaled by {x:.4f} x {y:.4f}"
    covered = box.height * box.width / (original.shape[-2] * original.shape[-1])
    return line if covered == 1 else f"{line}; it covers {100 * covered:.3g} % of the original"


def coloured(done: Composite) -> str:
    levels = [255 * value for value in done.change.drift]
    if max(map(abs, levels)) < STILL:
        return "colours: as in the original"
    return f"colours: off by {', '.join(f'{level:+.1f}' for level in levels)} of 255 where nothing was changed"


def changed(done: Composite) -> list[str]:
    """How much was changed, in words."""
    share, lines = float(done.mask.mean()), []
    if done.elsewhere:
        lines.append(f"{100 * done.elsewhere:.3g} % of the picture was changed outside the mask, and stays as it was")
    if share == 0:
        return ["nothing was changed: the original is given back as it came", *lines]
    lines.insert(0, f"changed: {100 * share:.3g} % of the picture")
    lines.append(f"beside it {255 * done.band:.3g} of 255 in the blend's band, {255 * done.beyond:.3g} beyond it")
    if share > MOST:
        lines.append(
            "nearly everything was changed: the result is the edited picture; if only a part was meant, give a mask, or "
            "lower sensitivity"
        )
    return lines
