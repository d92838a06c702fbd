"""The stage of the pose machine of 2014: a random forest over image and context features."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import contextmanager
from typing import Any

import joblib
import numba
import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.utils import check_random_state

from ..beliefs import flip_beliefs
from ..progress import progress
from ..stage import Stage
from . import features, psi, samples, taps
from .growing import grow_forest
from .trees import Forest, flatten

__all__ = ["ForestStage"]

_SCIKIT_LEARN = {"extra_trees": ExtraTreesClassifier, "random_forest": RandomForestClassifier}
_LEARNERS = ("binned_forest", *_SCIKIT_LEARN)
_RANGES = (
    ("n_trees", 1, np.inf),
    ("min_samples_leaf", 1, np.inf),
    ("max_depth", 1, np.inf),
    ("cells_per_person", 0, np.inf),
    ("max_cells", 1, np.inf),
    ("n_peaks", 1, np.inf),
    ("smoothing", 0, np.inf),
    ("hard_negatives", 0, 1),
    ("class_balance", 0, 1),
)
_BATCH = 64  # people whose maps are packed at a time


class ForestStage(Stage):
    """A stage whose predictor is a random forest over image features and context features.

    Parameters
    ----------
    n_trees : int, default=20
        Trees; beliefs are the mean over their leaf vectors.
    max_depth : int or None, default=20
    min_samples_leaf : int, default=8
        Training cells in a leaf, at least.
    max_features : float, int, str or None, default=0.15
        Features tried at a split, as scikit-learn takes it: a share when it is a float. Time is proportional to it.
    learner : {"binned_forest", "extra_trees", "random_forest"}, default="binned_forest"
        Who grows the trees: :func:`.growing.grow_forest`, on features that are cut into 32 bins; or scikit-learn, with
        thresholds drawn at random or exact ones.
    cells_per_person : int, default=25
        Background cells to train on, a person.
    max_cells : int, default=120_000
        Training cells in all; the descriptors take four bytes times the length of the descriptor for each
        (6.4 kB in a first stage, 14 kB in a later one of 14 parts).
    hard_negatives : float, default=0.5
        Share of the background cells taken where the previous beliefs have a false peak.
    positive_radius, background_radius : float, default=0.75 and 2.0
        In cells. A cell up to the first from its nearest labelled joint shows the part; one beyond the second is
        background; those between are not trained on.
    class_balance : float, default=0.5
        Classes weigh as the number of their cells to the power of one minus this: 0 keeps the drawn numbers,
        1 makes all classes equal.
    context_patches, context_offsets : bool, default=True
        Which features of the previous beliefs a later stage reads.
    n_peaks : int, default=2
        Peaks a part of the context offsets.
    position : bool, default=True
        Read the place of the cell in the crop, too.
    smoothing : float, default=1.0
        Standard deviation, in cells, of the Gaussian with which the beliefs are smoothed; 0 for none.
    flip_augment : bool, default=True
        Train on mirrored people too, half of `max_cells` each; nothing happens where the skeleton has no pairs.
    stride : int, default=4
        Pixels a belief cell.
    n_jobs : int, optional
        Threads of training and prediction; 1 by default, all cores for -1.
    random_state : int or RandomState, optional
    verbose : bool, default=False
        Show progress bars.

    Attributes
    ----------
    feature_, threshold_, left_, right_, roots_, leaves_ : ndarray
        The trees; see :class:`.trees.Forest`.

    Raises
    ------
    ValueError
        By `fit`, if a parameter is out of range.

    Notes
    -----
    Where this differs from the paper: trees are averaged and not boosted; single parts only, no composite levels;
    beliefs are smoothed; the cell's place in the crop is a feature, since crops are centred on the person. Image
    patches come in three cell sizes, 4, 8 and 16 px; the coarsest shows most of the body.

    Nothing is wrongly taught by a joint that is not labelled: it gives no positive cells, and a person of whom a
    part is missing gives no background cells, since any of them might show it. The people of whom all parts are
    labelled give more instead, so that the number stays. Only where there is no such person at all, background is
    taken from everyone, off the labelled joints.

    References
    ----------
    .. [1] Ramakrishna, Munoz, Hebert, Bagnell and Sheikh, "Pose Machines: Articulated Pose Estimation via Inference
       Machines", ECCV 2014.
    .. [2] Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63, 2006.
    """

    def __init__(
        self,
        *,
        n_trees: int = 20,
        max_depth: int | None = 20,
        min_samples_leaf: int = 8,
        max_features: float | int | str | None = 0.15,
        learner: str = "binned_forest",
        cells_per_person: int = 25,
        max_cells: int = 120_000,
        hard_negatives: float = 0.5,
        positive_radius: float = 0.75,
        background_radius: float = 2.0,
        class_balance: float = 0.5,
        context_patches: bool = True,
        context_offsets: bool = True,
        n_peaks: int = 2,
        position: bool = True,
        smoothing: float = 1.0,
        flip_augment: bool = True,
        stride: int = 4,
        n_jobs: int | None = None,
        random_state=None,
        verbose: bool = False,
    ) -> None:
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.learner = learner
        self.cells_per_person = cells_per_person
        self.max_cells = max_cells
        self.hard_negatives = hard_negatives
        self.positive_radius = positive_radius
        self.background_radius = background_radius
        self.class_balance = class_balance
        self.context_patches = context_patches
        self.context_offsets = context_offsets
        self.n_peaks = n_peaks
        self.position = position
        self.smoothing = smoothing
        self.flip_augment = flip_augment
        self.stride = stride
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def feature_key(self) -> Hashable:
        """Forest stages of equal stride read the same image features."""
        return "forest", self.stride, features.CELLS

    def complexity(self) -> dict[str, int]:
        """Nodes of all trees, leaves included."""
        return {"nodes": self._forest().n_nodes}

    def _features(self, images: np.ndarray) -> np.ndarray:
        with _threads(self.n_jobs):
            return features.image_maps(images, stride=self.stride, cells=tuple(side for side, _ in features.CELLS))

    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        self._check_parameters()
        random = check_random_state(self.random_state)
        with _threads(self.n_jobs):
            descriptors, classes = self._training_set(images, previous, joints, random)
            forest = self._grow(descriptors, classes, random)
        for name, values in vars(forest).items():
            setattr(self, f"{name}_", values)

    def _grow(self, descriptors: np.ndarray, classes: np.ndarray, random: np.random.RandomState) -> Forest:
        settings: dict[str, Any] = {
            "n_trees": self.n_trees,
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "max_features": self.max_features,
            "n_jobs": self.n_jobs,
        }
        weights = self._weights(classes)
        if self.learner == "binned_forest":
            return grow_forest(
                descriptors, classes, weights, self.n_parts_ + 1, random=random, verbose=self.verbose, **settings
            )
        model = _SCIKIT_LEARN[self.learner](settings.pop("n_trees"), random_state=random, **settings)
        return flatten(model.fit(descriptors, classes, sample_weight=weights), self.n_parts_ + 1)

    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        forest, shape = self._forest(), features.shape[2:]
        beliefs = np.empty((len(features), self.n_parts_ + 1, *shape), np.float32)
        with _threads(self.n_jobs):
            for batch in _batches(len(features)):
                maps, base, pitch = self._pack(features[batch], None if previous is None else previous[batch])
                beliefs[batch] = psi.smooth(forest.beliefs(maps, base, pitch, shape), self.smoothing)
        return beliefs

    def _training_set(self, images, previous, joints, random) -> tuple[np.ndarray, np.ndarray]:
        """Descriptors (n, F) and classes (n,) of the training cells."""
        labels = self._labels(images, joints)
        views = [False, True] if self.flip_augment and self.skeleton_.pairs else [False]
        drawn = [self._draw(mirror, labels, previous, self.max_cells // len(views), random) for mirror in views]
        n_cells = sum(len(cells) for cells, _ in drawn)
        descriptors = np.empty((n_cells, len(self._taps())), np.float32, order="F")
        end = 0
        for mirror, (cells, _) in zip(views, drawn, strict=True):
            bar = progress(_batches(len(images)), "descriptors", shown=self.verbose, passing=True)
            for batch in bar:
                some = cells[slice(*np.searchsorted(cells[:, 0], (batch.start, batch.stop)))]
                some = (some - [batch.start, 0, 0]).astype(np.int32)
                beliefs = None if previous is None else previous[batch]
                maps, base, pitch = self._pack(*self._view(images[batch], beliefs, mirror))
                descriptors[end : end + len(some)] = taps.gather(maps, base, pitch, some)
                end += len(some)
        return descriptors, np.concatenate([classes for _, classes in drawn])

    def _labels(self, images: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """Class of every cell (N, h, w), with no background in people who may show an unlabelled part there."""
        labels = samples.label_cells(
            joints,
            (images.shape[1] // self.stride, images.shape[2] // self.stride),
            stride=self.stride,
            positive_radius=self.positive_radius,
            background_radius=self.background_radius,
        )
        unknown = samples.unknown_people(joints)
        labels[unknown[:, None, None] & (labels == self.n_parts_)] = samples.AMBIGUOUS
        return labels

    def _draw(self, mirror: bool, labels, previous, max_cells: int, random) -> tuple[np.ndarray, np.ndarray]:
        """Training cells (n, 3), in the mirrored people where asked, and their classes (n,)."""
        cells = samples.draw_cells(
            labels,
            previous,
            self.cells_per_person,
            background=self.n_parts_,
            hard_share=self.hard_negatives,
            max_cells=max(max_cells, 1),
            random=random,
        )
        classes = labels[tuple(cells.T)]
        if mirror:
            cells[:, 2] = labels.shape[2] - 1 - cells[:, 2]
            classes = np.array([*self.skeleton_.flip_order, self.n_parts_])[classes]
        return cells, classes

    def _view(self, images, previous, mirror: bool):
        """Image features and beliefs, of the mirrored people where asked."""
        if mirror:
            images = np.ascontiguousarray(images[:, :, ::-1])
            previous = None if previous is None else flip_beliefs(previous, self.skeleton_.flip_order)
        return self._features(images), previous

    def _weights(self, classes: np.ndarray) -> np.ndarray:
        counts = np.bincount(classes, minlength=self.n_parts_ + 1)
        return (np.maximum(counts, 1) ** -float(self.class_balance))[classes]

    def _taps(self) -> np.ndarray:
        """The descriptor as a table of taps (F, 3), on the maps in the order of `_maps`."""
        n_maps = len(features.CELLS) * features.N_CHANNELS
        table = [features.image_taps(stride=self.stride)]
        if self.uses_beliefs_ and self.context_patches:
            table.append(psi.patch_taps(self.n_parts_ + 1, first_channel=n_maps))
            n_maps += self.n_parts_ + 1
        dense = 2 * bool(self.position)
        if self.uses_beliefs_ and self.context_offsets:
            dense += self.n_parts_ * self.n_peaks * 3
        table.append(taps.window_taps(np.arange(n_maps, n_maps + dense), [0]))
        return np.concatenate(table)

    def _maps(self, image_maps: np.ndarray, previous: np.ndarray | None) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """All feature maps of some people, and what surrounds each (NaN: its border, repeated)."""
        maps, shape = [image_maps], image_maps.shape[2:]
        fill = [np.full(image_maps.shape[1], np.nan)]
        if previous is not None and self.context_patches:
            maps.append(previous)
            fill.append(np.eye(self.n_parts_ + 1)[-1])
        if self.position:
            maps.append(features.position_maps(len(image_maps), shape))
            fill.append(np.zeros(2))
        if previous is not None and self.context_offsets:
            maps.append(psi.offset_maps(psi.find_peaks(previous[:, :-1], n_peaks=self.n_peaks), shape))
            fill.append(np.zeros(maps[-1].shape[1]))
        return maps, fill

    def _pack(self, image_maps: np.ndarray, previous: np.ndarray | None):
        """Packed maps of some people, and where the taps lie in them."""
        maps, fill = self._maps(image_maps, previous)
        borders, table = np.concatenate(fill), self._taps()
        padding = taps.margins(table, len(borders))
        return taps.pack(maps, padding, borders), *taps.locate(table, padding, image_maps.shape[2:])

    def _forest(self) -> Forest:
        self._check_fitted()
        return Forest(self.feature_, self.threshold_, self.left_, self.right_, self.roots_, self.leaves_)

    def _check_parameters(self) -> None:
        if self.learner not in _LEARNERS:
            raise ValueError(f"learner must be one of {', '.join(_LEARNERS)}; got {self.learner!r}")
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not (low <= value <= high if value is not None else name == "max_depth"):
                bounds = f"at least {low}" if high == np.inf else f"between {low} and {high}"
                raise ValueError(f"{name} must be {bounds}; got {value}")
        if not 0 < self.positive_radius <= self.background_radius:
            raise ValueError(
                "positive_radius must be positive and background_radius not smaller, in cells; "
                f"got {self.positive_radius} and {self.background_radius}"
            )


def _batches(n_people: int) -> list[slice]:
    return [slice(start, min(start + _BATCH, n_people)) for start in range(0, n_people, _BATCH)]


@contextmanager
def _threads(n_jobs: int | None):
    """Run the kernels on as many threads as `n_jobs` says, as scikit-learn counts them."""
    before = numba.get_num_threads()
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(min(joblib.effective_n_jobs(n_jobs), most))
    try:
        yield
    finally:
        numba.set_num_threads(before)
