"""What is said about a checkpoint in words: in a safetensors header, in configuration files beside it, by the user.

Everything here is a stranger's text. It is bounded before it is read, and every flag is checked before it is believed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..posterior import PREDICTIONS, VAR_TYPES
from ..schedule import BETAS
from ..sentence import shortly
from .error import CheckpointError

__all__ = [
    "COMMON",
    "METADATA_KEY",
    "SIDECARS",
    "ConfigFile",
    "Flag",
    "Flags",
    "Layers",
    "OneOf",
    "Only",
    "Real",
    "Told",
    "Vocabulary",
    "Whole",
    "YesNo",
    "metadata_flags",
    "parse_config",
    "parse_value",
    "sidecar_flags",
]

METADATA_KEY = "guided_diffusion_config"
SIDECARS = (".json", ".yaml", ".yml")  # NAME.json beside NAME.pt

# What a configuration may be at most; real ones have a few dozen lines, a few levels and no references.
MOST_BYTES = 256 * 1024
MOST_LEVELS = 40
MOST_DIGITS = 100  # of a whole number
MOST_REFERENCES = 8  # YAML's *name, which a few lines can make stand for billions

Flags = dict[str, object]
Layers = Sequence[tuple[str, Flags]]  # (who said it, what), in rising authority
T = TypeVar("T")
D = TypeVar("D")


class Flag(Protocol):
    """What values a flag may have."""

    @property
    def expected(self) -> str:
        """In words, after "must be"."""

    def read(self, value: object) -> object:
        """The value in the one form that the code uses; raises ValueError for what cannot be meant."""


@dataclass(frozen=True)
class Whole:
    """A whole number; without bounds, one that other checks bound."""

    least: int = -(2**31)
    most: int = 2**31

    @property
    def expected(self) -> str:
        return "a whole number" if self == Whole() else f"a whole number from {self.least} to {self.most}"

    def read(self, value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not self.least <= value <= self.most:
            raise ValueError
        return value


@dataclass(frozen=True)
class Real:
    """A number."""

    least: float
    most: float

    @property
    def expected(self) -> str:
        return f"a number from {self.least:g} to {self.most:g}"

    def read(self, value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not self.least <= value <= self.most:
            raise ValueError
        return float(value)


@dataclass(frozen=True)
class Only:
    """What networks of a family have in one way, as far as they are read here."""

    value: object
    synonyms: tuple[object, ...] = ()

    @property
    def expected(self) -> str:
        return f"{'null' if self.value is None else self.value} for this loader"

    def read(self, value: object) -> object:
        if value != self.value and value not in self.synonyms:
            raise ValueError
        return self.value


@dataclass(frozen=True)
class YesNo:
    expected: str = "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, (bool, int)) or value not in (0, 1):
            raise ValueError
        return bool(value)


@dataclass(frozen=True)
class OneOf:
    """A name of several, or what other code bases call it."""

    names: tuple[str, ...]
    synonyms: Mapping[str, str] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        return f"one of {', '.join(self.names)}"

    def read(self, value: object) -> str:
        if not isinstance(value, str) or self.synonyms.get(value, value) not in self.names:
            raise ValueError
        return self.synonyms.get(value, value)


@dataclass(frozen=True)
class Names:
    expected: str = "a list of names"

    def read(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)):
            raise ValueError
        names = tuple(name for name in value if isinstance(name, str))
        if len(names) < len(value):
            raise ValueError
        return names


@dataclass(frozen=True)
class Told:
    """What is believed of a checkpoint.

    Attributes:
        values: Flags that passed their checks.
        sources: Who said each.
    """

    values: Flags
    sources: Mapping[str, str]

    def value(self, flag: str, kind: type[T], default: D) -> T | D:
        """A flag's value, or the default where nobody told it."""
        value = self.values.get(flag)
        return value if isinstance(value, kind) else default


