"""Inpaint: the whole way from a picture with a hole to the filled picture, in one node."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import comfy.model_management
import torch
from comfy_api.latest import io
from torch import Tensor

from ..sampler import METHODS, Settings, with_preset
from ..sampler.familiarity import Familiarity
from ..sampler.mask import Crops, Frame, crop, prepare, stitch
from . import inputs
from .blackened import built_on_black
from .checked import checked
from .compute import on_device
from .contact_sheet import contact_sheet, image_of
from .convert import image_from_pictures, pictures_and_masks
from .familiarity import asked, disbelief
from .filled import Filled, in_words, sheet, shown
from .fills import Fill, encoded, fills
from .ksampler import SHOWN
from .messages import Facts, tell
from .model_size import size_multiple, usual_size
from .painting import Wanted
from .preview import shown_under_node
from .record import keep_in_picture
from .seed import seed_input
from .views import seen

__all__ = ["Inpaint"]

Answer = TypeVar("Answer")
MOST_VARIATIONS = 16
ALL, BEST = "all", "best"  # of the variations


class Inpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceInpaint",
            display_name="Inpaint (Mask Guidance)",
            category="mask guidance",
            essentials_category="Image Generation",
            description=(
                "Fills the masked part of a picture, of any size, and leaves the rest as it is: prepares the mask, cuts "
                "each region out at the model's size, paints it, and puts it back. The other nodes of this pack do the "
                "same step by step."
            ),
            search_aliases=[
                "inpaint",
                "inpainting",
                "inpainting sampler",
                "remove object",
                "generative fill",
                "fill hole",
                "RePaint",
                "mask guidance",
            ],
            inputs=[
                io.Image.Input("image", tooltip="The picture, one or a batch, of any size."),
                io.Mask.Input(
                    "mask",
                    tooltip="What to paint anew: the MASK of Load Image, drawn with its Mask Editor, or any other.",
                ),
                io.Model.Input(
                    "model", tooltip="The diffusion model that paints; it needs no training for inpainting."
                ),
                io.Vae.Input("vae", tooltip="The model's VAE, from the same loader."),
                io.Conditioning.Input(
                    "positive",
                    optional=True,
                    tooltip="What to paint: text, or Class Label for class-conditional models. Not needed for models without "
                    "either, or that know 'any class'.",
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="What to lead away from when cfg is above 1; text models need it then.",
                ),
                inputs.preset(),
                io.Int.Input(
                    "grow",
                    default=4,
                    min=-1024,
                    max=1024,
                    tooltip="Make the mask larger by so many pixels of the picture (smaller below 0), so that no rim of an old "
                    "object is left.",
                ),
                io.Int.Input(
                    "feather",
                    default=8,
                    min=0,
                    max=2048,
                    tooltip="Width in pixels of the band around the mask where old and new are mixed (with a VAE: around the "
                    "latent cells that the mask touches). Beyond it every pixel is the original's, bit by bit.",
                ),
                seed_input("Same seed, same picture. Change it for another fill."),
                inputs.cfg(
                    "How strongly positive is followed over negative. 1 for distilled models and for those without "
                    "text; Stable Diffusion wants 4 to 8. Above 1 it costs twice the time.",
                ),
                io.Int.Input(
                    "variations",
                    default=1,
                    min=1,
                    max=MOST_VARIATIONS,
                    tooltip="So many fills, as a batch and side by side on a contact sheet. The second is what seed + 1 alone "
                    "paints, and so on: repeat the one you like with its seed, at a higher preset.",
                ),
                io.Int.Input(
                    "size",
                    default=0,
                    min=0,
                    max=2048,
                    step=8,
                    advanced=True,
                    tooltip="Side of the square that each region is painted at. 0: what the model was trained on (512 for "
                    "Stable Diffusion 1.5, 1024 for most).",
                ),
                inputs.context_factor(
                    "How much more of the picture than the region the model is shown. More helps it to match, and "
                    "leaves fewer of its pixels for the region.",
                    advanced=True,
                ),
                inputs.split(
                    "each region: separate regions are painted one by one. one per picture: together. one box for "
                    "all: the same box in every picture of a batch.",
                    advanced=True,
                ),
                inputs.merge_distance(
                    "Regions whose boxes are at most so many pixels apart are painted together.",
                    advanced=True,
                ),
                inputs.blend(
                    advanced=True,
                    tooltip="How old and new are mixed in the band: feathered, hard, multi-band (for texture) or poisson "
                    "(new detail in the old colours).",
                ),
                io.Boolean.Input(
                    "colour_match",
                    default=False,
                    advanced=True,
                    tooltip="Fit the painted region's brightness and contrast to the original, by what was not masked: "
                    "against the colour shift of a VAE.",
                ),
                *(inputs.setting(name, advanced=True) for name in SHOWN),
                inputs.soft_mask(),
                inputs.mask_grid(),
                inputs.setting("timestep_respacing", optional=True),
                inputs.cfg_repeats(),
                io.Combo.Input(
                    "keep",
                    options=[ALL, BEST],
                    default=ALL,
                    optional=True,
                    advanced=True,
                    tooltip="all: every variation comes out. best: the one that the model itself believes most, by the error "
                    "of its guess of the whole picture; on average nearer to the truth than a random one, at 2 model "
                    "calls each. The contact sheet shows all of them.",
                ),
                io.Boolean.Input(
                    "check_model",
                    default=True,
                    optional=True,
                    advanced=True,
                    tooltip="See, after the first fill, whether the model knows this kind of picture: its error on what is "
                    "there, beside its error on two pictures of its own. 11 model calls, most of them once a prompt.",
                ),
                inputs.setting("jumps_every", optional=True),
            ],
            outputs=[
                io.Image.Output(
                    display_name="IMAGE", tooltip="The filled picture; all fills of it, if there are several."
                ),
                io.Mask.Output(
                    display_name="MASK",
                    tooltip="How much of each pixel is new: 1 in what was painted, falling over the band, 0 where nothing is.",
                ),
                io.Image.Output(display_name="contact sheet", tooltip="All fills side by side, with their seeds."),
                io.String.Output(display_name="record", tooltip="What was done: what it takes to repeat this."),
            ],
            hidden=[io.Hidden.extra_pnginfo],
        )

    @classmethod
    @checked
    def execute(
        cls,
        image,
        mask,
        model,
        vae,
        preset,
        grow,
        feather,
        seed,
        cfg,
        variations,
        size,
        context_factor,
        split,
        merge_distance,
        blend,
        colour_match,
        soft_mask,
        mask_grid,
        positive=None,
        negative=None,
        cfg_repeats=inputs.BEFORE_CFG_REPEATS,
        keep=ALL,
        check_model=True,
        **chosen,
    ) -> io.NodeOutput:
        wanted = Wanted(
            settings=with_preset(preset, Settings(**chosen)),
            preset=preset,
            seed=seed,
            cfg=cfg,
            soft_mask=soft_mask,
            mask_grid=mask_grid,
            cfg_repeats=cfg_repeats,
        )
        if keep == BEST and not METHODS[wanted.settings.method].guesses_means:
            raise ValueError(
                f"keep 'best' compares guesses that are means of what may be, and models for method '{wanted.settings.method}' "
                "give none; set keep to 'all'."
            )
        pictures, masks, note = pictures_and_masks(image, mask)
        pictures, opacity = split_opacity(pictures)
        black = built_on_black(pictures, masks, wanted.settings.denoise)
        masks = on_device(lambda part: prepare(part, grow=grow)[0], masks)
        side = checked_size(size, model, vae)
        share = float((masks > 0).float().mean())
        tell(Facts(share=share, black=black, calls=None if share else 0))
        if not share:
            return nothing(
                image_from_pictures(torch.cat([pictures, opacity], 1)), masks, 1 if keep == BEST else variations, note
            )
        crops = crop(pictures, masks, Frame(context_factor, size=(side, side)), split, merge_distance)
        given = encoded(model, vae, crops, wanted.settings.denoise)
        done: list[Filled] = []
        known = doubts = None
        for each in fills(model, vae, given, positive, negative, wanted, variations):
            done.append(Filled(each, stitch(crops, each.crops, blend, feather, colour_match, cells=each.masks)))
            if check_model and len(done) == 1:
                known = unless_it_fails(familiarity, model, positive, negative, wanted, each)
                tell(Facts(times_usual=known.times_usual if known and known.strange else None))
        if keep == BEST:
            doubts = unless_it_fails(disbeliefs, model, positive, negative, wanted, crops, done)
        kept = best_of(done, doubts)
        record = [*in_words(crops, done, feather, note, doubts), *([known.words] if known else [])]
        keep_in_picture(cls.hidden, record)  # without the time it took: the same run saves the same file
        calls, seconds = sum(each.fill.calls for each in done), sum(each.fill.seconds for each in done)
        tell(Facts(share=None if calls else 0, calls=calls, seconds=seconds))
        return io.NodeOutput(
            image_from_pictures(torch.cat([with_opacity(*each, opacity) for each in kept])),
            torch.cat([weight for _, weight in kept]),
            image_of(sheet(crops, done)),
            "\n".join([f"{record[0]}, {seconds:.1f} s", *record[1:]]),
            ui=shown(crops, done),
        )


def unless_it_fails(ask: Callable[..., Answer], *given: object) -> Answer | None:
    """What is asked of a model besides; finished fills are worth more, so that what it raises is logged, and None comes."""
    try:
        return ask(*given)
    except comfy.model_management.InterruptProcessingException:
        raise
    except Exception as error:  # whatever it is: another prompt's tensors, memory
        logging.warning(
            "Mask Guidance: the model could not be asked about its fills (%s); they are not affected.", error
        )
        return None


def familiarity(model, positive, negative, wanted: Wanted, fill: Fill) -> Familiarity | None:
    """Whether the model knows this kind of picture, of the first crops that were painted."""
    painted = [part for part in fill.parts if part.calls]
    return asked(model, positive, negative, wanted, painted[0]) if painted else None


def disbeliefs(model, positive, negative, wanted: Wanted, crops: Crops, done: Sequence[Filled]) -> Tensor:
    """How little the model believes each fill of each picture; only the order of fills means something; (fills, B)."""
    doubts = torch.zeros(len(done), len(crops.pictures))
    pictures = torch.tensor([region.picture for region in crops.regions])
    for each, row in zip(done, doubts, strict=True):
        by_crop = [disbelief(model, positive, negative, wanted, part) for part in each.fill.parts]
        row.index_add_(0, pictures, torch.cat(by_crop).float())
    return doubts


def best_of(done: Sequence[Filled], doubts: Tensor | None) -> list[tuple[Tensor, Tensor]]:
    """Pictures with their weights: of every fill, or each picture's best, as it would be chosen alone."""
    if doubts is None:
        return [(each.stitched.pictures, each.stitched.weight) for each in done]
    best = [done[fill].stitched for fill in doubts.argmin(0).tolist()]
    one = [(each.pictures[i : i + 1], each.weight[i : i + 1]) for i, each in enumerate(best)]
    return [(torch.cat([picture for picture, _ in one]), torch.cat([weight for _, weight in one]))]


