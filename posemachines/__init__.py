"""The classic and the deep Pose Machine behind one interface."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING

from ._utils.moved_modules import install as _accept_old_modules

__version__ = "0.1.0"

_HOMES = {
    "Augmentation": "conv",
    "BoostedForestClassifier": "forest",
    "CellSampling": "forest",
    "ContextFeatures": "forest",
    "ConvPoseMachine": "conv",
    "ConvStage": "conv",
    "ForestStage": "forest",
    "JointTraining": "conv",
    "LocatedMachine": "located_machine",
    "PoseDataset": "datasets",
    "PoseMachine": "forest",
    "Runtime": "stage",
    "SequentialMachine": "machine",
    "Skeleton": "skeleton",
    "StackedTraining": "training",
    "Stage": "stage",
    "StagewiseTraining": "conv",
    "compare": "comparison",
    "evaluate": "evaluation",
    "load": "io.machine_files",
    "load_dataset": "datasets",
}
_CALLED_THERE = {"load": "load_machine"}  # names that differ in their modules
_MODULES = frozenset(
    {
        "beliefs", "comparison", "conv", "datasets", "evaluation", "forest", "geometry", "inference", "io", "labels",
        "metrics", "photos", "profiling", "report", "testing", "training", "visualize",
    }
)  # fmt: skip
_RENAMED = {
    "PeopleDataset": "PoseDataset", "Stacked": "StackedTraining", "cost": "profiling", "crops": "geometry",
}  # fmt: skip

__all__ = [
    "Augmentation",
    "BoostedForestClassifier",
    "CellSampling",
    "ContextFeatures",
    "ConvPoseMachine",
    "ConvStage",
    "ForestStage",
    "JointTraining",
    "LocatedMachine",
    "PoseDataset",
    "PoseMachine",
    "Runtime",
    "SequentialMachine",
    "Skeleton",
    "StackedTraining",
    "Stage",
    "StagewiseTraining",
    "__version__",
    "beliefs",
    "compare",
    "comparison",
    "conv",
    "datasets",
    "evaluate",
    "evaluation",
    "forest",
    "geometry",
    "inference",
    "io",
    "labels",
    "load",
    "load_dataset",
    "metrics",
    "photos",
    "profiling",
    "report",
    "testing",
    "training",
    "visualize",
]

if TYPE_CHECKING:
    from .comparison import compare
    from .conv import Augmentation, ConvPoseMachine, ConvStage, JointTraining, StagewiseTraining
    from .datasets import PoseDataset, load_dataset
    from .evaluation import evaluate
    from .forest import BoostedForestClassifier, CellSampling, ContextFeatures, ForestStage, PoseMachine
    from .io.machine_files import load_machine as load
    from .located_machine import LocatedMachine
    from .machine import SequentialMachine
    from .skeleton import Skeleton
    from .stage import Runtime, Stage
    from .training import StackedTraining


def __getattr__(name: str):
    """Import a public name when it is first used, so that importing the package is cheap."""
    if name in _RENAMED:
        warnings.warn(
            f"posemachines.{name} is deprecated; use posemachines.{_RENAMED[name]}", DeprecationWarning, stacklevel=2
        )
        return __getattr__(_RENAMED[name])
    if name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), _CALLED_THERE.get(name, name))
    elif name in _MODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


_accept_old_modules()
