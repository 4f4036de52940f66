"""The names of a model's classes."""

from ..sampler.checkpoint import Detection

__all__ = ["names_of"]

IMAGENET_CLASSES = 1000


def names_of(detection: Detection) -> tuple[str, ...]:
    """Its own, else ImageNet's where the number of classes says so, else none."""
    if detection.class_names or detection.num_classes != IMAGENET_CLASSES:
        return detection.class_names
    from torchvision.models import ResNet50_Weights  # part of the host; its table of names, no weights

    return tuple(ResNet50_Weights.DEFAULT.meta["categories"])
