"""The stage of the pose machine of 2014: boosted random forests over image and context features."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple
from typing import Any

import joblib
import numba
import numpy as np
from sklearn.utils import check_random_state

from .._utils.deprecation import moved_keywords, renamed_keyword
from ..io.old_machines import CONTEXT, SAMPLING
from ..stage import Stage
from ..training.checkpoints import LevelCheckpoint
from . import psi
from .descriptor import Descriptor, subject_batches
from .image_features import ImageFeatures, get_features
from .layout import MOST_LEVELS, Layout
from .level import LevelTraining
from .settings import CellSampling, ContextFeatures, check_ranges
from .state import check_forest, pack_forest, unpack_forest

__all__ = ["ForestStage", "kernel_threads"]


class ForestStage(Stage):
    """A stage whose predictors are boosted random forests over image and context features, one per level.

    Parameters
    ----------
    n_rounds, n_trees, learning_rate, max_depth, min_samples_leaf, max_features, max_samples, l2
        The boosted forest of each level; see :class:`BoostedForestClassifier`.
    learner : {"histogram", "scikit-learn", "xgboost"}, default="histogram"
        How its trees are grown.
    boosting : bool, default=True
        If False, a plain random forest of ``n_rounds * n_trees`` trees takes its place, without learning rate and l2;
        it needs deeper trees (``max_depth=20, min_samples_leaf=8``).
    features : {"hand-made", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"}, default="hand-made"
        Image features: gradients and colour, or the maps of a frozen backbone with weights trained on ImageNet.
    levels : int, optional
        Levels of the hierarchy, 1 to 3: parts, composites of parts (limbs, torso and head), the whole body. Each level
        has its own forest, and the next stage reads the beliefs of all of them. Default: as many as the skeleton has.
    n_mixtures : int, default=1
        Mixture components per composite, each a class of its own: clusters of the arrangement of its parts, so that a
        level also predicts how a limb or the body is oriented.
    sampling : CellSampling
        Cells on which the forests are trained.
    context : ContextFeatures
        Features of the previous beliefs and of the position of the cell.
    residual : bool, default=True
        Start the boosting of a later stage from the previous beliefs of its level, so that it learns what to change in
        them. Not available with xgboost or without boosting.
    smoothing : float, default=1.0
        Standard deviation, in cells, of the Gaussian that smooths the beliefs; 0 for none.
    stride : int, default=4
        Stride of the belief grid, in pixels.
    random_state : int or RandomState, optional

    Attributes
    ----------
    forests_ : list of Forest
        The trees of each level.

    Raises
    ------
    ValueError
        By `fit`, if a parameter is out of range, or the skeleton has fewer levels than requested.

    Notes
    -----
    Image features are quantised to 64 codes, beliefs to 64 codes of their square root. Patches come in three cell
    sizes, 4, 8 and 16 px; coarser levels omit the finest and reach further. Composites are placed at the mean of their
    labelled parts if at least half of them are labelled. Leaf vectors are stored in half precision.

    Differences from the paper: a later stage starts from the previous beliefs; beliefs are smoothed; the position of
    the cell in the crop is a feature, since crops are centred on the subject.

    Cells near a joint belong to it in part and to the background in part, by a Gaussian of their distance; the trees
    are boosted on these shares. If cells near a joint are not shown to the forest, its beliefs are as high anywhere
    near the joint, and the place of their peak is arbitrary.

    Unlabelled joints teach nothing wrong: they give no positive cells, and a subject with an unlabelled part gives no
    background cells, since any of them might show that part. Fully labelled subjects give more instead, so that the
    total stays the same. In the cells near a labelled joint, the share of the background and the unlabelled parts
    together is taught, which they divide as the forest believes (plain forests and xgboost are not shown these cells,
    except those at the joint). Only if there is no fully labelled subject is background taken from all of them, away
    from the labelled joints.

    References
    ----------
    .. [1] Ramakrishna, Munoz, Hebert, Bagnell and Sheikh, "Pose Machines: Articulated Pose Estimation via Inference
       Machines", ECCV 2014.
    """

    reads_composites = True
    reads_fixed_features = True
    PARAMETER_TYPES = {"sampling": CellSampling, "context": ContextFeatures}  # dataclasses, for machine files

    @moved_keywords(
        **{old: f"sampling=CellSampling({new}=...)" for old, new in SAMPLING.items()},
        **{old: f"context=ContextFeatures({new}=...)" for old, new in CONTEXT.items()},
        **{old: f"PoseMachine({old}=...), or {old} of another machine" for old in ("n_jobs", "verbose")},
        checkpoint="PoseMachine(checkpoint=...) or StackedTraining(checkpoint=...)",
    )
    @renamed_keyword(refine="residual", poses="n_mixtures")
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
        features: str = "hand-made",
        levels: int | None = None,
        n_mixtures: int = 1,
        sampling: CellSampling = CellSampling(),  # noqa: B008 - immutable
        context: ContextFeatures = ContextFeatures(),  # noqa: B008 - immutable
        residual: bool = True,
        smoothing: float = 1.0,
        stride: int = 4,
        random_state=None,
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
        self.features = features  # type: ignore[method-assign, assignment]
        self.levels = levels
        self.n_mixtures = n_mixtures
        self.sampling = sampling
        self.context = context
        self.residual = residual
        self.smoothing = smoothing
        self.stride = stride
        self.random_state = random_state

    # -- what the machine reads -------------------------------------------------------------------------------------

    @property
    def feature_key(self) -> Hashable:
        """Forest stages with the same stride read the same image features."""
        return "forest", self.stride, self._image_features().key

    @property
    def n_composite_maps(self) -> int:
        """Number of maps of the composite levels, including their backgrounds."""
        return sum(forest.leaves.shape[1] for forest in self.forests_[1:])

    def size(self) -> dict[str, int]:
        """{"nodes": n}: nodes of all trees of all levels, leaves included."""
        self._check_fitted()
        return {"nodes": sum(forest.n_nodes for forest in self.forests_)}

    def count_operations(self, images, previous=None) -> dict[str, float]:
        """{"node_visits": n}: comparisons on the paths to the leaves, in all cells of an image."""
        codes = self.compute_features(images)
        self._check_previous_maps(previous)
        descriptor = self._descriptor()
        located, pitch, reach = descriptor.locate(codes.shape[2:])
        with kernel_threads(self.runtime.n_jobs):
            maps = descriptor.pack(codes, previous, reach)
        visits = sum(
            forest.node_visits(maps, base, codes.shape[2:], pitch)
            for forest, base in zip(self.forests_, located, strict=True)
        )
        return {"node_visits": visits / len(codes)}

    def get_state(self) -> dict[str, np.ndarray]:
        """The arrays of every level's forest, and the number of maps that it reads."""
        self._check_fitted()
        state = {"previous_maps": np.array(self._n_previous)}
        for level, forest in enumerate(self.forests_):
            state |= {f"{name}_{level}": array for name, array in pack_forest(forest).items()}
        return state

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore the arrays of :meth:`get_state`; ValueError if they are inconsistent."""
        before = dict(vars(self))
        try:
            self._restore(state)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            self.__dict__ = before
            raise ValueError(f"the arrays of a forest stage do not fit together: {error!r}") from error

    def _restore(self, state: dict[str, np.ndarray]) -> None:
        self._n_previous = int(state["previous_maps"])
        layout = self._layout()
        n_levels = sum(name.startswith("feature_") for name in state)
        if n_levels != layout.n_levels:
            raise ValueError(f"there are {n_levels} levels, not {layout.n_levels}")
        self.forests_ = [unpack_forest(state, level) for level in range(n_levels)]
        self._places: dict = {}
        descriptor = self._descriptor()
        for level, forest in enumerate(self.forests_):
            check_forest(forest, layout.n_classes(level), len(descriptor.taps(level)))

    # -- features and prediction ------------------------------------------------------------------------------------

    def _layout(self) -> Layout:
        return Layout.of(self.skeleton_, self.levels, self.n_mixtures, self._n_previous)

    def _descriptor(self) -> Descriptor:
        return Descriptor(self._layout(), self.context, self.stride, self._image_features())

    def _image_features(self) -> ImageFeatures:
        return get_features(self.features)

    def _features(self, images: np.ndarray) -> np.ndarray:
        with kernel_threads(self.runtime.n_jobs):
            return self._image_features().codes(images, stride=self.stride)

    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        self._check_previous_maps(previous)
        shape = features.shape[2:]
        descriptor = self._descriptor()
        if shape not in self._places:  # nodes point to their features' positions: computed once per crop size
            located, pitch, reach = descriptor.locate(shape)
            bases = [forest.bases(base) for forest, base in zip(self.forests_, located, strict=True)]
            self._places = {shape: (bases, pitch, reach)}
        bases, pitch, reach = self._places[shape]
        ends = np.cumsum([forest.leaves.shape[1] for forest in self.forests_])
        beliefs = np.empty((len(features), ends[-1], *shape), np.float32)
        with kernel_threads(self.runtime.n_jobs):
            for batch in subject_batches(len(features)):
                maps = descriptor.pack(features[batch], None if previous is None else previous[batch], reach)
                levels = [
                    forest.beliefs(maps, base, shape, pitch, previous=self._start(level, previous, batch))
                    for level, (forest, base) in enumerate(zip(self.forests_, bases, strict=True))
                ]
                beliefs[batch] = psi.smooth(np.concatenate(levels, 1), self.smoothing)
        return beliefs

    def _start(self, level: int, previous: np.ndarray | None, subjects: slice) -> np.ndarray | None:
        """Beliefs (N, C, h, w) from which the scores of a level start."""
        own = self._layout().own_maps(level) if self._is_residual() else None
        return None if own is None or previous is None else np.ascontiguousarray(previous[subjects, own])

    def _is_residual(self) -> bool:
        return bool(self.residual and self.boosting and self.learner != "xgboost")

    def _check_previous_maps(self, previous: np.ndarray | None) -> None:
        given = 0 if previous is None else previous.shape[1]
        if given != self._n_previous:
            raise ValueError(
                f"this ForestStage was fitted with {self._n_previous} previous maps, composites included; got {given}; "
                "predict them by the previous stage with composites=True"
            )

    # -- training ---------------------------------------------------------------------------------------------------

    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        check_ranges(self, ("n_mixtures", 1, np.inf), ("smoothing", 0, np.inf))
        random = check_random_state(self.random_state)
        seeds = random.randint(0, 2**31 - 1, MOST_LEVELS).tolist()
        self._n_previous = 0 if previous is None else previous.shape[1]
        training = LevelTraining(self, self._descriptor())
        training.check()
        n_levels = training.layout.n_levels
        kept = LevelCheckpoint(self._checkpoint, self._fingerprint(seeds, n_levels), (images, previous, joints))
        forests = [unpack_forest(arrays, level) for level, arrays in enumerate(kept.levels)]
        with kernel_threads(self.runtime.n_jobs):
            codes = self._given_features
            if codes is None and len(forests) < n_levels:
                codes = self._image_features().codes(images, stride=self.stride)
            for level in range(len(forests), n_levels):
                fitted = training.fit(level, codes, previous, joints, np.random.RandomState(seeds[level]))
                arrays = {f"{name}_{level}": array for name, array in pack_forest(fitted).items()}
                forests.append(unpack_forest(arrays, level))
                kept.add(arrays, done=len(forests) == n_levels)
        self.forests_, self._places = forests, {}

    def _fingerprint(self, seeds: list[int], n_levels: int) -> dict[str, Any]:
        """Settings that a checkpoint must agree in."""
        kept = {name: value for name, value in self.get_params(deep=False).items() if name not in _NOT_IN_FINGERPRINT}
        kept |= {
            "sampling": asdict(self.sampling),
            "context": asdict(self.context),
        }
        return kept | {"seeds": seeds, "skeleton": astuple(self.skeleton_), "levels": n_levels}


_NOT_IN_FINGERPRINT = ("random_state", "smoothing")


@contextmanager
def kernel_threads(n_jobs: int | None) -> Iterator[None]:
    """Run the kernels on as many threads as `n_jobs` says, as scikit-learn counts them."""
    before = numba.get_num_threads()
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(min(joblib.effective_n_jobs(n_jobs), most))
    try:
        yield
    finally:
        numba.set_num_threads(before)
