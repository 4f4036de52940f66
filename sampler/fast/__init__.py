"""Layers that are faster on a processor, in plain torch and without a compiler, equal to the plain ones but for rounding.

conv.py      which convolution goes which way, and norm and activation on the way to it
winograd.py  3x3 convolutions with a quarter of the products
packed.py    weights in the order that oneDNN's kernels read
moments.py   a norm as a factor and a summand
memory.py    how much of it that takes
packs.py     what is kept beside the weights, and when it is dropped
"""

from .conv import FastConv, conv_class
from .memory import expected_bytes, working_bytes
from .moments import Modulation
from .packed import bfloat16_is_fast
from .packs import Packs

__all__ = ["FastConv", "Modulation", "Packs", "bfloat16_is_fast", "conv_class", "expected_bytes", "working_bytes"]
