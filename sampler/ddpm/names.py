"""The tensors of DDPM networks under DDPM's own names, from those of diffusers and of xyfJASON.

Names that are DDPM's own already stay as they are.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..checkpoint.shapes import numbered

__all__ = ["from_diffusers", "from_xyfjason", "unchanged"]

Tensors = Mapping[str, Tensor]
Words = tuple[tuple[str, str], ...]

# Parts of names, theirs and DDPM's. Attention had other names in diffusers until the end of 2022.
DIFFUSERS: Words = (
    ("time_embedding.linear_1.", "temb.dense.0."),
    ("time_embedding.linear_2.", "temb.dense.1."),
    ("class_embedding.", "label_emb."),
    ("conv_norm_out.", "norm_out."),
    ("mid_block.resnets.0.", "mid.block_1."),
    ("mid_block.resnets.1.", "mid.block_2."),
    ("mid_block.attentions.0.", "mid.attn_1."),
    (".resnets.", ".block."),
    (".attentions.", ".attn."),
    (".downsamplers.0.", ".downsample."),
    (".upsamplers.0.", ".upsample."),
    (".time_emb_proj.", ".temb_proj."),
    (".conv_shortcut.", ".nin_shortcut."),
    (".group_norm.", ".norm."),
    (".to_q.", ".q."),
    (".to_k.", ".k."),
    (".to_v.", ".v."),
    (".to_out.0.", ".proj_out."),
    (".query.", ".q."),
    (".key.", ".k."),
    (".value.", ".v."),
    (".proj_attn.", ".proj_out."),
    ("down_blocks.", "down."),
)
XYFJASON: Words = (
    ("time_embed.1.", "temb.dense.0."),
    ("time_embed.3.", "temb.dense.1."),
    ("class_embed.", "label_emb."),
    ("first_conv.", "conv_in."),
    ("last_conv.0.", "norm_out."),
    ("last_conv.2.", "conv_out."),
    ("bottleneck_block.0.", "mid.block_1."),
    ("bottleneck_block.1.", "mid.attn_1."),
    ("bottleneck_block.2.", "mid.block_2."),
    (".blk1.0.", ".norm1."),
    (".blk1.2.", ".conv1."),
    (".adagn.gn.", ".norm2."),
    (".adagn.proj.1.", ".temb_proj."),
    (".proj.1.", ".temb_proj."),
    (".blk2.0.", ".norm2."),
    (".blk2.2.", ".conv2."),
    (".blk2.3.", ".conv2."),
    (".shortcut.", ".nin_shortcut."),
    (".proj.", ".proj_out."),
)
LINEAR = re.compile(r"\.(q|k|v|proj_out)\.weight$")
STAGE = re.compile(r"(down|up)_blocks\.(\d{1,3})\.(\d{1,3})\.(.+)")
UP = re.compile(r"up_blocks\.(\d{1,3})\.(.+)")


def unchanged(tensors: Tensors) -> dict[str, Tensor]:
    return dict(tensors)


def from_diffusers(tensors: Tensors) -> dict[str, Tensor]:
    """diffusers counts the decoder's levels from the coarsest, and has linear layers where DDPM has 1x1 convolutions.

    Raises:
        CheckpointError: A level is missing.
    """
    levels = numbered(tensors, "up_blocks") if has(tensors, "up_blocks.") else 0
    renamed = {}
    for key, value in tensors.items():
        key = in_our_words(key, DIFFUSERS)
        if match := UP.fullmatch(key):
            key = f"up.{levels - 1 - int(match[1])}.{match[2]}"
        renamed[key] = value[:, :, None, None] if LINEAR.search(key) and value.ndim == 2 else value
    return renamed


def from_xyfjason(tensors: Tensors) -> dict[str, Tensor]:
    """xyfJASON's levels are lists: blocks and attentions in turn, and what changes the resolution at the end.

    His conditional networks leave the label's embedding away for "any class"; here that is one class more, of zeros.

    Raises:
        CheckpointError: A level is missing.
    """
    renamed = {in_our_words(key, XYFJASON): value for key, value in tensors.items()}
    for side in ("down", "up"):
        if has(tensors, f"{side}_blocks."):
            renamed = in_levels(renamed, side, numbered(tensors, f"{side}_blocks"))
    if (label := renamed.get("label_emb.weight")) is not None and "class_embed.weight" in tensors and label.ndim == 2:
        renamed["label_emb.weight"] = torch.cat([label, label.new_zeros(1, label.shape[1])])
    return renamed


def in_levels(tensors: Tensors, side: str, levels: int) -> dict[str, Tensor]:
    """The members of the lists of one side by what they are."""
    matches = {key: STAGE.fullmatch(key) for key in tensors}
    found = {key: match for key, match in matches.items() if match and match[1] == side}
    members = {(int(match[2]), int(match[3])) for match in found.values()}
    attends = {(int(match[2]), int(match[3])) for match in found.values() if match[4].startswith("q.")}
    places = {}
    for stage in range(levels):
        level = stage if side == "down" else levels - 1 - stage
        mine = sorted(member for member in members if member[0] == stage)
        has_resampler = stage < levels - 1
        resampler = mine.pop() if has_resampler and mine else None
        if resampler:
            places[resampler] = f"{side}.{level}.{side}sample"
        blocks = [member for member in mine if member not in attends]
        attentions = [member for member in mine if member in attends]
        places |= {member: f"{side}.{level}.block.{number}" for number, member in enumerate(blocks)}
        places |= {member: f"{side}.{level}.attn.{number}" for number, member in enumerate(attentions)}
    renamed = {}
    for key, value in tensors.items():
        if match := found.get(key):
            rest = match[4].removeprefix("1.")  # an upsampling's convolution comes after what doubles
            place = places[int(match[2]), int(match[3])]
            key = f"{place}.conv.{rest}" if rest in ("weight", "bias") else f"{place}.{rest}"
        renamed[key] = value
    return renamed


def in_our_words(key: str, words: Words) -> str:
    for theirs, ours in words:
        key = key.replace(theirs, ours, 1)
    return key


def has(keys: Iterable[str], start: str) -> bool:
    return any(key.startswith(start) for key in keys)