@dataclass(frozen=True)
class Vocabulary:
    """The flags that can be told of a family's checkpoints, and other names for them.

    Attributes:
        flags: What each flag may be.
        aliases: Flags by the names of other code bases and configuration files.
        phrases: What says a flag in another way: the flag, and its value for true and for false; None says nothing.
        nulls: What "null" or nothing after a flag's name stands for; elsewhere it tells nothing.
        takes_back: Flags that telling another one sets too, unless the same authority tells them as well.
        conditions: Words that tell no flag, and must be as they are here for a network to be of the family.
    """

    flags: Mapping[str, Flag]
    aliases: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, tuple[str, str | None, str | None]] = field(default_factory=dict)
    nulls: Flags = field(default_factory=dict)
    takes_back: Mapping[str, Flags] = field(default_factory=dict)
    conditions: Mapping[str, Flag] = field(default_factory=dict)

    def __or__(self, more: "Vocabulary") -> "Vocabulary":
        return Vocabulary(
            {**self.flags, **more.flags},
            {**self.aliases, **more.aliases},
            {**self.phrases, **more.phrases},
            {**self.nulls, **more.nulls},
            {**self.takes_back, **more.takes_back},
            {**self.conditions, **more.conditions},
        )

    def pick(self, content: object, level: int = 0) -> Flags:
        """Flags anywhere in a configuration file's content, outer ones over inner; not checked yet.

        Raises:
            CheckpointError: Sections within sections without end.
        """
        if level > MOST_LEVELS:
            raise CheckpointError(f"The configuration has more than {MOST_LEVELS} sections within each other.")
        found: Flags = {}
        if isinstance(content, Mapping):
            for name, value in content.items():
                if isinstance(value, Mapping):
                    found = {**self.pick(value, level + 1), **found}
                else:
                    found |= self.said(str(name), value)
        return found

    def said(self, name: str, value: object) -> Flags:
        """The flag that one line of a configuration tells, or none."""
        name = self.aliases.get(name, name)
        if value in (None, ""):
            value = self.nulls.get(name)
        if value is None:
            return {}
        if name in self.phrases:
            flag, true, false = self.phrases[name]
            meant = true if checked(name, YesNo(), value) else false
            return {} if meant is None else {flag: meant}
        return {name: value} if name in self.flags or name in self.conditions else {}

    def agree(self, layers: Layers) -> Told:
        """Who is believed: for each flag the greatest authority that tells it; other words are left out.

        Raises:
            CheckpointError: What it tells cannot be meant.
        """
        values: Flags = {}
        sources: dict[str, str] = {}
        for source, said in layers:
            flags = {flag: value for flag, value in said.items() if value is not None}
            for word in flags.keys() & self.conditions.keys():
                checked(word, self.conditions[word], flags[word], source)
            taken_back = {flag: value for told in flags for flag, value in self.takes_back.get(told, {}).items()}
            for flag, value in {**taken_back, **flags}.items():
                if flag in self.flags:
                    values[flag], sources[flag] = value, source
        return Told({flag: checked(flag, self.flags[flag], v, sources[flag]) for flag, v in values.items()}, sources)


def checked(name: str, flag: Flag, value: object, source: str = "") -> object:
    """The value in the form that the code uses."""
    try:
        return flag.read(value)
    except ValueError:
        said_by = f" ({source})" if source else ""
        raise CheckpointError(f"{name} is {shortly(value)}{said_by}, but must be {flag.expected}.") from None


@dataclass(frozen=True)
class ConfigFile:
    """A file in which a code base writes flags, where it saves its checkpoints.

    Attributes:
        path: Relative to the checkpoint's folder.
        beside: Which checkpoints have one, by the last parts of their paths: "*" any, "unet/*.bin" those in a folder unet.
        sections: Of the file, those that count; none: what stands in no section.
    """

    path: str
    beside: str = "*"
    sections: tuple[str, ...] = ()

    def of(self, checkpoint: Path) -> Path | None:
        """Where it is, for a checkpoint; None if there is none."""
        place = checkpoint.parent / self.path
        return place if checkpoint.match(self.beside) and place.is_file() else None

    def flags(self, place: Path, vocabulary: Vocabulary) -> Flags:
        """What it tells.

        Raises:
            CheckpointError: It cannot be read.
        """
        content = parse_config(place)
        if not isinstance(content, Mapping):
            return {}
        counted = {
            name: value
            for name, value in content.items()
            if (name in self.sections if self.sections else not isinstance(value, Mapping))
        }
        return vocabulary.pick(counted)


