"""Forest stages: image features, context features, and boosted forests that walk on them."""

from .boosting import BoostedForestClassifier
from .machine import PoseMachine
from .stage import ForestStage

__all__ = ["BoostedForestClassifier", "ForestStage", "PoseMachine"]
