"""The classic and the deep Pose Machine behind one interface."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "BoostedForestClassifier": "forest",
    "ConvPoseMachine": "conv",
    "ConvStage": "conv",
    "ForestStage": "forest",
    "JointTraining": "conv",
    "PeopleDataset": "datasets",
    "PoseMachine": "forest",
    "SequentialMachine": "machine",
    "Skeleton": "skeleton",
    "Stacked": "training",
    "StagewiseTraining": "conv",
    "Stage": "stage",
    "load": "files",
}
_MODULES = frozenset(
    {
        "beliefs",
        "conv",
        "cost",
        "crops",
        "datasets",
        "evaluation",
        "forest",
        "metrics",
        "photos",
        "report",
        "testing",
        "visualize",
    }
)

__all__ = [
    "BoostedForestClassifier",
    "ConvPoseMachine",
    "ConvStage",
    "ForestStage",
    "JointTraining",
    "PeopleDataset",
    "PoseMachine",
    "SequentialMachine",
    "Skeleton",
    "Stacked",
    "Stage",
    "StagewiseTraining",
    "__version__",
    "load",
]

if TYPE_CHECKING:
    from .conv import ConvPoseMachine, ConvStage, JointTraining, StagewiseTraining
    from .datasets import PeopleDataset
    from .files import load
    from .forest import BoostedForestClassifier, ForestStage, PoseMachine
    from .machine import SequentialMachine
    from .skeleton import Skeleton
    from .stage import Stage
    from .training import Stacked


def __getattr__(name: str):
    """Public names are imported when they are first asked for, so that importing the package costs nothing."""
    if name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    elif name in _MODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
