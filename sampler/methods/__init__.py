"""The ways to sample; each file holds one, this one lists them. A new one is its file and its row."""

from .distilled import DISTILLED
from .feedback import FEEDBACK
from .kriged import KRIGED
from .method import Denoise, Descent, Method, Step
from .repaint import REPAINT

__all__ = ["METHODS", "Denoise", "Descent", "Method", "Step"]

METHODS: dict[str, Method] = {method.name: method for method in (FEEDBACK, KRIGED, REPAINT, DISTILLED)}
