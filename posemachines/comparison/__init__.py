"""Comparison of machines: which one to use on new photos, tested by cross-validation or on a test set."""

from .comparing import compare
from .run import Comparison
from .validated import ValidatedComparison

__all__ = ["Comparison", "ValidatedComparison", "compare"]
