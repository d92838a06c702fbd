"""Measures of accuracy, in plain numpy."""

from .pck import normalised_distances, pck, pck_curve, pooled_pck, reference_length

__all__ = ["normalised_distances", "pck", "pck_curve", "pooled_pck", "reference_length"]
