"""The wheel's long description: the README with its links as addresses, for a package index has none of the files."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)(\[[^]]*\])\((?:<([^>]+)>|([^)<#:]+))\)")  # into the checkout: an address has a colon


class Readme(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        repository, version = metadata["urls"]["Repository"], metadata["version"]

        def address(link: re.Match[str]) -> str:
            picture, words, spaced, plain = link.groups()
            return f"{picture}{words}({repository}/{'raw' if picture else 'blob'}/v{version}/{quote(spaced or plain)})"

        text = LINK.sub(address, (Path(self.root) / "README.md").read_text("utf-8"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
