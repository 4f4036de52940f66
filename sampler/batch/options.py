"""The command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ..presets import PRESETS
from .conf import Conf, read_conf
from .masks import MASK_TYPES
from .settings import CHOICES, DEFAULT, Settings, SettingsError, layered

__all__ = ["Job", "read_options"]

DESCRIPTION = """\
Fill the masked part of many pictures with a diffusion model that was never trained for it.

  python -m mask_guidance --weights model.pt --input_dir photos --mask_dir masks --save_dir filled
  accelerate launch -m mask_guidance ...      the same on all GPUs; results do not depend on their number
  ... --dry_run                               only say what would be done, and what it costs

A killed run goes on where it stopped when it is started again with the same words.
"""
EPILOGUE = """\
Exit status: 0 all is painted; 1 some pictures could not be painted, all others are; 2 nothing was done; 130 interrupted.
"""
PROG = "mask_guidance"
PLACES = ("weights", "input_dir", "mask_dir", "save_dir", "n_samples")


@dataclass(frozen=True)
class Job:
    """What the user wants done.

    Attributes:
        settings: What decides the pixels.
        sources: Who said each setting: "default", a conf, a preset or "you".
        notes: What is done otherwise than the conf says.
        weights: The checkpoint.
        input_dir: Folders, files, lists and patterns of pictures.
        mask_dir: A folder of masks, or one mask for all.
        save_dir: Where results go.
        n_samples: At most so many pictures; 0 is all.
        pair_by_order: Masks may belong to pictures by their place.
        resume: Go on with the run in save_dir.
        dry_run: Only tell.
        contact_sheet: Make contact sheets.
        cpu: Stay off the GPU.
    """

    settings: Settings
    sources: dict[str, str]
    notes: tuple[str, ...]
    weights: Path
    input_dir: tuple[str, ...]
    mask_dir: Path | None
    save_dir: Path
    n_samples: int
    pair_by_order: bool
    resume: bool
    dry_run: bool
    contact_sheet: bool
    cpu: bool


def yes_no(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {PROG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EPILOGUE,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    switch = {"type": yes_no, "nargs": "?", "const": True, "metavar": "true|false"}

    add = parser.add_argument_group("files").add_argument
    add("--weights", metavar="FILE", help="checkpoint of a guided-diffusion network")
    add("--input_dir", nargs="+", metavar="PATH", help="pictures: a folder, files, 'patterns*', or a list in a .txt")
    add("--mask_dir", metavar="PATH", help="a folder of masks with the pictures' names, or one mask for all; left out: "
        "the pictures' transparent parts are painted")  # fmt: skip
    add("--mask_type", choices=sorted(MASK_TYPES), help="a generated mask instead")
    add("--mask_polarity", choices=CHOICES["mask_polarity"], help="what white in a mask means (default: paint)")
    add("--save_dir", metavar="DIR", help="results, one .png a picture")
    add("--n_samples", type=int, metavar="N", help="only the first N pictures")
    add("--image_size", type=int, metavar="N", help="scale and crop pictures to NxN (default: as they are)")
    add("-c", "--config", metavar="FILE", help="settings from a file: ours, a RePaint conf, or an xyfJASON config; "
        "options given here count for more")  # fmt: skip

    add = parser.add_argument_group("sampling").add_argument
    add("--preset", metavar="NAME", help=f"settings of the sampler by name: {', '.join(PRESETS)} (default: {DEFAULT})")
    add("--method", choices=CHOICES["method"], help="feedback (as good in fewer calls) or repaint (as published)")
    add("--feedback", type=float, metavar="X", help="strength of --method feedback, 0 to 1")
    add("--skip_type", choices=CHOICES["skip_type"], help="how timesteps are skipped; none: all are visited")
    add("--skip_steps", type=int, metavar="N", help="timesteps visited")
    add("--resample", **switch, help="RePaint's resampling; false is plain mask guidance")
    add("--resample_r", type=int, metavar="N", help="RePaint's r: times each stretch is sampled")
    add("--resample_j", type=int, metavar="N", help="RePaint's j: steps a jump goes back")
    add("--start_resampling", type=int, metavar="N", help="no jump reaches above this step")
    add("--var_type", choices=CHOICES["var_type"], help="variance of each step (default: what the model learned)")
    add("--class_label", metavar="LABEL", help="number or name of a class, for class-conditional models")
    add("--seed", type=int, metavar="N", help="same seed, same pictures (default: 0)")
    add("--variants", type=int, metavar="N", help="fills of each picture, with seed, seed + 1 ... (default: 1)")
    add("--load_ema", **switch, help="averaged weights, where the file has both (default: true)")

    add = parser.add_argument_group("running").add_argument
    add("--micro_batch", type=int, metavar="N", help="pictures painted at a time by each process (default: 8)")
    add("--dtype", choices=CHOICES["dtype"], help="of the network; auto: Accelerate's setting, else fp32")
    add("--cpu", **switch, help="stay off the GPU")
    add("--resume", **switch, help="go on with what is in save_dir; false: start anew over it (default: true)")
    add("--dry_run", **switch, help="say what would be done and what it costs, and do nothing")
    add("--contact_sheet", **switch, help="contact_sheet.jpg beside the results (default: true)")
    return parser


def read_options(words: Sequence[str]) -> Job:
    """What the command line, and the files it names, ask for.

    Raises:
        SettingsError: Something is missing, or contradicts something else.
    """
    parser = make_parser()
    given = vars(parser.parse_args([with_underscores(word) for word in words]))
    ours = {f.name for f in fields(Settings)}
    conf = Conf("")
    if "config" in given:
        conf = read_conf(Path(given["config"]), ours | set(PLACES) | {"preset"})
    preset = {}
    if name := given.get("preset", conf.values.get("preset")):
        if name not in PRESETS:
            raise SettingsError(f"Unknown preset '{name}'; choose one of {', '.join(PRESETS)}.")
        preset = {"resample": True, **asdict(PRESETS[name])}
    defaults = {f.name: getattr(Settings(), f.name) for f in fields(Settings)}
    if meant_method({**conf.values, **preset, **given}) == "repaint":
        defaults |= asdict(PRESETS["paper"])
    layers = [("default", defaults), (f"{conf.kind} conf", conf.values), (f"preset {given.get('preset')}", preset)]
    if "preset" not in given and preset:  # the conf's own preset comes before the conf's other words
        layers = [layers[0], (f"preset {conf.values['preset']}", preset), layers[1]]
    values, sources = layered([*layers, ("you", given)])
    if {"resample_r", "resample_j"} & set(given) and sources["resample"].endswith("conf") and not values["resample"]:
        conf.notes.append("resample_r and resample_j do nothing without --resample.")
    if given.get("mask_type") and "mask_dir" not in given:
        values.pop("mask_dir", None)
    if "skip_steps" in given and sources["skip_type"] != "you" and values["skip_type"] == "none":
        values["skip_type"], sources["skip_type"] = "uniform", "skip_steps"
    for needed in ("weights", "input_dir", "save_dir"):
        if needed not in values:
            raise SettingsError(f"--{needed} is missing; see --help.")
    settings = Settings(**{name: values[name] for name in ours if name != "flags"}, flags=conf.flags)
    return Job(
        settings=settings,
        sources={name: source for name, source in sources.items() if name in ours},
        notes=tuple(conf.notes),
        weights=Path(values["weights"]).expanduser(),
        input_dir=tuple(values["input_dir"] if isinstance(values["input_dir"], list) else [values["input_dir"]]),
        mask_dir=Path(values["mask_dir"]).expanduser() if values.get("mask_dir") else None,
        save_dir=Path(values["save_dir"]).expanduser(),
        n_samples=int(values.get("n_samples", 0)),
        pair_by_order=conf.pair_by_order,
        **{name: bool(values.get(name, default)) for name, default in SWITCHES.items()},
    )


def meant_method(said: Mapping[str, object]) -> str:
    """RePaint as published for those who name a setting of it; what is best for those who name none."""
    return str(said.get("method") or ("repaint" if OF_REPAINT & set(said) else Settings().method))


OF_REPAINT = {"skip_type", "skip_steps", "resample", "resample_r", "resample_j", "start_resampling", "var_type"}
SWITCHES = {"resume": True, "dry_run": False, "contact_sheet": True, "cpu": False}


def with_underscores(word: str) -> str:
    """--skip-steps is --skip_steps."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value
