"""The architecture of a guided-diffusion classifier of noisy pictures, from keys and shapes.

Source: https://github.com/openai/guided-diffusion (MIT), `create_classifier`: an attention pool, 64 channels a head, legacy
order. Where blocks halve the picture themselves, nothing in the names tells them from the others, and the number of blocks a
level is the one with which all fits: inside a level no width changes, and all of its blocks attend or none does. Where several
do, somebody has to say which.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence

from torch import Tensor

from ..checkpoint.error import CheckpointError
from ..checkpoint.flags import Told, Vocabulary, Whole
from ..checkpoint.shapes import Shapes, numbered, side
from ..layers import NORM_GROUPS
from .architecture import MOST_BLOCKS, MOST_LEVELS
from .config import UNetConfig
from .family import VOCABULARY as OF_MODELS

__all__ = ["LANDMARKS", "VOCABULARY", "read_classifier"]

LANDMARKS = ("input_blocks.0.0.weight", "time_embed.0.weight", "out.2.positional_embedding")
ENCODER = re.compile(r"input_blocks\.(\d{1,3})\.")
HEAD_CHANNELS = 64
BLOCKS = "num_res_blocks"
VOCABULARY = OF_MODELS | Vocabulary({BLOCKS: Whole(1, MOST_BLOCKS)}, aliases={"classifier_depth": BLOCKS})


def read_classifier(tensors: Mapping[str, Tensor], told: Told) -> tuple[UNetConfig, int]:
    """Every flag that keys and shapes settle, and the side of its pictures in pixels; heads are left at their defaults.

    The number of classes is `out_channels`.

    Args:
        tensors: On the meta device will do.
        told: Flags of VOCABULARY.

    Raises:
        CheckpointError: A network with holes, or of another kind, or one whose levels nobody tells.
    """
    shape_of = {key: tuple(value.shape) for key, value in tensors.items()}
    count = encoder_length(shape_of)
    channels = side(shape_of, "time_embed.0.weight", 1)
    halvings = {int(match[1]) for key in shape_of if (match := ENCODER.match(key)) and ".0.op." in key}
    widths = [side(shape_of, f"input_blocks.{i}.0.out_layers.3.weight") for i in range(1, count) if i not in halvings]
    if odd := [width for width in (channels, *widths) if width % NORM_GROUPS]:
        raise CheckpointError(
            f"This classifier has layers of {odd[0]} channels, which guided-diffusion's norms of {NORM_GROUPS} groups cannot "
            "divide; it is damaged, or of a variant this loader does not know."
        )
    blocks = blocks_a_level(shape_of, count, halvings, told.value(BLOCKS, int, None))
    levels = count // (blocks + 1)
    first = [1 + level * (blocks + 1) for level in range(levels)]
    widths = [side(shape_of, f"input_blocks.{i}.0.out_layers.3.weight") for i in first]
    mult = tuple(width / channels if width % channels else width // channels for width in widths)
    places = side(shape_of, "out.2.positional_embedding", 1) - 1
    pooled = math.isqrt(places)
    if not places or pooled**2 != places:
        raise CheckpointError(f"This classifier pools {places} places, which are no square; it is damaged.")
    config = UNetConfig(
        in_channels=side(shape_of, "input_blocks.0.0.weight", 1),
        out_channels=side(shape_of, "out.2.c_proj.weight"),
        model_channels=channels,
        channel_mult=mult,
        num_res_blocks=blocks,
        attention_ds=tuple(2**level for level, i in enumerate(first) if attends(shape_of, i)),
        num_head_channels=HEAD_CHANNELS,
        use_scale_shift_norm=side(shape_of, "input_blocks.1.0.emb_layers.1.weight") == 2 * widths[0],
        resblock_updown=not halvings,
    )
    return config, pooled * config.size_multiple


def encoder_length(shape_of: Shapes) -> int:
    """The number of encoder blocks; the numbers in their keys are counted, never trusted."""
    blocks = numbered(shape_of, "input_blocks")
    if not 2 <= blocks <= MOST_BLOCKS:
        raise CheckpointError(f"This classifier has {blocks} encoder blocks, unlike any of its kind; it is damaged.")
    return blocks


def attends(shape_of: Shapes, block: int) -> bool:
    return f"input_blocks.{block}.1.qkv.weight" in shape_of


def blocks_a_level(shape_of: Shapes, count: int, halvings: Collection[int], told: int | None) -> int:
    """`num_res_blocks`, the one with which all fits.

    Args:
        halvings: Blocks that say by their names that they halve the picture; none does where all of them are residual blocks.
        told: Which of several it is.
    """
    fitting = [
        blocks
        for blocks in range(1, count)
        if count % (blocks + 1) == 0
        and count // (blocks + 1) <= MOST_LEVELS
        and fits(shape_of, count, blocks, halvings)
    ]
    if not fitting:
        raise CheckpointError(
            "This classifier's blocks do not make levels of equal depth; it is damaged, or of a variant this loader does not "
            "know."
        )
    if told is not None and told not in fitting:
        raise CheckpointError(f"{BLOCKS} is {told}, but this classifier's blocks fit {either(fitting)}.")
    if told is None and len(fitting) > 1:
        raise CheckpointError(
            f"This classifier's blocks fit {either(fitting)} a level; write the right number as {BLOCKS} into a .json file of "
            "its name beside it."
        )
    return fitting[0] if told is None else told


def either(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} or {last}" if first else last


def fits(shape_of: Shapes, count: int, blocks: int, halvings: Collection[int]) -> bool:
    """Whether an encoder can have so many residual blocks a level."""
    starts = range(0, count, blocks + 1)
    if halvings and {*halvings} != {*starts[1:]}:
        return False
    for start in starts:
        inside = range(start + 1, start + blocks + 1)
        widened = [i for i in (start, *inside[1:]) if f"input_blocks.{i}.0.skip_connection.weight" in shape_of]
        mixed = len({attends(shape_of, i) for i in inside}) > 1
        if widened or mixed or attends(shape_of, start):
            return False
    return True
