"""Data sets of labelled people, real and drawn."""

from .by_name import load_people
from .coco import load_coco, write_coco, write_coco_results
from .deeplabcut import load_deeplabcut, write_deeplabcut
from .downloads import fetch
from .figures import draw_figures
from .flic import load_flic
from .lsp import load_lsp, load_lspet
from .mpii import load_mpii
from .people import Crops, PeopleDataset
from .validation import Finding, Validation, validate

__all__ = [
    "Crops",
    "Finding",
    "PeopleDataset",
    "Validation",
    "draw_figures",
    "fetch",
    "load_coco",
    "load_deeplabcut",
    "load_flic",
    "load_lsp",
    "load_lspet",
    "load_mpii",
    "load_people",
    "validate",
    "write_coco",
    "write_coco_results",
    "write_deeplabcut",
]
