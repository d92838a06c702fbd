"""Backbones with weights trained on ImageNet, and the features that they compute of a crop."""

from .efficientnet import BACKBONES, STRIDES, EfficientNetLite, check_backbone
from .sampling import resample
from .weights import load_moments, load_weights

__all__ = ["BACKBONES", "STRIDES", "EfficientNetLite", "check_backbone", "load_moments", "load_weights", "resample"]
