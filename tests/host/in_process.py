"""The host's modules in this process, started as its own main.py would."""

import sys

__all__ = ["start_host"]


def start_host(path: str, *arguments: str) -> None:
    """Make `comfy`, `nodes` and the rest importable.

    Args:
        path: Folder of a ComfyUI.
        arguments: Of its command line, `--cpu` for example.
    """
    given, sys.argv = sys.argv, ["main.py", *arguments]
    sys.path.insert(0, path)
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.cli_args
    import utils.extra_config  # noqa: F401 - before nodes.py, which in older hosts puts a folder with a utils.py on the path

    sys.argv = given
    if getattr(comfy.cli_args.args, "enable_dynamic_vram", False):  # older hosts know nothing of it
        turn_on_dynamic_vram()


def turn_on_dynamic_vram() -> None:
    """What the host's main.py, which is not run here, does at its start."""
    import comfy_aimdo.control

    comfy_aimdo.control.init()  # before anything is on the card
    import comfy.memory_management
    import comfy.model_management
    import comfy.model_patcher

    devices = [device.index for device in comfy.model_management.get_all_torch_devices()]
    if not comfy_aimdo.control.init_devices(devices):
        raise RuntimeError(f"Dynamic VRAM could not be turned on: comfy-aimdo found no card among {devices}.")
    comfy.model_patcher.CoreModelPatcher = comfy.model_patcher.ModelPatcherDynamic
    comfy.memory_management.aimdo_enabled = True
