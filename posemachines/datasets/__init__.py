"""Data sets of labelled people, real and drawn."""

from .figures import draw_figures
from .lsp import load_lsp, load_lspet
from .people import Crops, PeopleDataset

__all__ = ["Crops", "PeopleDataset", "draw_figures", "load_lsp", "load_lspet"]
