"""Training of one level of a forest stage."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from .._utils.progress import progress
from . import samples, taps
from .boosting import BoostedForestClassifier
from .descriptor import Descriptor, subject_batches
from .growing import grow_forest
from .settings import CellSampling
from .shares import draw_classes
from .trees import Forest, flatten, start_scores

__all__ = ["LevelTraining", "with_mixtures"]

_OF_THE_FOREST = (
    "n_rounds", "n_trees", "learning_rate", "max_depth", "min_samples_leaf", "max_features", "max_samples", "l2",
    "learner",
)  # fmt: skip


class LevelTraining:
    """Draws cells, computes their descriptors and grows the forest of a level.

    Parameters
    ----------
    stage : ForestStage
        Its parameters are read, nothing is changed.
    descriptor : Descriptor
    """

    def __init__(self, stage, descriptor: Descriptor) -> None:
        self.stage, self.descriptor = stage, descriptor
        self.layout = descriptor.layout
        self.sampling: CellSampling = stage.sampling

    def check(self) -> None:
        """Raise ValueError for parameters that cannot be trained with."""
        self.sampling.check()
        self.descriptor.context.check()
        BoostedForestClassifier(**self._settings())._check_parameters()
        if not self.stage.boosting and self.stage.learner == "xgboost":
            raise ValueError("learner='xgboost' grows boosted forests only; pass boosting=True or another learner")

    def fit(self, level: int, codes, previous, joints, random: np.random.RandomState) -> Forest:
        """The forest of a level.

        Parameters
        ----------
        level : int
        codes : uint8 ndarray of shape (N, C, h, w)
            Image features.
        previous : float32 ndarray of shape (N, M, h, w) or None
        joints : float32 ndarray of shape (N, P, 3)
        random : numpy.random.RandomState
        """
        composites = self.layout.parts(level)
        shown = samples.composite_joints(joints, composites) if level else joints
        if not shown[..., 2].any():
            raise ValueError(
                f"no subject has half of the parts of a composite of level {level + 1} labelled; use levels={level}"
            )
        mixtures = None
        if level and self.layout.n_mixtures > 1:
            mixtures = samples.composite_poses(joints, composites, self.layout.n_mixtures, random)
        labels = self._labels(shown, codes.shape[2:], level)
        own = self.layout.own_maps(level)
        cells = samples.draw_cells(
            labels,
            None if own is None or previous is None else previous[:, own][:, :-1],
            self.sampling.cells_per_subject,
            background=shown.shape[1],
            hard_share=self.sampling.hard_negatives,
            max_cells=max(int(self.sampling.max_cells) >> level, 1),
            random=random,
            n_near=self._n_near(shown),
        )
        targets, unknown = self._targets(shown, labels, cells, level)
        if mixtures is not None:
            targets, unknown = with_mixtures(targets, unknown, mixtures[cells[:, 0]], self.layout.n_mixtures)
        descriptors = self._descriptors(level, codes, previous, cells)
        start = None
        if own is not None and previous is not None and self.stage._is_residual():
            subject, row, column = cells.T
            start = start_scores(previous[:, own][subject, :, row, column])
        return self._grow(descriptors, targets, unknown, start, random)

    def _labels(self, shown: np.ndarray, shape: tuple[int, int], level: int) -> np.ndarray:
        """Class of every cell (N, h, w), without background in subjects that may show an unlabelled part there."""
        labels = samples.label_cells(
            shown,
            shape,
            stride=self.stage.stride,
            positive_radius=self.sampling.positive_radius * (level + 1),
            background_radius=self.sampling.background_radius * (level + 1),
        )
        unknown = samples.incompletely_labelled(shown)
        labels[unknown[:, None, None] & (labels == shown.shape[1])] = samples.EXCLUDED
        return labels

    def _n_near(self, shown: np.ndarray) -> np.ndarray | None:
        """Number of cells near the joints of each subject (N,) that are drawn; None if there are none."""
        if not self.sampling.sigma:
            return None
        wanted = self.sampling.near_cells * (shown[..., 2] > 0).sum(1)
        return wanted if self._completes_targets() else np.where(samples.incompletely_labelled(shown), 0, wanted)

    def _completes_targets(self) -> bool:
        """Whether the learner can be told that a cell may show an unlabelled part."""
        return bool(self.stage.boosting and self.stage.learner != "xgboost")

    def _targets(self, shown, labels, cells, level: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Share of each class in some cells (n, C), and which shares are unknown, (n, C) or None."""
        if not self.sampling.sigma:
            return np.eye(shown.shape[1] + 1, dtype=np.float32)[labels[tuple(cells.T)]], None
        sigma = self.sampling.sigma * (level + 1)
        targets = samples.share_cells(shown, cells, stride=self.stage.stride, sigma=sigma)
        incomplete = samples.incompletely_labelled(shown)
        if not (self._completes_targets() and incomplete.any()):
            return targets, None
        missing = (shown[..., 2] == 0) & shown[..., 2].any(0) & incomplete[:, None]
        return targets, np.concatenate([missing, incomplete[:, None]], 1)[cells[:, 0]]

    def _descriptors(self, level: int, codes, previous, cells: np.ndarray) -> np.ndarray:
        """Descriptors (n, F) of cells (n, 3), sorted by subject; uint8, in column order."""
        bases, pitch, reach = self.descriptor.locate(codes.shape[2:])
        descriptors = np.empty((len(cells), len(bases[level])), np.uint8, order="F")
        end = 0
        for batch in progress(
            subject_batches(len(codes)), "descriptors", shown=self.stage.runtime.verbose, passing=True
        ):
            some = cells[slice(*np.searchsorted(cells[:, 0], (batch.start, batch.stop)))]
            some = some - np.array([batch.start, 0, 0], np.int32)
            maps = self.descriptor.pack(codes[batch], None if previous is None else previous[batch], reach)
            descriptors[end : end + len(some)] = taps.gather(maps, bases[level], pitch, some)
            end += len(some)
        return descriptors

    def _settings(self) -> dict[str, Any]:
        settings = {name: getattr(self.stage, name) for name in _OF_THE_FOREST}
        return settings | {"n_jobs": self.stage.runtime.n_jobs, "verbose": self.stage.runtime.verbose}

    def _grow(self, descriptors, targets, unknown, start, random: np.random.RandomState) -> Forest:
        stage, settings, n_classes = self.stage, self._settings(), targets.shape[1]
        totals = targets.sum(0)
        weights = targets @ (np.maximum(totals, 1) ** -float(self.sampling.class_balance))
        if stage.boosting:
            model = BoostedForestClassifier(**settings, random_state=random)
            seen = np.flatnonzero(totals)
            start, unknown = (None if of_classes is None else of_classes[:, seen] for of_classes in (start, unknown))
            model.fit_shares(descriptors, targets[:, seen], weights, start, unknown=unknown)
            return _with_all_classes(model.forest_, seen, n_classes, unseen=-30.0 if start is None else 0.0)
        n_trees = stage.n_rounds * stage.n_trees
        shared = {name: settings[name] for name in ("max_depth", "min_samples_leaf", "max_features", "n_jobs")}
        if stage.learner == "scikit-learn":
            n_seen = max(round(stage.max_samples * len(targets)), 1)  # a fraction would be one of the weights
            plain = RandomForestClassifier(n_trees, random_state=random, max_samples=n_seen, **shared)
            return flatten(plain.fit(descriptors, draw_classes(targets, random), sample_weight=weights), n_classes)
        shared |= {"max_samples": stage.max_samples, "verbose": settings["verbose"]}
        return grow_forest(descriptors, targets, weights, n_trees=n_trees, random=random, **shared)


