"""What guides a model: its conditionings, with the defaults that a model without text allows."""

import comfy.samplers

from .class_label import conditioning
from .pixel_model import NULL_LABEL, PixelModel

__all__ = ["completed", "guided"]


def completed(model, positive: list | None, negative: list | None, cfg: float) -> tuple[list, list, float]:
    """Positive, negative and cfg; None where nothing is connected.

    Raises:
        ValueError: The model needs a conditioning that is not connected.
    """
    of = of_pixel_model if isinstance(model.model, PixelModel) else of_text_model
    return of(model, positive, negative, cfg)


def guided(model, positive: list, negative: list, cfg: float) -> comfy.samplers.CFGGuider:
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    return guider


def of_pixel_model(model, positive, negative, cfg: float) -> tuple[list, list, float]:
    detection = model.model.detection
    if detection.num_classes is None:
        return conditioning(), conditioning(), 1.0
    if positive is None and detection.null_class is None:
        raise ValueError(f"This model has {detection.num_classes} classes; connect a Class Label node to 'positive'.")
    if positive is None:  # nothing to follow, and so nothing to follow harder
        return conditioning(NULL_LABEL), conditioning(NULL_LABEL), 1.0
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
