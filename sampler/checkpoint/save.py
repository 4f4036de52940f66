"""Write a checkpoint that says everything of itself: it loads again without a guess."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from .error import CheckpointError
from .family import Detection
from .flags import METADATA_KEY
from .network import check_keys, is_finite
from .torch_file import MOST_BYTES

__all__ = ["save_checkpoint"]

MOST_TEXT = MOST_BYTES // 2  # of a header that is read again; its other half is for the list of tensors


def save_checkpoint(
    tensors: Mapping[str, Tensor],
    found: Detection,
    path: str | Path,
    dtype: torch.dtype | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """A new .safetensors file with all that is known of the network in its header; there as a whole or not at all.

    Args:
        tensors: Of the network, under its own names: what `recognise` gives, or a network's `state_dict()`. On any device.
        found: What the checkpoint was found to be.
        path: Of the file.
        dtype: Of the torso; what the network keeps in float32 stays so. None: every tensor as it is, bit for bit.
        metadata: More text for the header.

    Raises:
        CheckpointError: The tensors are not this network's, or hold numbers that the dtype does not; or the text is too long.
        FileExistsError: There is such a file.
        OSError: It cannot be written.
    """
    path = Path(path)
    refuse_existing(path)
    check_keys(tensors, found)
    said = {"family": found.family.name, "architecture": asdict(cast(Any, found.config)), **found.flags}
    header = {"format": "pt", **(metadata or {}), METADATA_KEY: json.dumps(said)}
    if (size := len(json.dumps(header, ensure_ascii=False).encode(errors="replace"))) > MOST_TEXT:
        raise CheckpointError(
            f"The header would hold {size // 1024} kB of text, of which {MOST_TEXT // 1024} kB can be read again; save it "
            "without the workflow (--disable-metadata)."
        )
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        part.touch()
        usual = part.stat().st_mode
        save_file(converted(tensors, found, dtype), part, header)
        part.chmod(usual)  # safetensors lets its owner alone read it
        refuse_existing(path)
        os.replace(part, path)
    except SafetensorError as error:  # a full disk, for example
        raise OSError(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"{path} is there already; choose another name.")


def converted(tensors: Mapping[str, Tensor], found: Detection, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """On the CPU, each in its own place as the format wants it; what needs neither another type nor place is not copied."""
    places = found.family.network(found.config, nn, torch.device("meta"), dtype or torch.float32).state_dict()
    out: dict[str, Tensor] = {}
    storages: set[int] = set()
    for key, value in tensors.items():
        # Two steps: the host's weights with a LoRA are computed by the first, and take no type with it.
        value = value.to("cpu").detach()
        out[key] = value.to(value.dtype if dtype is None else places[key].dtype).contiguous()
        storage = out[key].untyped_storage().data_ptr()
        if storage in storages:
            out[key] = out[key].clone()
        storages.add(storage)
        if not is_finite(out[key]):
            raise CheckpointError(
                f"Tensor {key} would hold numbers that are infinite or not numbers (NaN) as "
                f"{str(out[key].dtype).removeprefix('torch.')}; save it as bf16 or fp32."
            )
    return out
