"""Forest stages: image features, context features, and boosted forests that are evaluated on the feature maps."""

from .boosting import BoostedForestClassifier
from .machine import PoseMachine
from .settings import CellSampling, ContextFeatures
from .stage import ForestStage

__all__ = ["BoostedForestClassifier", "CellSampling", "ContextFeatures", "ForestStage", "PoseMachine"]
