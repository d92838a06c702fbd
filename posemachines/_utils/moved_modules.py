"""Modules that have moved: importing one by its old name works, with a DeprecationWarning."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder

__all__ = ["MOVED", "install"]

MOVED = {
    "posemachines.crops": "posemachines.geometry",
    "posemachines.cost": "posemachines.profiling.cost",
    "posemachines.checkpoint": "posemachines.training.checkpoints",
    "posemachines.views": "posemachines.training.copies",
    "posemachines.protocols": "posemachines.evaluation.protocols",
    "posemachines.truth": "posemachines.evaluation.ground_truth",
    "posemachines.files": "posemachines.io.machine_files",
    "posemachines.prediction_files": "posemachines.io.predictions",
    "posemachines.label_page": "posemachines.labels.page",
    "posemachines.conv.facts": "posemachines.conv.networks.facts",
    "posemachines.conv.caffe": "posemachines.conv.convert.caffe",
    "posemachines.datasets.figures": "posemachines.datasets.synthetic.figures",
    "posemachines.datasets.people": "posemachines.datasets.pose_dataset",
    "posemachines.datasets.validation": "posemachines.labels.validation",
}


class _Finder(MetaPathFinder, Loader):
    def __init__(self) -> None:
        self.specs: dict = {}

    def find_spec(self, fullname, path=None, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname in MOVED else None

    def create_module(self, spec):
        warnings.warn(f"{spec.name} has moved to {MOVED[spec.name]}", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(MOVED[spec.name])
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module):
        """The module is complete; only its own spec, which the import system replaced, is put back."""
        module.__spec__ = self.specs.pop(module.__spec__.name)


def install() -> None:
    """Let the import system know the old names."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
