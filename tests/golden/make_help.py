"""Writes the help pages' tables of inputs and outputs as the nodes' own schemas say.

    COMFYUI_PATH=... python tests/golden/make_help.py

web/docs/ID.md is written by hand but for what stands between "## Inputs" and "## Common mistakes". Read by
tests/host/test_help.py.
"""

import json
import re

from host_nodes import PACK, import_host, infos

DOCS = PACK / "web" / "docs"
WRITTEN = re.compile(r"## Inputs\n.*?(?=## Common mistakes\n)", re.DOTALL)


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
    import_host()
    for node, info in infos().items():
        file = DOCS / f"{node}.md"
        if file.is_file():
            file.write_text(page(file.read_text("utf-8"), info), encoding="utf-8")
        else:
            print(f"{file.relative_to(PACK)} is missing")


if __name__ == "__main__":
    main()
