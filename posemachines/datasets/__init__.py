"""Data sets of labelled people, real and drawn."""

from .coco import load_coco, write_coco, write_coco_results
from .deeplabcut import load_deeplabcut, write_deeplabcut
from .figures import draw_figures
from .flic import load_flic
from .lsp import load_lsp, load_lspet
from .mpii import load_mpii
from .people import Crops, PeopleDataset

__all__ = [
    "Crops",
    "PeopleDataset",
    "draw_figures",
    "load_coco",
    "load_deeplabcut",
    "load_flic",
    "load_lsp",
    "load_lspet",
    "load_mpii",
    "write_coco",
    "write_coco_results",
    "write_deeplabcut",
]
