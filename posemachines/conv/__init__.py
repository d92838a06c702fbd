"""Convolutional stages, their networks and their training by back-propagation. Needs PyTorch."""

from .devices import describe_device
from .machine import ConvPoseMachine
from .networks import NetworkFacts, build_network, network_facts
from .stage import ConvStage
from .training import Augmentation, JointTraining, StagewiseTraining, resolve_epochs

__all__ = [
    "Augmentation",
    "ConvPoseMachine",
    "ConvStage",
    "JointTraining",
    "NetworkFacts",
    "StagewiseTraining",
    "build_network",
    "describe_device",
    "network_facts",
    "resolve_epochs",
]
