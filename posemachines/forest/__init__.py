"""Forest stages: image features, context features, and trees that walk on them."""

from .machine import PoseMachine
from .stage import ForestStage

__all__ = ["ForestStage", "PoseMachine"]
