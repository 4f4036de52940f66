"""Configuration files of this command line, of the RePaint repository and of xyfJASON's, told apart by their keys.

What such a file asks for and what is done here differ in places; each difference is a note for the user.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..checkpoint.error import CheckpointError
from ..checkpoint.flags import COMMON, Flags, parse_config
from ..methods.repaint import EVERYWHERE
from ..recognition import flags_in
from ..respacing import parse_respacing
from ..sentence import shortly
from .overrides import overridden
from .settings import SettingsError

__all__ = ["Conf", "read_conf"]

USUAL_BETAS = {"beta_start": 1e-4, "beta_end": 2e-2}  # of any network of 1000 steps
NAMES_OF_LAST_VERSIONS = {"uniform-leading": "leading", "uniform-linspace": "uniform", "uniform-trailing": "trailing"}


@dataclass
class Conf:
    """What a configuration file asks for, in this command line's names.

    Attributes:
        kind: Whose file it is.
        values: Options by name.
        flags: What it says about the network.
        notes: What is done differently here, or not at all; a sentence each.
    """

    kind: str
    values: dict[str, object] = field(default_factory=dict)
    flags: Flags = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_conf(path: Path, options: set[str], overrides: Mapping[str, str]) -> Conf:
    """Read a configuration file.

    Args:
        path: .yml, .yaml or .json.
        options: Names that our own files may use.
        overrides: Other values than it has, see `overridden`.

    Raises:
        SettingsError: It cannot be read, is of no known kind, or has no section that an override names.
    """
    if not path.is_file():
        raise SettingsError(f"There is no configuration file {path}.")
    try:
        content, notes = overridden(parse_config(path), overrides, path.name)
        conf = read_content(content, path.name, options)
    except CheckpointError as error:  # about the file as a whole, or what it says of the network
        raise SettingsError(str(error)) from error
    conf.notes[:0] = notes
    try:
        json.dumps(conf.flags, sort_keys=True)  # as the run's record will hold them
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingsError(f"flags in {path.name} must be names with numbers, texts, or lists of them.") from error
    return conf


def read_content(content: object, name: str, options: set[str]) -> Conf:
    """Whose file it is, and what it asks for; arguments and errors as for `read_conf`, and CheckpointError."""
    if not isinstance(content, Mapping):
        raise SettingsError(f"{name} holds no settings; expected names with values.")
    content = {str(key): value for key, value in content.items()}
    if "schedule_jump_params" in content or ("timestep_respacing" in content and set(content) - options):
        return repaint_conf(content)
    if isinstance(content.get("model"), Mapping) or isinstance(content.get("diffusion"), Mapping):
        return seed_conf(content)
    if isinstance(content.get("settings"), Mapping):  # the run.json of an earlier run
        content = dict(content["settings"])
    unknown = sorted(set(content) - options - {"flags"})
    if unknown:
        raise SettingsError(
            f"{name} is neither a RePaint conf (no schedule_jump_params), nor an xyfJASON one (no model or diffusion "
            f"section), and as one of ours it has the unknown {', '.join(unknown[:5])}."
        )
    flags = content.pop("flags", None) or {}
    if not isinstance(flags, Mapping):
        raise SettingsError(f"flags is {shortly(flags)}, but must be names with values.")
    label = content.get("class_label", "")
    if isinstance(label, int) and not isinstance(label, bool):
        content["class_label"] = str(label)
    return Conf("mask_guidance", content, dict(flags))


def repaint_conf(content: dict[str, object]) -> Conf:
    """confs/*.yml of https://github.com/andreas128/RePaint."""
    conf = Conf("RePaint", flags=told_of_network({k: v for k, v in content.items() if k != "data"}))
    jumps = content.get("schedule_jump_params") or {}
    if not isinstance(jumps, Mapping):
        raise SettingsError(f"schedule_jump_params is {shortly(jumps)}, but must be names with values.")
    steps, chosen = respaced(content)
    conf.values |= {"method": "repaint", "resample": bool(jumps), **chosen}
    conf.values |= {"mask_polarity": "keep", "mask_pairing": "order"}
    if not jumps:
        conf.notes.append(
            "schedule_jump_params is missing: RePaint's program returns nothing then; painted without jumps."
        )
    if (asked := whole(jumps, "t_T", steps)) != steps:
        conf.notes.append(
            f"t_T is {shortly(asked)} and timestep_respacing {steps}: RePaint's program would then start from noise at a wrong "
            f"level (or fail); painted with {shortly(asked)} timesteps over the whole range."
        )
        conf.values |= {"skip_type": "uniform", "skip_steps": asked, "timestep_respacing": ""}
    conf.values |= {"resample_j": whole(jumps, "jump_length", 1), "resample_r": whole(jumps, "jump_n_sample", 1)}
    if "start_resampling" in jumps:
        conf.values["start_resampling"] = min(whole(jumps, "start_resampling", 0), EVERYWHERE)
    for name, harmless in (("n_sample", 1), ("jump2_n_sample", 1), ("jump3_n_sample", 1)):
        if jumps.get(name, harmless) != harmless:
            conf.notes.append(
                f"{name} is {shortly(jumps[name])}: further jumps inside the main ones are not made here."
            )
    conf.values |= {"clip": content.get("clip_denoised", True), "image_size": whole(content, "image_size", 0)}
    conf.values["var_type"] = "auto"
    if content.get("use_fp16"):
        conf.values["dtype"] = "auto"
        conf.notes.append("use_fp16 is true: here --dtype or Accelerate's setting decides the precision.")
    if content.get("class_cond"):
        conf.notes.append("class_cond is true: RePaint's program paints a random class; here --class_label says which.")
    if content.get("classifier_path") and content.get("classifier_scale"):
        conf.values |= {"classifier": str(content["classifier_path"]), "classifier_scale": content["classifier_scale"]}
    if not content.get("inpa_inj_sched_prev", True):
        conf.notes.append(
            "inpa_inj_sched_prev is false: RePaint's program ignores the picture then; it is not ignored here."
        )
    for name in ("inpa_inj_sched_prev_cumnoise", "use_ddim"):
        if content.get(name):
            conf.notes.append(f"{name} is true, with which RePaint's program fails; it is not used here.")
    conf.values |= {"weights": str(content["model_path"])} if content.get("model_path") else {}
    read_data(content, conf)
    return conf


def told_of_network(content: object) -> Flags:
    """Flags of a file; whether predicted pictures are clipped is an option here, and `clip` says it."""
    return {name: value for name, value in flags_in(content).items() if name != "clip_sample"}


def respaced(content: Mapping[str, object]) -> tuple[int, dict[str, object]]:
    """How many timesteps a RePaint conf visits, and the settings that say so."""
    total = whole(content, "diffusion_steps", 1000)
    text = str(content.get("timestep_respacing") or "").strip()
    if not text:
        return total, {"skip_type": "none", "skip_steps": min(total, 10_000)}
    try:
        steps = len(parse_respacing(total, text))
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if "," in text:
        return steps, {"timestep_respacing": text}
    return steps, {"skip_type": "leading" if text.startswith("ddim") else "uniform", "skip_steps": steps}


def whole(content: Mapping[str, object], name: str, default: int) -> int:
    """A whole number of a file; None and nothing are the default."""
    value = content.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SettingsError(f"{name} is {shortly(value)}, but must be a whole number of at least 0.")
    return value


def read_data(content: Mapping[str, object], conf: Conf) -> None:
    """Folders and counts of the first data set."""
    sets = (as_names(content, "data")).get("eval") or {}
    if not isinstance(sets, Mapping) or not sets:
        return
    name = str(next(iter(sets)))
    first = as_names(sets, name)
    if len(sets) > 1:
        conf.notes.append(f"There are {len(sets)} data sets; painted is the first, {name}.")
    names = {"gt_path": "input_dir", "mask_path": "mask_dir", "max_len": "n_samples", "batch_size": "micro_batch"}
    conf.values |= {ours: first[theirs] for theirs, ours in names.items() if first.get(theirs)}
    if "input_dir" in conf.values:
        conf.values["input_dir"] = [conf.values["input_dir"]]
    if srs := as_names(first, "paths").get("srs"):
        conf.values["save_dir"] = srs
    if first.get("offset"):
        conf.notes.append(f"offset is {shortly(first['offset'])}: pictures are painted from the first one on.")
    if not first.get("deterministic", True) or first.get("random_crop") or first.get("random_flip"):
        conf.notes.append("Pictures are never shuffled, cropped at random or mirrored here.")


def as_names(content: Mapping[str, object], section: str) -> Mapping[str, object]:
    """A section of a file; an empty one where there is none.

    Raises:
        SettingsError: It is something else.
    """
    found = content.get(section) or {}
    if not isinstance(found, Mapping):
        raise SettingsError(f"{section} is {shortly(found)}, but must be names with values.")
    return found


def seed_conf(content: dict[str, object]) -> Conf:
    """configs/**/*.yaml of https://github.com/xyfJASON/diffusion-models-pytorch, whose options are the rest."""
    conf = Conf("xyfJASON", flags=without_usual_betas(told_of_network(content)))
    diffusion = params(content, "diffusion")
    conf.values |= {"method": "repaint", "skip_type": "none", "resample": False}
    if content.get("seed") is not None:
        conf.values["seed"] = whole(content, "seed", 0)
    if size := whole(params(content, "data"), "img_size", 0):
        conf.values["image_size"] = size
        conf.flags.setdefault("image_size", size)
    if "var_type" in diffusion:
        conf.values["var_type"] = str(diffusion["var_type"])
        conf.flags.pop("var_type", None)
    if "clip_denoised" in diffusion:
        conf.values["clip"] = diffusion["clip_denoised"]
    skipping = diffusion.get("skip_type") or diffusion.get("respace_type")
    if steps := whole(diffusion, "skip_steps", 0) or whole(diffusion, "respace_steps", 0):
        conf.values |= {"skip_steps": steps, "skip_type": "uniform"}  # as its --skip_steps alone means
    if skipping:
        conf.values["skip_type"] = NAMES_OF_LAST_VERSIONS.get(str(skipping), str(skipping))
    return conf


def params(content: Mapping[str, object], section: str) -> Mapping[str, object]:
    """A section's parameters; early versions of those files have no `params` between."""
    found = as_names(content, section)
    inner = found.get("params")
    return inner if isinstance(inner, Mapping) else found


def without_usual_betas(flags: Flags) -> Flags:
    """Flags without the ends of the betas that say nothing: runs of earlier versions have none.

    Raises:
        CheckpointError: They, or the number of steps, cannot be meant.
    """
    meant = COMMON.agree(
        [("", {name: flags[name] for name in ("diffusion_steps", *USUAL_BETAS) if name in flags})]
    ).values
    if meant.get("diffusion_steps", 1000) != 1000:
        return flags
    return {name: value for name, value in flags.items() if name not in USUAL_BETAS or meant[name] != USUAL_BETAS[name]}
