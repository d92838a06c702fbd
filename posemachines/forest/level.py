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
from .trees import Forest, flatten, start_scores

__all__ = ["LevelTraining"]

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
        labels = self._labels(shown, codes.shape[2:], level)
        background = self.layout.n_classes(level) - 1
        if level and self.layout.n_mixtures > 1:
            mixture = samples.composite_poses(joints, composites, self.layout.n_mixtures, random)
            labels = _with_mixtures(labels, mixture, self.layout.n_mixtures)
        own = self.layout.own_maps(level)
        cells = samples.draw_cells(
            labels,
            None if own is None or previous is None else previous[:, own][:, :-1],
            self.sampling.cells_per_subject,
            background=background,
            hard_share=self.sampling.hard_negatives,
            max_cells=max(int(self.sampling.max_cells) >> level, 1),
            random=random,
        )
        classes = labels[tuple(cells.T)].astype(np.int64)
        descriptors = self._descriptors(level, codes, previous, cells)
        start = None
        if own is not None and previous is not None and self.stage._is_residual():
            subject, row, column = cells.T
            start = start_scores(previous[:, own][subject, :, row, column])
        return self._grow(descriptors, classes, background + 1, start, random)

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
        labels[unknown[:, None, None] & (labels == shown.shape[1])] = samples.AMBIGUOUS
        return labels

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

    def _grow(self, descriptors, classes, n_classes: int, start, random: np.random.RandomState) -> Forest:
        stage, settings = self.stage, self._settings()
        counts = np.bincount(classes, minlength=n_classes)
        weights = (np.maximum(counts, 1) ** -float(self.sampling.class_balance))[classes]
        if stage.boosting:
            model = BoostedForestClassifier(**settings, random_state=random)
            seen = np.flatnonzero(counts)
            model.fit(descriptors, classes, weights, None if start is None else start[:, seen])
            return _with_all_classes(model.forest_, seen, n_classes, unseen=-30.0 if start is None else 0.0)
        n_trees = stage.n_rounds * stage.n_trees
        shared = {name: settings[name] for name in ("max_depth", "min_samples_leaf", "max_features", "n_jobs")}
        if stage.learner == "scikit-learn":
            n_seen = max(round(stage.max_samples * len(classes)), 1)  # a fraction would be one of the weights
            plain = RandomForestClassifier(n_trees, random_state=random, max_samples=n_seen, **shared)
            return flatten(plain.fit(descriptors, classes, sample_weight=weights), n_classes)
        shared |= {"max_samples": stage.max_samples, "verbose": settings["verbose"]}
        return grow_forest(descriptors, classes, weights, n_classes, n_trees=n_trees, random=random, **shared)


def _with_all_classes(forest: Forest, seen: np.ndarray, n_classes: int, *, unseen: float) -> Forest:
    """The forest with a number for every class, and the score `unseen` for those that it was not trained on."""
    if len(seen) == n_classes:
        return forest
    leaves = np.zeros((len(forest.leaves), n_classes), np.float32)
    leaves[:, seen] = forest.leaves
    prior = np.full(n_classes, unseen, np.float32)
    prior[seen] = forest.prior
    return Forest(forest.feature, forest.threshold, forest.child, forest.roots, leaves, prior, forest.softmax)


def _with_mixtures(labels: np.ndarray, mixtures: np.ndarray, n_mixtures: int) -> np.ndarray:
    """Labels (N, h, w) of composites, each split into its mixture components (N, M)."""
    n_composites = mixtures.shape[1]
    table = np.arange(n_composites) * n_mixtures + mixtures
    people = np.broadcast_to(np.arange(len(labels))[:, None, None], labels.shape)
    split = np.where(labels == n_composites, n_composites * n_mixtures, labels)
    shown = (labels >= 0) & (labels < n_composites)
    split[shown] = table[people[shown], labels[shown]]
    return split
