"""The pack's nodes; each file holds one family, extension.py and model_nodes.py list them."""

from .needed import check_host

check_host()  # before the nodes, whose first missing name would be a traceback

from .extension import MaskGuidanceExtension  # noqa: E402

__all__ = ["MaskGuidanceExtension"]
