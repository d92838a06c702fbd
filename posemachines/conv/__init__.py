"""Convolutional stages, and their training by back-propagation. Needs torch."""

from .devices import describe_device
from .facts import NetworkFacts, network_facts
from .machine import ConvPoseMachine
from .networks import build_network
from .stage import ConvStage
from .training import JointTraining, StagewiseTraining

__all__ = [
    "ConvPoseMachine",
    "ConvStage",
    "JointTraining",
    "NetworkFacts",
    "StagewiseTraining",
    "build_network",
    "describe_device",
    "network_facts",
]
