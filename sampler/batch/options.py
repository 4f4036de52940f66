"""The command line."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..methods import METHODS
from ..presets import PRESETS, fixed
from ..sentence import shortly
from ..settings import Allowed, Settings, allowed
from .conf import Conf, read_conf
from .figure import COLUMNS
from .masks import EVERYTHING, MASK_TYPES, PAIRINGS
from .overrides import without_overrides
from .settings import DEFAULT, RunSettings, SettingsError, layered

__all__ = ["Job", "read_options"]

DESCRIPTION = """\
Fill the masked part of many pictures with a diffusion model that was never trained for it.

  %(prog)s --weights model.pt --input_dir photos --mask_dir masks --save_dir filled
  accelerate launch -m mask_guidance ...      the same on all GPUs; results do not depend on their number
  ... --dry_run                               only say what would be done, and what it costs

A killed run goes on where it stopped when it is started again with the same words.
"""
EPILOGUE = """\
Exit status: 0 all is painted; 1 some pictures could not be painted, all others are; 2 nothing was done; 130 interrupted.
"""
INSTALLED, MODULE = "mask-guidance", "python -m mask_guidance"
PLACES = ("weights", "input_dir", "mask_dir", "mask_pairing", "save_dir", "n_samples", "figure")


@dataclass(frozen=True)
class Job:
    """What the user wants done.

    Attributes:
        settings: What decides the pixels.
        sources: Who said each setting: "default", a conf, a preset or "you".
        notes: What is done otherwise than the conf says.
        weights: The checkpoint.
        input_dir: Folders, files, lists and patterns of pictures; empty where pictures are painted from nothing.
        mask_dir: A folder of masks, or one mask for all.
        save_dir: Where results go.
        n_samples: At most so many pictures; 0 is all.
        mask_pairing: Which of a folder's masks belongs to a picture, a key of PAIRINGS.
        resume: Go on with the run in save_dir.
        dry_run: Only tell.
        contact_sheet: Make contact sheets.
        figure: Columns of each picture's figure; none are made where it is empty.
        cpu: Stay off the GPU.
    """

    settings: RunSettings
    sources: dict[str, str]
    notes: tuple[str, ...]
    weights: Path
    input_dir: tuple[str, ...]
    mask_dir: Path | None
    save_dir: Path
    n_samples: int
    mask_pairing: str
    resume: bool
    dry_run: bool
    contact_sheet: bool
    figure: tuple[str, ...]
    cpu: bool


def yes_no(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=INSTALLED if Path(sys.argv[0]).stem == INSTALLED else MODULE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EPILOGUE,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    switch: dict[str, Any] = {"type": yes_no, "nargs": "?", "const": True, "metavar": "true|false"}

    def add_settings(title: str, *names: str) -> "argparse._ArgumentGroup":
        group = parser.add_argument_group(title)
        for name in names:
            rule = allowed(RunSettings, name)
            kinds: dict[type, dict[str, Any]] = {
                bool: switch,
                int: {"type": int, "metavar": "N"},
                float: {"type": float, "metavar": "X"},
            }
            group.add_argument(f"--{name}", choices=rule.choices or None, help=HELP[name], **kinds.get(rule.kind, {}))
        return group

    files = parser.add_argument_group("files").add_argument
    files("--weights", metavar="FILE", help="checkpoint of a pixel model, or a folder as diffusers saves it")
    files("--input_dir", nargs="+", metavar="PATH", help="pictures: a folder, files, 'patterns*', or a list in a .txt; "
          "left out with --mask_type everything, --n_samples and --image_size: the model's own, from nothing")  # fmt: skip
    files("--mask_dir", metavar="PATH", help="a folder of masks with the pictures' names, or one mask for all; left out: "
          "the pictures' transparent parts are painted")  # fmt: skip
    files("--classifier", metavar="FILE", help="a classifier of noisy pictures that guides to --class_label")
    files("--mask_pairing", choices=PAIRINGS, help="which mask of a folder is a picture's; name: of its name (default), order: "
          "the next one, if no name fits, random: any, decided by seed")  # fmt: skip
    kinds = ", ".join(MASK_TYPES)
    files("--mask_type", metavar="KIND[+KIND]", help=f"a generated mask instead, or several as one: {kinds}")
    files("--save_dir", metavar="DIR", help="results, one .png a picture")
    files("--n_samples", type=int, metavar="N", help="only the first N pictures; from nothing: how many are painted")
    files("-c", "--config", metavar="FILE", help="settings from a file: ours, a RePaint conf, or an xyfJASON config; "
          "options given here count for more; --section.name VALUE changes a value of RePaint's or xyfJASON's")  # fmt: skip
    add_settings("pictures", "mask_polarity", "image_size", "variants")
    sampling = add_settings(
        "sampling", *(f.name for f in fields(Settings)), "class_label", "classifier_scale", "seed", "load_ema"
    )
    presets = ", ".join(PRESETS)
    sampling.add_argument(
        "--preset", metavar="NAME", help=f"settings of the sampler by name: {presets} (default: {DEFAULT})"
    )
    running = add_settings("running", "micro_batch", "dtype").add_argument
    running("--cpu", **switch, help="stay off the GPU")
    running("--resume", **switch, help="go on with what is in save_dir; false: start anew over it (default: true)")
    running("--dry_run", **switch, help="say what would be done and what it costs, and do nothing")
    running("--contact_sheet", **switch, help="contact_sheet.jpg beside the results (default: true)")
    running("--figure", nargs="+", choices=COLUMNS, help="figures/NAME.png for each picture: these side by side, at full size; "
            "'masked original result' is a strip, 'result' with --variants 10 a sheet of ten fills")  # fmt: skip
    return parser


def read_options(words: Sequence[str]) -> Job:
    """What the command line, and the files it names, ask for.

    Raises:
        SettingsError: Something is missing, of another type or out of range, or contradicts something else.
    """
    parser = make_parser()
    ours, overrides = without_overrides(words)
    given = vars(parser.parse_args([with_underscores(word) for word in ours]))
    conf = Conf("")
    if "config" in given:
        conf = read_conf(Path(given["config"]), {*OURS, *PLACES, *SWITCHES, "preset"}, overrides)
    elif overrides:
        raise SettingsError(
            f"--{next(iter(overrides))} changes a value of a configuration file; name the file with -c."
        )
    preset: dict[str, object] = {}
    if name := given.get("preset", conf.values.get("preset")):
        beside = given if "preset" in given else {**conf.values, **given}
        preset = {"resample": True, **fixed(str(name), str(beside.get("method", Settings().method)))}
    defaults = asdict(RunSettings())
    if usual := USUAL.get(meant_method({**conf.values, **preset, **given})):
        defaults |= fixed(usual)
    layers = [("default", defaults), (f"{conf.kind} conf", conf.values), (f"preset {given.get('preset')}", preset)]
    if "preset" not in given and preset:  # the conf's own preset comes before the conf's other words
        layers = [layers[0], (f"preset {conf.values['preset']}", preset), layers[1]]
    values, sources = layered([(source, one_choice_of_timesteps(layer)) for source, layer in [*layers, ("you", given)]])
    if {"resample_r", "resample_j"} & set(given) and sources["resample"].endswith("conf") and not values["resample"]:
        conf.notes.append("resample_r and resample_j do nothing without --resample.")
    if given.get("mask_type") and "mask_dir" not in given:
        values.pop("mask_dir", None)
    if "skip_steps" in given and sources["skip_type"] != "you" and values["skip_type"] == "none":
        values["skip_type"], sources["skip_type"] = "uniform", "skip_steps"
    return Job(
        settings=RunSettings(**{name: values[name] for name in OURS}, flags=conf.flags),
        sources={name: source for name, source in sources.items() if name in OURS},
        notes=tuple(conf.notes),
        weights=place(values, "weights"),
        input_dir=places(values),
        mask_dir=place(values, "mask_dir") if values.get("mask_dir") else None,
        save_dir=place(values, "save_dir"),
        n_samples=number(values, "n_samples"),
        figure=tuple(one_of({"figure": column}, "figure", COLUMNS) for column in listed(values.get("figure", []))),
        mask_pairing=one_of(values, "mask_pairing", PAIRINGS),
        **{name: switched(values, name, default) for name, default in SWITCHES.items()},
    )


def one_choice_of_timesteps(layer: Mapping[str, object]) -> Mapping[str, object]:
    """Who names skip_type or skip_steps does not mean the timestep_respacing of somebody before."""
    return {"timestep_respacing": "", **layer} if {"skip_type", "skip_steps"} & set(layer) else layer


def meant_method(said: Mapping[str, object]) -> str:
    """RePaint as published for those who name a setting of it; what is best for those who name none."""
    return str(said.get("method") or ("repaint" if OF_REPAINT & set(said) else Settings().method))


def place(values: Mapping[str, object], name: str) -> Path:
    """A file or folder that is named among the values."""
    value = values.get(name)
    if value is None:
        raise SettingsError(f"--{name} is missing; see --help.")
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise SettingsError(f"{name} is {shortly(value)}, but must be the path of a file or folder.")
    return Path(value).expanduser()


def places(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the pictures are; nowhere, if everything is painted and it is said how many and how large."""
    if values.get("input_dir") is None and values.get("mask_type") == EVERYTHING:
        if not values.get("n_samples") or not values["image_size"] or values["denoise"] != 1:
            raise SettingsError(
                "Pictures from nothing need --n_samples and --image_size, and denoise 1; or give --input_dir."
            )
        return ()
    given = listed(values.get("input_dir"))
    for one in given:
        place({"input_dir": one}, "input_dir")
    return (*given,)


def listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def number(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name, 0)
    Allowed(int, least=0).check(name, value)
    return int(value)


def one_of(values: Mapping[str, object], name: str, choices: Iterable[str]) -> str:
    """One of some names; the first where nothing is said."""
    names = (*choices,)
    value = values.get(name, names[0])
    Allowed(str, names).check(name, value)
    return str(value)


def switched(values: Mapping[str, object], name: str, default: bool) -> bool:
    value = values.get(name, default)
    Allowed(bool).check(name, value)
    return bool(value)


OURS = tuple(f.name for f in fields(RunSettings) if f.name != "flags")
OF_REPAINT = {"skip_type", "skip_steps", "timestep_respacing", "resample", *METHODS["repaint"].uses}
USUAL = {"repaint": "paper", "distilled": "turbo"}  # the preset whose values a method has where nobody names others
SWITCHES = {"resume": True, "dry_run": False, "contact_sheet": True, "cpu": False}
HELP = {
    "mask_polarity": "what white in a mask means (default: paint)",
    "image_size": "scale and crop pictures to NxN (default: as they are)",
    "variants": "fills of each picture, with seed, seed + 1 ... (default: 1)",
    "method": "how holes are filled; feedback is as good as repaint in fewer calls, kriged has better seams and less grain, "
    "repaint is as published, distilled is for models distilled to a few steps",
    "feedback": "strength of --method feedback, kriged and distilled, 0 to 1",
    "skip_type": "how timesteps are skipped; none: all are visited",
    "skip_steps": "timesteps visited",
    "timestep_respacing": "guided-diffusion's notation in place of both: 250, ddim50, or 10,10,5",
    "resample": "RePaint's resampling; false is plain mask guidance",
    "resample_r": "RePaint's r: times each stretch is sampled",
    "resample_j": "RePaint's j: steps a jump goes back",
    "start_resampling": "no jump reaches above this step",
    "jumps_every": "bouts: r jumps of j steps at every N-th step, the known part left to the model in them; 0: as in the paper",
    "denoise": "below 1: start from what is under the mask, at this share of the timesteps",
    "var_type": "variance of each step (default: what the model learned); ddim: none, as in DDIM with eta 0",
    "class_label": "number or name of a class, for class-conditional models; several, with commas between: of picture "
    "after picture",
    "classifier_scale": "how strongly --classifier guides (default: 1)",
    "seed": "same seed, same pictures (default: 0)",
    "load_ema": "averaged weights, where the file has both (default: true)",
    "micro_batch": "pictures painted at a time by each process (default: 8)",
    "dtype": "of the network; auto: Accelerate's setting, else fp32. On a CPU bf16 is faster where the processor "
    "has it, fp16 is refused",
}


def with_underscores(word: str) -> str:
    """--skip-steps is --skip_steps."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value
