"""What guides a model: its conditionings, with the defaults that a model without text allows."""

import comfy.samplers

from .class_label import conditioning
from .pixel_model import NULL_LABEL, PixelModel

__all__ = ["Guidance"]


class Guidance:
    """Conditionings and how strongly they are followed.

    Args:
        model: The MODEL.
        positive: What to paint; None where the model needs none.
        negative: What to lead away from; None for the model's own default.
        cfg: How strongly positive is followed over negative.

    Raises:
        ValueError: The model needs a conditioning that is not connected.
    """

    def __init__(self, model, positive: list | None, negative: list | None, cfg: float):
        self.model = model
        own = isinstance(model.model, PixelModel)
        self.positive, self.negative, self.cfg = (of_pixel_model if own else of_text_model)(
            model, positive, negative, cfg
        )

    def guider(self) -> comfy.samplers.CFGGuider:
        guider = comfy.samplers.CFGGuider(self.model)
        guider.set_conds(self.positive, self.negative)
        guider.set_cfg(self.cfg)
        return guider


def of_pixel_model(model, positive, negative, cfg: float) -> tuple[list, list, float]:
    detection = model.model.detection
    if detection.unet.num_classes is None:
        return conditioning(), conditioning(), 1.0
    if positive is None:
        raise ValueError(
            f"This model has {detection.unet.num_classes} classes; connect a Class Label node to 'positive'."
        )
    if negative is None and cfg != 1 and detection.null_class is None:
        raise ValueError(
            f"cfg is {cfg:g}, which compares two classes; connect a Class Label to 'negative', or set cfg to 1."
        )
    return positive, conditioning(NULL_LABEL) if negative is None else negative, cfg


def of_text_model(model, positive, negative, cfg: float) -> tuple[list, list, float]:
    if positive is None:
        raise ValueError("This model is guided by text; connect CLIP Text Encode (or its like) to 'positive'.")
    if negative is None and cfg != 1:
        raise ValueError(f"cfg is {cfg:g}, which needs a negative; connect one to 'negative', or set cfg to 1.")
    return positive, positive if negative is None else negative, cfg