def checked_size(size: int, model, vae) -> int:
    """Raises ValueError if the model takes no such size."""
    multiple = size_multiple(model, vae)
    usual, above = usual_size(model, vae), -(-size // multiple) * multiple
    if size % multiple:
        raise ValueError(
            f"size is {size}, but this model takes multiples of {multiple}; set it to {above}, or to 0 for its own {usual}."
        )
    return size or usual


def split_opacity(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Colours, 1 or 3 channels, and opacity, 1 channel or none.

    Raises:
        ValueError: Another number of channels.
    """
    channels = pictures.shape[1]
    if channels not in (1, 3, 4):
        raise ValueError(
            f"The picture has {channels} channels, but must have 1 (grey), 3 (colour) or 4 (colour and opacity); convert it."
        )
    return pictures[:, :3], pictures[:, 3:]


def with_opacity(pictures: Tensor, weight: Tensor, opacity: Tensor) -> Tensor:
    """Pictures with their own opacity, opaque where they are new."""
    opaque = torch.lerp(opacity, torch.ones_like(opacity), weight[:, None].to(opacity))
    return torch.cat([pictures, opaque], 1)


def nothing(pictures: Tensor, masks: Tensor, variations: int, note: str) -> io.NodeOutput:
    """What comes of an empty mask: the pictures (IMAGE) as they are, and why."""
    why = f"0 model calls: {note or 'the mask is empty'}; paint one in Load Image's Mask Editor (right click on the picture)"
    return io.NodeOutput(
        pictures.repeat(variations, 1, 1, 1),
        masks.repeat(variations, 1, 1),
        image_of(contact_sheet([pictures[0].movedim(-1, 0)], ["nothing is masked"])),
        why,
        ui=shown_under_node(lambda: [seen(pictures[0].movedim(-1, 0))]),
    )
