"""Names that :class:`PoseDataset` had before; each still works and warns."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["OldAttributes", "accept_old_keywords", "accept_old_split", "renamed"]

RULES = ("joints", "box", "photo")


def renamed(old: str, new: str, *, depth: int = 3) -> None:
    """Warn that `old` is deprecated; `depth` is the number of frames to the caller."""
    warnings.warn(f"{old} is deprecated; use {new}", DeprecationWarning, stacklevel=depth)


def accept_old_keywords(init: Callable) -> Callable:
    """`PoseDataset.__init__` that also takes rule and frame, which became crop_rule, and fill, which is 1 / padding."""

    @functools.wraps(init)
    def accepting(self, *args, **keywords: Any) -> None:
        for old in ("fill", "frame", "rule"):
            if old not in keywords:
                continue
            new = "padding" if old == "fill" else "crop_rule"
            value = keywords.pop(old)
            renamed(f"PoseDataset({old}=)", f"{new}=", depth=4)
            if value is None:
                continue
            if old == "rule" and value not in RULES:
                keywords.setdefault("crop_rule", value)  # `frame`, if given, names the rule
            elif new in keywords:
                raise TypeError(f"PoseDataset() got both {old}= and {new}=, its new name; pass {new}= only")
            else:
                keywords[new] = _padding(value) if old == "fill" else value
        init(self, *args, **keywords)

    return accepting


def _padding(fill: float) -> float:
    if not 0 < fill <= 4:
        raise ValueError(f"fill is a share of the crop's side, about 0.7; got {fill}")
    return 1 / fill


def accept_old_split(split: Callable) -> Callable:
    """`PoseDataset.split` that also takes the number, or share, of subjects in the first half by position."""

    @functools.wraps(split)
    def accepting(self, *first, **keywords: Any):
        if not first:
            return split(self, **keywords)
        renamed("split(n_first)", "split(test=...), which divides by photo and group, or slices of the dataset")
        return _split_subjects(self, *first, **keywords)

    return accepting


def _split_subjects(dataset, n_first: int | float, *, random_state: int | None = None):
    n = round(n_first * len(dataset)) if isinstance(n_first, float) else n_first
    if not 0 < n < len(dataset):
        raise ValueError(f"cannot put {n_first} of {len(dataset)} subjects first: neither part may be empty")
    order = np.arange(len(dataset))
    if random_state is not None:
        order = np.random.default_rng(random_state).permutation(order)
    return dataset[order[:n]], dataset[order[n:]]


class OldAttributes:
    """The old attributes, read-only."""

    crop_rule: str
    padding: float
    person_size: np.ndarray
    reference_length: np.ndarray | None
    side_convention: str

    @property
    def view(self) -> str:
        """Deprecated: `side_convention`."""
        renamed("PoseDataset.view", "side_convention")
        return self.side_convention

    @property
    def rule(self) -> str:
        """Deprecated: `crop_rule`, "given" for the rules that have a name of their own."""
        renamed("PoseDataset.rule", "crop_rule")
        return self.crop_rule if self.crop_rule in RULES else "given"

    @property
    def frame(self) -> str | None:
        """Deprecated: `crop_rule` where it is a published one."""
        renamed("PoseDataset.frame", "crop_rule")
        return None if self.crop_rule in (*RULES, "given") else self.crop_rule

    @property
    def fill(self) -> float:
        """Deprecated: 1 / `padding`."""
        renamed("PoseDataset.fill", "padding, which is 1 / fill")
        return 1 / self.padding

    @property
    def scale(self) -> np.ndarray:
        """Deprecated: `person_size`."""
        renamed("PoseDataset.scale", "person_size")
        return self.person_size

    @property
    def reference(self) -> np.ndarray | None:
        """Deprecated: `reference_length`."""
        renamed("PoseDataset.reference", "reference_length")
        return self.reference_length
