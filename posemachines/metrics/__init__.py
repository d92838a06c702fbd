"""Measures of accuracy, in plain numpy."""

from .calibration import Reliability, reliability
from .pck import normalised_distances, pck, pck_curve, pooled_pck, reference_length

__all__ = [
    "Reliability",
    "normalised_distances",
    "pck",
    "pck_curve",
    "pooled_pck",
    "reference_length",
    "reliability",
]
