"""Comparison of machines on one dataset: the machines that are known by name, the cache of trained ones, the run."""

from .run import Comparison, compare

__all__ = ["Comparison", "compare"]
