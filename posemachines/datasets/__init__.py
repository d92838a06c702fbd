"""Data sets of labelled subjects, published and synthetic."""

import importlib
import warnings

from ..io.coco_writer import write_coco, write_coco_results
from ..io.deeplabcut import write_deeplabcut
from .coco import load_coco
from .crop_choice import CropChoice, CropShape, choose_crop_rule, choose_crop_shape
from .crops import Crops
from .cross_validation import Folds, folds
from .deeplabcut import load_deeplabcut
from .downloads import fetch
from .flic import load_flic
from .grouping import find_groups
from .groups import Groups
from .loading import load_dataset, load_people
from .lsp import load_lsp, load_lspet
from .mpii import load_mpii
from .pose_dataset import PoseDataset
from .recordings import time_blocks
from .synthetic.figures import make_synthetic
from .writing import dataset_of_poses, write_dataset

__all__ = [
    "CropChoice",
    "CropShape",
    "Crops",
    "Folds",
    "Groups",
    "PoseDataset",
    "choose_crop_rule",
    "choose_crop_shape",
    "dataset_of_poses",
    "fetch",
    "find_groups",
    "folds",
    "load_coco",
    "load_dataset",
    "load_deeplabcut",
    "load_flic",
    "load_lsp",
    "load_lspet",
    "load_mpii",
    "load_people",
    "make_synthetic",
    "time_blocks",
    "write_coco",
    "write_coco_results",
    "write_dataset",
    "write_deeplabcut",
]

_OLD_NAMES = {
    "Finding": "posemachines.labels",
    "Validation": "posemachines.labels",
    "validate": "posemachines.labels",
}


def __getattr__(name: str):
    """Names that moved, with a warning."""
    if name in _OLD_NAMES:
        warnings.warn(f"{name} moved to {_OLD_NAMES[name]}", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(_OLD_NAMES[name]), name)
    if name == "draw_figures":
        warnings.warn("draw_figures is now make_synthetic", DeprecationWarning, stacklevel=2)
        return make_synthetic
    if name == "PeopleDataset":
        warnings.warn("PeopleDataset is now PoseDataset", DeprecationWarning, stacklevel=2)
        return PoseDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
