"""Half types (the host's --fp16-intermediates), and what must not be computed in them."""

import torch
from torch import Tensor

__all__ = ["widened"]


def widened(values: Tensor) -> Tensor:
    """float32 in place of a half type, whose sums overflow, whose small shares vanish, and which some steps do not take.

    Other types come back as they are, without a copy. Half values survive there and back to the bit.
    """
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