COMMON = Vocabulary(
    flags={
        "noise_schedule": OneOf(tuple(BETAS)),
        "diffusion_steps": Whole(1, 100_000),
        "rescale_timesteps": YesNo(),
        "prediction": OneOf(
            tuple(PREDICTIONS),
            {
                "pred_eps": "eps",
                "epsilon": "eps",
                "pred_x0": "x0",
                "sample": "x0",
                "start_x": "x0",
                "pred_v": "v",
                "v_prediction": "v",
            },
        ),
        "var_type": OneOf(tuple(name for name, kind in VAR_TYPES.items() if not kind.implicit)),
        "image_size": Whole(1, 65_536),
        "class_names": Names(),
        "null_class": Whole(),
        "beta_start": Real(1e-9, 0.9999),
        "beta_end": Real(1e-9, 0.9999),
        "clip_sample": YesNo(),
        "clip_sample_range": Real(1e-3, 1e6),
    },
    aliases={
        "total_steps": "diffusion_steps",
        "num_diffusion_timesteps": "diffusion_steps",
        "beta_schedule": "noise_schedule",
        "objective": "prediction",
        "model_mean_type": "prediction",
        "model_var_type": "var_type",
    },
    phrases={
        "predict_xstart": ("prediction", "x0", "eps"),
        "sigma_small": ("var_type", "fixed_small", None),
    },
)


def metadata_flags(metadata: Mapping[str, str], vocabulary: Vocabulary) -> Flags:
    """Flags in the header of a safetensors file."""
    if METADATA_KEY not in metadata:
        return {}
    text = metadata[METADATA_KEY]
    return vocabulary.pick(
        parse(text.encode(errors="replace"), parse_json, f"The file's own {METADATA_KEY}", " as JSON")
    )


def sidecar_flags(path: Path, vocabulary: Vocabulary) -> tuple[str, Flags]:
    """Name and flags of the first of SIDECARS beside a checkpoint, or two empty values."""
    for sidecar in (path.with_suffix(suffix) for suffix in SIDECARS):
        if sidecar.is_file():
            return sidecar.name, vocabulary.pick(parse_config(sidecar))
    return "", {}


def parse_config(path: Path) -> object:
    """Content of a .json, .yaml or .yml file.

    Raises:
        CheckpointError: It cannot be read, or is larger or deeper than configurations are.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}.") from error
    return parse(text, parse_json if path.suffix == ".json" else parse_yaml, path.name)


def parse(text: bytes, parser: Callable[[str], object], name: str, as_what: str = "") -> object:
    """Text of a stranger, whatever it makes the parser stumble over."""
    if len(text) > MOST_BYTES:
        raise CheckpointError(f"{name} is larger than {MOST_BYTES // 1024} kB; that is no configuration.")
    try:
        return parser(text.decode("utf-8"))
    except ImportError as error:
        raise CheckpointError(f"Reading {name} needs PyYAML: pip install pyyaml, or write it as .json.") from error
    except RecursionError as error:
        raise CheckpointError(f"{name} has more than {MOST_LEVELS} sections within each other.") from error
    except Exception as error:  # PyYAML meets broken numbers and dates with errors of many kinds
        what = " ".join(str(error).split()).rstrip(".")
        raise CheckpointError(f"{name} cannot be read{as_what}: {what}.") from error


def parse_value(text: str, name: str) -> object:
    """A value of a configuration, written on a command line: JSON, else YAML, to which 1e-4 is a word.

    Raises:
        CheckpointError: It is neither, or larger or deeper than configurations are.
    """
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return parse(text.encode("utf-8", "surrogateescape"), parse_yaml, name)


def bounded(digits: str) -> str:
    """A whole number's text; what is no longer a number to count with is refused."""
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return digits


def parse_json(text: str) -> object:
    return json.loads(text, parse_int=lambda digits: int(bounded(digits)))


def parse_yaml(text: str) -> object:
    import yaml  # the host has it; the library alone does without

    class Loader(yaml.SafeLoader):  # type: ignore[misc] # it has no types here
        def construct_yaml_int(self, node: Any) -> int:
            bounded(self.construct_scalar(node))
            return int(super().construct_yaml_int(node))

    Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_yaml_int)
    levels = references = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        levels += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        references += isinstance(event, yaml.AliasEvent)
        if levels > MOST_LEVELS:
            raise ValueError(f"more than {MOST_LEVELS} sections within each other")
        if references > MOST_REFERENCES:
            raise ValueError(f"more than {MOST_REFERENCES} references (*name); write out what they stand for")
    return Loader(text).get_single_data()  # as yaml.load does; scanners take that name for its unsafe use