def _with_all_classes(forest: Forest, seen: np.ndarray, n_classes: int, *, unseen: float) -> Forest:
    """The forest with a number for every class, and the score `unseen` for those that it was not trained on."""
    if len(seen) == n_classes:
        return forest
    leaves = np.zeros((len(forest.leaves), n_classes), np.float32)
    leaves[:, seen] = forest.leaves
    prior = np.full(n_classes, unseen, np.float32)
    prior[seen] = forest.prior
    return Forest(forest.feature, forest.threshold, forest.child, forest.roots, leaves, prior, forest.softmax)


def with_mixtures(targets, unknown, mixtures: np.ndarray, n_mixtures: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Targets of composites, each divided into its mixture components.

    Parameters
    ----------
    targets : float32 ndarray of shape (n, M+1)
        Background last.
    unknown : bool ndarray of shape (n, M+1) or None
    mixtures : int ndarray of shape (n, M)
        Component of each composite in the subject of each cell.
    n_mixtures : int

    Returns
    -------
    targets, unknown
        With ``M * n_mixtures + 1`` columns.
    """
    own = np.eye(n_mixtures, dtype=np.float32)[mixtures]  # (n, M, K)
    split = (targets[:, :-1, None] * own).reshape(len(targets), own.shape[1] * n_mixtures)
    split = np.concatenate([split, targets[:, -1:]], 1)
    if unknown is not None:
        unknown = np.concatenate([np.repeat(unknown[:, :-1], n_mixtures, axis=1), unknown[:, -1:]], 1)
    return split, unknown
