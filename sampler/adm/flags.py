"""Flags that describe a checkpoint in words: in a safetensors header, or in a configuration file beside it."""

import json
from collections.abc import Mapping
from pathlib import Path

from .checkpoint import CheckpointError

__all__ = ["HIDDEN", "METADATA_KEY", "PREDICTION_NAMES", "Flags", "metadata_flags", "read_flags", "sidecar_flags"]

METADATA_KEY = "guided_diffusion_config"

Flags = dict[str, object]

# Names that other code bases and configuration files use for our flags.
ALIASES = {
    "total_steps": "diffusion_steps",
    "num_diffusion_timesteps": "diffusion_steps",
    "beta_schedule": "noise_schedule",
    "objective": "prediction",
    "model_mean_type": "prediction",
    "model_var_type": "var_type",
    "num_heads_channels": "num_head_channels",
}
PREDICTION_NAMES = {
    "pred_eps": "eps",
    "epsilon": "eps",
    "pred_x0": "x0",
    "sample": "x0",
    "start_x": "x0",
    "pred_v": "v",
    "v_prediction": "v",
}
HIDDEN = (
    "num_heads",
    "num_head_channels",
    "num_heads_upsample",
    "use_new_attention_order",
    "noise_schedule",
    "diffusion_steps",
    "rescale_timesteps",
    "prediction",
    "var_type",
    "image_size",
    "class_names",
    "null_class",
)


def read_flags(content: object) -> Flags:
    """Hidden flags anywhere in a configuration file's content, in guided-diffusion's, RePaint's, DPS's or xyfJASON's names."""
    found: Flags = {}
    if isinstance(content, Mapping):
        for name, value in content.items():
            if isinstance(value, Mapping):
                found = {**read_flags(value), **found}
            else:
                found.update(read_flag(str(name), value))
    return found


def read_flag(name: str, value: object) -> Flags:
    name = ALIASES.get(name, name)
    if name == "predict_xstart":
        return {"prediction": "x0" if value else "eps"}
    if name == "sigma_small":
        return {"var_type": "fixed_small"} if value else {}
    if name == "num_head_channels" and value in (None, -1, ""):
        return {"num_head_channels": -1}
    return {name: value} if name in HIDDEN and value is not None else {}


def metadata_flags(metadata: Mapping[str, str]) -> Flags:
    """Flags in the header of a safetensors file."""
    try:
        return read_flags(json.loads(metadata[METADATA_KEY])) if METADATA_KEY in metadata else {}
    except ValueError as error:
        raise CheckpointError(f"The file's own {METADATA_KEY} cannot be read as JSON: {error}.") from error


def sidecar_flags(path: Path) -> tuple[str, Flags]:
    """Name and flags of NAME.json, NAME.yaml or NAME.yml beside a checkpoint NAME.pt, or two empty values."""
    for suffix in (".json", ".yaml", ".yml"):
        sidecar = path.with_suffix(suffix)
        if sidecar.is_file():
            return sidecar.name, read_flags(parse_config(sidecar))
    return "", {}


def parse_config(path: Path) -> object:
    if path.suffix == ".json":
        parse, mistakes = json.loads, ValueError
    else:
        try:
            import yaml  # the host has it; the library alone does without
        except ImportError as error:
            raise CheckpointError(
                f"Reading {path.name} needs PyYAML: pip install pyyaml, or write it as .json."
            ) from error
        parse, mistakes = yaml.safe_load, (ValueError, yaml.YAMLError)
    try:
        return parse(path.read_text("utf-8"))
    except mistakes as error:
        raise CheckpointError(f"{path.name} cannot be read: {error}.") from error
