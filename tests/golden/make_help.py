"""Keeps the help pages' tables of inputs and outputs as the nodes' own schemas say, and writes the English copies.

    COMFYUI_PATH=... python tests/golden/make_help.py

web/docs/ID.md is written by hand but for what stands between "## Inputs" and "## Common mistakes"; ComfyUI asks for
web/docs/ID/en.md first, which is a copy. Read by tests/host/test_help.py.
"""

import asyncio
import json
import re
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
DOCS = PACK / "web" / "docs"
WRITTEN = re.compile(r"## Inputs\n.*?(?=## Common mistakes\n)", re.DOTALL)


def infos() -> dict[str, dict]:
    """What the server says of each node, by its id; the host is importable."""
    from mask_guidance.nodes import MaskGuidanceExtension

    nodes = asyncio.run(MaskGuidanceExtension().get_node_list())
    return {info["name"]: info for info in (node.GET_NODE_INFO_V1() for node in nodes)}


def tables(info: dict) -> str:
    lines = ["## Inputs", "", "| input | default | what it does |", "|---|---|---|"]
    for section in ("required", "optional"):
        for name in info["input_order"].get(section, []):
            _, *options = info["input"][section][name]
            extra = options[0] if options else {}
            lines.append(f"| **{name}** | {shown(extra.get('default'))} | {extra.get('tooltip', '')} |")
    lines += ["", "## Outputs", ""]
    for name, tooltip in zip(info["output_name"], info["output_tooltips"], strict=True):
        lines.append(f"- **{name}**" + (f": {tooltip}" if tooltip else ""))
    return "\n".join([*lines, "", ""])


def shown(default) -> str:
    return "" if default in (None, "") else default if isinstance(default, str) else json.dumps(default)


def page(text: str, info: dict) -> str:
    """A help page with today's tables."""
    return WRITTEN.sub(lambda _: tables(info), text)


def main() -> None:
    from make_locales import import_host

    import_host()
    for node, info in infos().items():
        file = DOCS / f"{node}.md"
        if not file.is_file():
            print(f"{file.relative_to(PACK)} is missing")
            continue
        text = page(file.read_text("utf-8"), info)
        copy = DOCS / node / "en.md"
        copy.parent.mkdir(exist_ok=True)
        for written in (file, copy):
            written.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
