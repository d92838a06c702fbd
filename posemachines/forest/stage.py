"""The stage of the pose machine of 2014: boosted random forests over image and context features."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import joblib
import numba
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils import check_random_state

from ..progress import progress
from ..stage import Stage
from . import features, psi, samples, taps
from .boosting import BoostedForestClassifier
from .checkpoint import LevelCheckpoint
from .growing import grow_forest
from .trees import LEAF, Forest, flatten, start_scores

__all__ = ["ForestStage"]

_RANGES = (
    ("poses", 1, np.inf),
    ("cells_per_person", 0, np.inf),
    ("max_cells", 1, np.inf),
    ("n_peaks", 1, np.inf),
    ("smoothing", 0, np.inf),
    ("hard_negatives", 0, 1),
    ("class_balance", 0, 1),
)
_OF_THE_FOREST = (
    "n_rounds", "n_trees", "learning_rate", "max_depth", "min_samples_leaf", "max_features", "max_samples", "l2",
    "learner", "n_jobs", "verbose",
)  # fmt: skip
_ARRAYS = ("feature", "threshold", "child", "roots", "leaves", "prior")
_BATCH = 64  # people whose maps are packed at a time
_POSITION = 2  # maps of the cell's row and column
MOST_LEVELS = 3


class ForestStage(Stage):
    """A stage whose predictors are boosted random forests over image features and context features, one a level.

    Parameters
    ----------
    n_rounds, n_trees, learning_rate, max_depth, min_samples_leaf, max_features, max_samples, l2, learner
        The boosted forest of each level; see :class:`BoostedForestClassifier`.
    boosting : bool, default=True
        Off, a plain random forest of ``n_rounds * n_trees`` trees takes its place, without learning rate and l2; it
        wants deeper trees (``max_depth=20, min_samples_leaf=8``).
    levels : int, optional
        Levels of the hierarchy, 1 to 3: parts, composites of parts (limbs, torso and head), the whole body. Each has a
        forest of its own, and a next stage reads the beliefs of all of them. As many as the skeleton has by default.
    poses : int, default=1
        Poses that a composite is told apart in, each a class of its own: clusters of where its parts lie about its
        middle, so that a level says how a limb or the body is turned, not only where it is.
    cells_per_person : int, default=15
        Background cells to train on, a person.
    max_cells : int, default=400_000
        Training cells in all; each coarser level has half as many as the one before. A cell takes as many bytes as a
        descriptor has numbers (1.6 kB in a first stage, 4.5 kB in a later one of 14 parts and three levels), and 250
        bytes more.
    hard_negatives : float, default=0.5
        Share of the background cells taken where the previous beliefs have a false peak.
    positive_radius, background_radius : float, default=0.75 and 2.0
        In cells, times the level. A cell up to the first from its nearest labelled joint shows the part; one beyond the
        second is background; those between are not trained on.
    refine : bool, default=True
        Let the boosting of a later stage start from the previous beliefs of its level, so that it learns what to change
        in them, and not from nothing. Not with xgboost, nor without boosting.
    class_balance : float, default=0.2
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
    stride : int, default=4
        Pixels a belief cell.
    checkpoint : path, optional
        File that keeps the levels that are trained, until all are; a training that was broken off and is repeated on
        the same data with the same parameters goes on from there, to the same stage.
    n_jobs : int, optional
        Threads of training and prediction; 1 by default, all cores for -1.
    random_state : int or RandomState, optional
    verbose : bool, default=False
        Show progress bars.

    Attributes
    ----------
    forests_ : list of Forest
        The trees of each level.

    Raises
    ------
    ValueError
        By `fit`, if a parameter is out of range, or the skeleton has fewer levels than asked for.

    Notes
    -----
    Image features are rounded to 64 codes, beliefs to 64 codes of their square root. Patches come in three cell
    sizes, 4, 8 and 16 px; coarser levels leave out the finest and look further. Composites are labelled at the mean
    of their labelled parts where at least half are labelled. Leaf vectors are kept in half precision.

    Where this differs from the paper: a later stage starts from the beliefs before it; beliefs are smoothed; the
    cell's place in the crop is a feature, since crops are centred on the person.

    Nothing is wrongly taught by a joint that is not labelled: it gives no positive cells, and a person of whom a
    part is missing gives no background cells, since any of them might show it. The people of whom all parts are
    labelled give more instead, so that the number stays. Only where there is no such person at all, background is
    taken from everyone, off the labelled joints.

    References
    ----------
    .. [1] Ramakrishna, Munoz, Hebert, Bagnell and Sheikh, "Pose Machines: Articulated Pose Estimation via Inference
       Machines", ECCV 2014.
    """

    reads_composites = True

    def __init__(
        self,
        *,
        n_rounds: int = 50,
        n_trees: int = 2,
        learning_rate: float = 0.4,
        max_depth: int | None = 6,
        min_samples_leaf: int = 20,
        max_features: float | int | str | None = 160,
        max_samples: float = 0.5,
        l2: float = 5.0,
        learner: str = "histogram",
        boosting: bool = True,
        levels: int | None = None,
        poses: int = 1,
        cells_per_person: int = 15,
        max_cells: int = 400_000,
        hard_negatives: float = 0.5,
        positive_radius: float = 0.75,
        background_radius: float = 2.0,
        refine: bool = True,
        class_balance: float = 0.2,
        context_patches: bool = True,
        context_offsets: bool = True,
        n_peaks: int = 2,
        position: bool = True,
        smoothing: float = 1.0,
        stride: int = 4,
        checkpoint: str | Path | None = None,
        n_jobs: int | None = None,
        random_state=None,
        verbose: bool = False,
    ) -> None:
        self.n_rounds = n_rounds
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_samples = max_samples
        self.l2 = l2
        self.learner = learner
        self.boosting = boosting
        self.levels = levels
        self.poses = poses
        self.cells_per_person = cells_per_person
        self.max_cells = max_cells
        self.hard_negatives = hard_negatives
        self.positive_radius = positive_radius
        self.background_radius = background_radius
        self.refine = refine
        self.class_balance = class_balance
        self.context_patches = context_patches
        self.context_offsets = context_offsets
        self.n_peaks = n_peaks
        self.position = position
        self.smoothing = smoothing
        self.stride = stride
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # -- what the machine asks for ----------------------------------------------------------------------------------

    @property
    def feature_key(self) -> Hashable:
        """Forest stages of equal stride read the same image features."""
        return "forest", self.stride, features.CELLS

    @property
    def n_composite_maps(self) -> int:
        """Maps of the composite levels, their backgrounds included."""
        return sum(forest.leaves.shape[1] for forest in self.forests_[1:])

    def complexity(self) -> dict[str, int]:
        """Nodes of all trees of all levels, leaves included."""
        self._check_fitted()
        return {"nodes": sum(forest.n_nodes for forest in self.forests_)}

    def operations(self, images, previous=None) -> dict[str, float]:
        """{"node_visits": n}: comparisons on the ways to the leaves, in all cells of an image."""
        codes = self.features(images)
        self._check_previous_maps(previous)
        located, pitch, reach = self._locate(codes.shape[2:])
        with _threads(self.n_jobs):
            maps = self._pack(codes, previous, reach)
        visits = sum(
            forest.node_visits(maps, base, codes.shape[2:], pitch)
            for forest, base in zip(self.forests_, located, strict=True)
        )
        return {"node_visits": visits / len(codes)}

    def get_state(self) -> dict[str, np.ndarray]:
        """The arrays of every level's forest, and how many maps it reads and writes."""
        self._check_fitted()
        state = {"previous_maps": np.array(self._n_previous)}
        for level, forest in enumerate(self.forests_):
            state |= {f"{name}_{level}": array for name, array in _packed(forest).items()}
        return state

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Take over what :meth:`get_state` returned; ValueError where its arrays do not fit together."""
        before = dict(vars(self))
        try:
            self._take_over(state)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            self.__dict__ = before
            raise ValueError(f"the arrays of a forest stage do not fit together: {error!r}") from error

    def _take_over(self, state: dict[str, np.ndarray]) -> None:
        n_levels = sum(name.startswith("feature_") for name in state)
        if n_levels != self._n_levels():
            raise ValueError(f"there are {n_levels} levels, not {self._n_levels()}")
        self._n_previous = int(state["previous_maps"])
        self._check_n_previous()
        self.forests_ = [_unpacked(state, level) for level in range(n_levels)]
        self._places: dict = {}
        for level, forest in enumerate(self.forests_):
            _check_forest(forest, self._n_classes(level), len(self._taps(level)))

    # -- features ---------------------------------------------------------------------------------------------------

    def _features(self, images: np.ndarray) -> np.ndarray:
        with _threads(self.n_jobs):
            return features.image_codes(images, stride=self.stride)

    def _level_parts(self, level: int) -> tuple[tuple[int, ...], ...]:
        """Parts of each composite of a level; those of level 0 are the parts themselves."""
        return self.skeleton_.levels[level - 1] if level else tuple((part,) for part in range(self.n_parts_))

    def _n_classes(self, level: int) -> int:
        """Maps of a level, its background included."""
        return len(self._level_parts(level)) * (self.poses if level else 1) + 1

    def _check_n_previous(self) -> None:
        n_levels = min(len(self.skeleton_.levels) + 1, MOST_LEVELS)
        ends = np.cumsum([self._n_classes(level) for level in range(n_levels)]).tolist()
        if self._n_previous not in (0, *ends):
            raise ValueError(
                f"previous beliefs must have {' or '.join(map(str, ends))} maps, those of the levels of skeleton "
                f"{self.skeleton_.name!r} one after the other, in {self.poses} poses; got {self._n_previous}"
            )

    @property
    def _is_background(self) -> np.ndarray:
        """Which of the previous maps are backgrounds, bool (M,); a stage before of another kind has one."""
        ends, end = np.zeros(self._n_previous, bool), 0
        for level in range(MOST_LEVELS):
            if end < self._n_previous:
                end += self._n_classes(level)
                ends[end - 1] = True
        return ends

    def _taps(self, level: int) -> np.ndarray:
        """The descriptor of a level as a table of taps (F, 3), on the maps in the order of `_pack`."""
        n_maps = len(features.CELLS) * features.N_CHANNELS
        table = [features.image_taps(features.PATCHES[level], stride=self.stride)]
        if self._n_previous and self.context_patches:
            table.append(psi.patch_taps(self._n_previous, first_channel=n_maps))
            n_maps += self._n_previous
        dense = _POSITION * bool(self.position)
        if self._n_previous and self.context_offsets:
            dense += int((~self._is_background).sum()) * self.n_peaks * 3
        table.append(taps.window_taps(np.arange(n_maps, n_maps + dense), [0]))
        return np.concatenate(table)

    def _reach(self) -> int:
        """How far, in cells, the taps of any level reach."""
        return max(int(abs(self._taps(level)[:, 1:]).max()) for level in range(self._n_levels()))

    def _locate(self, shape: tuple[int, int]) -> tuple[list[np.ndarray], int, int]:
        """Where the taps of every level lie in the packed maps, their pitch, and the width of the border."""
        reach = self._reach()
        n_bordered = len(features.CELLS) * features.N_CHANNELS + self._n_previous * bool(self.context_patches)
        located = [taps.locate(self._taps(level), n_bordered, reach, shape) for level in range(self._n_levels())]
        return [base for base, _ in located], located[0][1], reach

    def _pack(self, codes: np.ndarray, previous: np.ndarray | None, reach: int) -> np.ndarray:
        """Packed maps of some people, from the codes of their images and the previous beliefs."""
        n, shape = len(codes), codes.shape[2:]
        fill = np.full(codes.shape[1], taps.REPEAT, np.int16)
        beliefs, dense = np.empty((n, 0, *shape), np.float32), []
        if previous is not None and self.context_patches:
            beliefs = previous
            fill = np.concatenate([fill, np.where(self._is_background, features.N_CODES - 1, 0).astype(np.int16)])
        if self.position:
            dense.append(features.position_codes(n, shape))
        if previous is not None and self.context_offsets:
            foreground = np.ascontiguousarray(previous[:, ~self._is_background])
            dense.append(psi.offset_codes(psi.find_peaks(foreground, n_peaks=self.n_peaks), shape))
        together = np.concatenate(dense, 1) if dense else np.empty((n, 0, *shape), np.uint8)
        return taps.pack(codes, beliefs, together, fill, reach)

    # -- prediction -------------------------------------------------------------------------------------------------

    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        self._check_previous_maps(previous)
        shape = features.shape[2:]
        if shape not in self._places:  # nodes point to where their features lie: once for a size of crops
            located, pitch, reach = self._locate(shape)
            bases = [forest.bases(base) for forest, base in zip(self.forests_, located, strict=True)]
            self._places = {shape: (bases, pitch, reach)}
        bases, pitch, reach = self._places[shape]
        ends = np.cumsum([forest.leaves.shape[1] for forest in self.forests_])
        beliefs = np.empty((len(features), ends[-1], *shape), np.float32)
        with _threads(self.n_jobs):
            for batch in _batches(len(features)):
                maps = self._pack(features[batch], None if previous is None else previous[batch], reach)
                levels = [
                    forest.beliefs(maps, base, shape, pitch, previous=self._start(level, previous, batch))
                    for level, (forest, base) in enumerate(zip(self.forests_, bases, strict=True))
                ]
                beliefs[batch] = psi.smooth(np.concatenate(levels, 1), self.smoothing)
        return beliefs

    def _own_maps(self, level: int) -> slice | None:
        """Which of the previous maps are of a level, its background the last; None where it is not among them."""
        first = sum(self._n_classes(before) for before in range(level))
        last = first + self._n_classes(level)
        return slice(first, last) if last <= self._n_previous else None

    def _start(self, level: int, previous: np.ndarray | None, people: slice) -> np.ndarray | None:
        """Beliefs (N, C, h, w) from which the scores of a level start."""
        own = self._own_maps(level) if self._refines() else None
        return None if own is None or previous is None else np.ascontiguousarray(previous[people, own])

    def _refines(self) -> bool:
        return bool(self.refine and self.boosting and self.learner != "xgboost")

    def _check_previous_maps(self, previous: np.ndarray | None) -> None:
        given = 0 if previous is None else previous.shape[1]
        if given != self._n_previous:
            raise ValueError(
                f"this ForestStage was fitted with {self._n_previous} previous maps, composites included; got {given}; "
                "predict them by the stage before with composites=True"
            )

    # -- training ---------------------------------------------------------------------------------------------------

    def _n_levels(self) -> int:
        most = min(len(self.skeleton_.levels) + 1, MOST_LEVELS)
        if self.levels is None:
            return most
        if not isinstance(self.levels, int | np.integer) or not 1 <= self.levels <= most:
            raise ValueError(
                f"levels must be between 1 and {most}, which is what skeleton {self.skeleton_.name!r} has "
                f"(Skeleton(levels=...) gives it composites); got {self.levels!r}"
            )
        return int(self.levels)

    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        self._check_parameters()
        random = check_random_state(self.random_state)
        n_levels = self._n_levels()
        seeds = random.randint(0, 2**31 - 1, MOST_LEVELS).tolist()
        self._n_previous = 0 if previous is None else previous.shape[1]
        self._check_n_previous()
        kept = LevelCheckpoint(self.checkpoint, self._fingerprint(seeds), (images, previous, joints))
        forests = [_unpacked(arrays, level) for level, arrays in enumerate(kept.levels)]
        with _threads(self.n_jobs):
            codes = features.image_codes(images, stride=self.stride) if len(forests) < n_levels else None
            for level in range(len(forests), n_levels):
                fitted = self._fit_level(level, codes, previous, joints, np.random.RandomState(seeds[level]))
                arrays = {f"{name}_{level}": array for name, array in _packed(fitted).items()}
                forests.append(_unpacked(arrays, level))
                kept.add(arrays, done=len(forests) == n_levels)
        self.forests_, self._places = forests, {}

    def _fingerprint(self, seeds: list[int]) -> dict[str, Any]:
        """What a checkpoint must agree in, beside the data."""
        kept = {name: value for name, value in self.get_params(deep=False).items() if name not in _NOT_IN_FINGERPRINT}
        return kept | {"seeds": seeds, "skeleton": astuple(self.skeleton_), "levels": self._n_levels()}

    def _fit_level(self, level: int, codes, previous, joints, random: np.random.RandomState) -> Forest:
        composites = self._level_parts(level)
        shown = samples.composite_joints(joints, composites) if level else joints
        if not shown[..., 2].any():
            raise ValueError(
                f"no composite of level {level + 1} has half of its parts labelled in anyone; use levels={level}"
            )
        labels = self._labels(shown, codes.shape[2:], level)
        background = self._n_classes(level) - 1
        if level and self.poses > 1:
            pose = samples.composite_poses(joints, composites, self.poses, random)
            labels = _with_poses(labels, pose, self.poses)
        own = self._own_maps(level)
        cells = samples.draw_cells(
            labels,
            None if own is None or previous is None else previous[:, own][:, :-1],
            self.cells_per_person,
            background=background,
            hard_share=self.hard_negatives,
            max_cells=max(int(self.max_cells) >> level, 1),
            random=random,
        )
        classes = labels[tuple(cells.T)].astype(np.int64)
        descriptors = self._descriptors(level, codes, previous, cells)
        start = None
        if own is not None and previous is not None and self._refines():
            person, row, column = cells.T
            start = start_scores(previous[:, own][person, :, row, column])
        return self._grow(descriptors, classes, background + 1, start, random)

    def _labels(self, shown: np.ndarray, shape: tuple[int, int], level: int) -> np.ndarray:
        """Class of every cell (N, h, w), with no background in people who may show an unlabelled part there."""
        labels = samples.label_cells(
            shown,
            shape,
            stride=self.stride,
            positive_radius=self.positive_radius * (level + 1),
            background_radius=self.background_radius * (level + 1),
        )
        unknown = samples.unknown_people(shown)
        labels[unknown[:, None, None] & (labels == shown.shape[1])] = samples.AMBIGUOUS
        return labels

    def _descriptors(self, level: int, codes, previous, cells: np.ndarray) -> np.ndarray:
        """Descriptors (n, F) of cells (n, 3), people in ascending order; uint8, in column order."""
        bases, pitch, reach = self._locate(codes.shape[2:])
        descriptors = np.empty((len(cells), len(bases[level])), np.uint8, order="F")
        end = 0
        for batch in progress(_batches(len(codes)), "descriptors", shown=self.verbose, passing=True):
            some = cells[slice(*np.searchsorted(cells[:, 0], (batch.start, batch.stop)))]
            some = some - np.array([batch.start, 0, 0], np.int32)
            maps = self._pack(codes[batch], None if previous is None else previous[batch], reach)
            descriptors[end : end + len(some)] = taps.gather(maps, bases[level], pitch, some)
            end += len(some)
        return descriptors

    def _grow(self, descriptors, classes, n_classes: int, start, random: np.random.RandomState) -> Forest:
        counts = np.bincount(classes, minlength=n_classes)
        weights = (np.maximum(counts, 1) ** -float(self.class_balance))[classes]
        settings: dict[str, Any] = {name: getattr(self, name) for name in _OF_THE_FOREST}
        if self.boosting:
            model = BoostedForestClassifier(**settings, random_state=random)
            seen = np.flatnonzero(counts)
            model.fit(descriptors, classes, weights, None if start is None else start[:, seen])
            return _with_all_classes(model.forest_, seen, n_classes, unseen=-30.0 if start is None else 0.0)
        n_trees = self.n_rounds * self.n_trees
        shared = {name: settings[name] for name in ("max_depth", "min_samples_leaf", "max_features", "n_jobs")}
        if self.learner == "scikit-learn":
            n_seen = max(round(self.max_samples * len(classes)), 1)  # a share would be one of the weights
            plain = RandomForestClassifier(n_trees, random_state=random, max_samples=n_seen, **shared)
            return flatten(plain.fit(descriptors, classes, sample_weight=weights), n_classes)
        shared |= {"max_samples": self.max_samples, "verbose": self.verbose}
        return grow_forest(descriptors, classes, weights, n_classes, n_trees=n_trees, random=random, **shared)

    def _check_parameters(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                bounds = f"at least {low}" if high == np.inf else f"between {low} and {high}"
                raise ValueError(f"{name} must be {bounds}; got {value}")
        if not 0 < self.positive_radius <= self.background_radius:
            raise ValueError(
                "positive_radius must be positive and background_radius not smaller, in cells; "
                f"got {self.positive_radius} and {self.background_radius}"
            )
        BoostedForestClassifier(**{name: getattr(self, name) for name in _OF_THE_FOREST})._check_parameters()
        if not self.boosting and self.learner == "xgboost":
            raise ValueError("learner='xgboost' grows boosted forests only; pass boosting=True or another learner")


_NOT_IN_FINGERPRINT = ("checkpoint", "n_jobs", "verbose", "random_state", "smoothing")


def _with_all_classes(forest: Forest, seen: np.ndarray, n_classes: int, *, unseen: float) -> Forest:
    """The forest with a number for every class, and the score `unseen` for those that it was not trained on."""
    if len(seen) == n_classes:
        return forest
    leaves = np.zeros((len(forest.leaves), n_classes), np.float32)
    leaves[:, seen] = forest.leaves
    prior = np.full(n_classes, unseen, np.float32)
    prior[seen] = forest.prior
    return Forest(forest.feature, forest.threshold, forest.child, forest.roots, leaves, prior, forest.softmax)


def _with_poses(labels: np.ndarray, poses: np.ndarray, n_poses: int) -> np.ndarray:
    """Labels (N, h, w) of composites, each split into its poses (N, M)."""
    n_composites = poses.shape[1]
    table = np.arange(n_composites) * n_poses + poses
    people = np.broadcast_to(np.arange(len(labels))[:, None, None], labels.shape)
    split = np.where(labels == n_composites, n_composites * n_poses, labels)
    shown = (labels >= 0) & (labels < n_composites)
    split[shown] = table[people[shown], labels[shown]]
    return split


def _packed(forest: Forest) -> dict[str, np.ndarray]:
    """Arrays of a forest, in the smallest types that hold them; leaf vectors in half precision."""
    arrays = {name: getattr(forest, name) for name in _ARRAYS}
    codes = forest.threshold.astype(np.uint8)
    arrays["threshold"] = codes if (codes == forest.threshold).all() else forest.threshold
    if forest.feature.max(initial=0) < 2**15:
        arrays["feature"] = forest.feature.astype(np.int16)
    return arrays | {"leaves": forest.leaves.astype(np.float16), "softmax": np.array(forest.softmax)}


def _unpacked(state: dict[str, np.ndarray], level: int) -> Forest:
    """The forest of a level, from the arrays of :func:`_packed`."""
    types = {"feature": np.int32, "threshold": np.float32, "child": np.int32, "roots": np.int32}
    arrays = {name: state[f"{name}_{level}"].astype(types.get(name, np.float32)) for name in _ARRAYS}
    return Forest(**arrays, softmax=bool(state[f"softmax_{level}"]))


def _check_forest(forest: Forest, n_classes: int, n_features: int) -> None:
    """ValueError where walking the trees would read outside of an array or never end."""
    feature, child, n_nodes = forest.feature, forest.child, len(forest.feature)
    inner = feature >= 0
    where = np.arange(n_nodes)
    sound = (
        forest.threshold.shape == child.shape == feature.shape == (n_nodes,)
        and forest.leaves.ndim == 2
        and forest.leaves.shape[1] == n_classes
        and forest.prior.shape == (n_classes,)
        and forest.roots.ndim == 1
        and bool(((forest.roots >= 0) & (forest.roots < n_nodes)).all())
        and bool(((feature >= LEAF) & (feature < n_features)).all())
        and bool(((child[inner] > where[inner]) & (child[inner] < n_nodes - 1)).all())
        and bool(((child[~inner] >= 0) & (child[~inner] < len(forest.leaves))).all())
        and bool(np.isfinite(forest.leaves).all() and np.isfinite(forest.prior).all())
    )
    if not sound:
        raise ValueError("the arrays of a forest do not fit together: the file is damaged")


def _batches(n_people: int) -> list[slice]:
    return [slice(start, min(start + _BATCH, n_people)) for start in range(0, n_people, _BATCH)]


@contextmanager
def _threads(n_jobs: int | None) -> Iterator[None]:
    """Run the kernels on as many threads as `n_jobs` says, as scikit-learn counts them."""
    before = numba.get_num_threads()
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(min(joblib.effective_n_jobs(n_jobs), most))
    try:
        yield
    finally:
        numba.set_num_threads(before)
