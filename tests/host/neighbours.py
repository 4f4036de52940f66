"""What a node must leave as it was: everything it was given, and everything that the whole process shares."""

import dataclasses
import hashlib
import locale
import logging
import os
import random
import signal
import sys
import warnings
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = ["fingerprint", "shared_state"]

SIGNALS = ("SIGINT", "SIGTERM")


def fingerprint(value: Any) -> Any:
    """Something equal for equal values: bytes, shapes and types of tensors, whatever holds them."""
    if isinstance(value, Tensor):
        raw = value.detach().contiguous().view(-1).view(torch.uint8) if value.numel() else value
        return (
            hashlib.sha256(raw.cpu().numpy().tobytes()).hexdigest(),
            tuple(value.shape),
            value.stride(),
            str(value.dtype),
        )
    if isinstance(value, dict):
        return [(key, fingerprint(each)) for key, each in value.items()]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(fingerprint, value)]
    if dataclasses.is_dataclass(value):
        return [(each.name, fingerprint(getattr(value, each.name))) for each in dataclasses.fields(value)]
    if hasattr(value, "model_options"):  # a MODEL
        weights = value.model.state_dict()
        return fingerprint([weights, value.model_options, sorted(value.patches), sorted(value.object_patches)])
    return value


def shared_state() -> dict[str, Any]:
    """What any other node of the process would notice."""
    kind, words, *rest = np.random.get_state()
    return {
        "torch's generator": torch.get_rng_state().tolist(),
        "Python's generator": random.getstate(),
        "numpy's generator": (kind, words.tolist(), rest),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "cuDNN": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "numpy's errors": np.geterr(),
        "print options": (np.get_printoptions(), dataclasses.asdict(torch._tensor_str.PRINT_OPTS)),
        "largest picture": Image.MAX_IMAGE_PIXELS,
        "warnings": list(warnings.filters),
        "loggers": (logging.root.level, list(logging.root.handlers)),
        "locale": locale.setlocale(locale.LC_ALL),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "import path": list(sys.path),
        "recursion": sys.getrecursionlimit(),
        "signals": [signal.getsignal(getattr(signal, name)) for name in SIGNALS],
        "streams": (sys.stdout, sys.stderr, sys.excepthook),
    }
