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
