"""Convolutional stages, and their training by back-propagation. Needs torch."""

from .devices import describe_device
from .machine import ConvPoseMachine
from .stage import ConvStage
from .training import JointTraining

__all__ = ["ConvPoseMachine", "ConvStage", "JointTraining", "describe_device"]
