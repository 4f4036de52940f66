"""Writes the help pages' lists of inputs and outputs: as the nodes' own schemas say, in each language of locales/.

    COMFYUI_PATH=... python tests/golden/make_help.py

web/docs/ID.md (English) and web/docs/ID/LANGUAGE.md are written by hand but for the sections "Inputs" and "Outputs". For a
new node, write its pages without these two: the script puts them before "Sources", or at the end. ComfyUI's page asks for
ID/LANGUAGE.md first, and then, in every language, for ID.md. Read by tests/host/test_help.py.
"""

import re
from dataclasses import dataclass

from host_nodes import PACK, import_host, infos
from make_locales import read, texts

DOCS = PACK / "web" / "docs"
LARGEST = 2**31  # a range that ends beyond, as of seeds, is no help


@dataclass(frozen=True)
class Words:
    """What a language says in the lists; `mistakes` and `sources` are headings that pages have besides."""

    inputs: str
    advanced: str
    outputs: str
    mistakes: str
    sources: str
    kinds: dict[str, str]
    optional: str
    default: str  # with its value
    off_on: tuple[str, str]
    between: str  # with two numbers
    least: str  # with one
    comma: str
    brackets: str  # with what stands in them
    colon: str


WORDS = {
    "en": Words(
        inputs="Inputs",
        advanced="Advanced inputs",
        outputs="Outputs",
        mistakes="Common mistakes",
        sources="Sources",
        kinds={"INT": "whole number", "FLOAT": "number", "STRING": "text", "BOOLEAN": "on or off", "COMBO": "choice"},
        optional="optional",
        default="default {}",
        off_on=("off", "on"),
        between="{} to {}",
        least="from {}",
        comma=", ",
        brackets=" ({})",
        colon=": ",
    ),
    "zh": Words(
        inputs="输入",
        advanced="高级输入",
        outputs="输出",
        mistakes="常见错误",
        sources="文献",
        kinds={"INT": "整数", "FLOAT": "数值", "STRING": "文本", "BOOLEAN": "开或关", "COMBO": "选项"},
        optional="可选",
        default="默认 {}",
        off_on=("关", "开"),
        between="{} 到 {}",
        least="从 {} 起",
        comma="，",
        brackets="（{}）",
        colon="：",
    ),
}


def lists(info: dict, said: dict, words: Words) -> str:
    """Both sections of a node whose texts are `said`, as in locales/."""
    plain, advanced = [], []
    for section in ("required", "optional"):
        for name in info["input_order"].get(section, []):
            kind, *options = info["input"][section][name]
            extra = options[0] if options else {}
            about = described(kind, extra, section == "optional", words)
            line = entry(said["inputs"][name], name, about, words)
            (advanced if extra.get("advanced") else plain).append(line)
    lines = [f"## {words.inputs}", "", *plain]
    if advanced:
        lines += ["", f"### {words.advanced}", "", *advanced]
    lines += ["", f"## {words.outputs}", ""]
    lines += [entry(text, text["name"], [], words) for text in said["outputs"].values()]
    return "\n".join([*lines, "", ""])


def entry(text: dict, name: str, about: list[str], words: Words) -> str:
    """One line of a list: the name as the node shows it, the one that files use where it is another, what goes in."""
    about = [*([f"`{name}`"] if text["name"] != name else []), *about]
    brackets = words.brackets.format(words.comma.join(about)) if about else ""
    return f"- **{text['name']}**{brackets}" + (words.colon + text["tooltip"] if "tooltip" in text else "")


def described(kind, extra: dict, optional: bool, words: Words) -> list[str]:
    """What an input takes: its type, range and default."""
    kind = "COMBO" if isinstance(kind, list) else kind
    default = extra.get("default")
    if kind not in words.kinds:
        return [kind, *([words.optional] if optional else [])]
    found = [words.kinds[kind]]
    least, most = extra.get("min"), extra.get("max")
    if least is not None:
        found.append(words.between.format(least, most) if most < LARGEST else words.least.format(least))
    if isinstance(default, bool):
        default = words.off_on[default]
    if default not in (None, ""):
        found.append(words.default.format(default))
    return found


def page(text: str, info: dict, said: dict, words: Words) -> str:
    """A help page with today's lists."""
    section = r"## {}\n(?:(?!## ).*\n?)*"
    written = re.compile(section.format(words.inputs) + section.format(words.outputs))
    today = lists(info, said, words)
    if written.search(text):
        return written.sub(lambda _: today, text).rstrip() + "\n"
    before, heading, after = (text.rstrip() + "\n\n").partition(f"## {words.sources}\n")
    return (before + today + heading + after).rstrip() + "\n"


def file_of(node: str, language: str):
    return DOCS / (f"{node}.md" if language == "en" else f"{node}/{language}.md")


def main() -> None:
    import_host()
    known = infos()
    for language, words in WORDS.items():
        said = {node: texts(info) for node, info in known.items()} if language == "en" else read(language)
        for node, info in known.items():
            file = file_of(node, language)
            if file.is_file() and node in said:
                file.write_text(page(file.read_text("utf-8"), info, said[node], words), encoding="utf-8")
            else:
                print(f"{file.relative_to(PACK)} or its texts in locales/{language} are missing")


if __name__ == "__main__":
    main()
