"""What the host says of the pack's nodes: the source of the help pages' tables and of the English texts."""

import asyncio
import os
import sys
import types
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]


def import_host() -> None:
    """Make the ComfyUI at COMFYUI_PATH importable, started for the CPU, and the pack as `mask_guidance`; once is enough."""
    if "mask_guidance" in sys.modules:
        return
    if "COMFYUI_PATH" not in os.environ:
        sys.exit(
            "COMFYUI_PATH is not set: give the folder of a ComfyUI, such as .run/host-0.30.0 after `python run.py`"
        )
    package = types.ModuleType("mask_guidance")
    package.__path__ = [str(PACK)]
    sys.modules["mask_guidance"] = package
    sys.argv = ["main.py", "--cpu"]
    sys.path.insert(0, os.environ["COMFYUI_PATH"])
    import comfy.options

    comfy.options.enable_args_parsing()
    from mask_guidance.nodes import model_folder

    model_folder.register()


def infos() -> dict[str, dict]:
    """What the server says of each node, by its id; the host is importable."""
    from mask_guidance.nodes import MaskGuidanceExtension

    nodes = asyncio.run(MaskGuidanceExtension().get_node_list())
    return {info["name"]: info for info in (node.GET_NODE_INFO_V1() for node in nodes)}
