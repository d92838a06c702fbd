"""The sequential machine: an ordered list of stages, of any kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import _BaseComposition

from ._checks import check_images, check_joints
from .beliefs import decode, flip_beliefs, resize_beliefs
from .metrics import normalised_distances, pooled_pck, reference_length
from .skeleton import Skeleton, get_skeleton
from .stage import Stage
from .training import Stacked

__all__ = ["RepeatedStageMachine", "SequentialMachine", "joint_scorer"]


class SequentialMachine(_BaseComposition):
    """Predicts joints with stages that each refine the beliefs of the one before.

    It keeps scikit-learn's conventions and works in ``cross_val_score`` and ``GridSearchCV``; parameters of a stage
    are reached as ``stage1__n_rounds``.

    Parameters
    ----------
    stages : list of Stage
        In order; of any kinds, with one stride. They are cloned by `fit` and stay as they are.
    skeleton : str or Skeleton, optional
        Names of the parts and left-right pairs; numbered parts by default.
    training : strategy, optional
        How the stages are trained; :class:`posemachines.Stacked` with two folds by default.
    flip : bool, default=False
        Run on the mirrored crop too and average the beliefs; needs a skeleton with pairs.
    scales : sequence of float, default=(1.0,)
        Factors by which the crop is resized, to the nearest multiple of the stride; the beliefs, brought back to the
        crop's own grid, are averaged.
    batch_size : int, default=64
        People who are predicted at a time.
    random_state : int, optional
        Seeds the training; stages whose own ``random_state`` is None get theirs from it.
    verbose : bool, default=False
        Show progress, of the stages too.

    Attributes
    ----------
    stages_ : list of Stage
        The fitted stages.
    skeleton_ : Skeleton
        The parts that it predicts.
    crop_size_ : int
        Height of the crops that it was trained on, in pixels.

    Examples
    --------
    >>> from posemachines import ForestStage, ConvStage, SequentialMachine
    >>> hybrid = SequentialMachine([ForestStage(), ConvStage()], skeleton="lsp")  # doctest: +SKIP
    >>> hybrid.fit(X, y).predict(X_new)  # doctest: +SKIP

    Notes
    -----
    Crops may have any size at prediction that is a multiple of the stride; the body's size in pixels should be
    that of the training crops.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        skeleton: str | Skeleton | None = None,
        training=None,
        flip: bool = False,
        scales: Sequence[float] = (1.0,),
        batch_size: int = 64,
        random_state: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.stages = stages
        self.skeleton = skeleton
        self.training = training
        self.flip = flip
        self.scales = scales
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    # -- parameters -------------------------------------------------------------------------------------------------

    @property
    def _named_stages(self) -> list[tuple[str, Stage]]:
        return [(f"stage{number}", stage) for number, stage in enumerate(self.stages, 1)]

    @_named_stages.setter
    def _named_stages(self, named: list[tuple[str, Stage]]) -> None:
        self.stages = [stage for _, stage in named]

    def get_params(self, deep: bool = True) -> dict:
        """Parameters, those of the stages as ``stage1__...`` when `deep`."""
        if "stages" not in self._get_param_names():
            return super().get_params(deep)
        return self._get_params("_named_stages", deep=deep)

    def set_params(self, **params):
        """Set parameters, those of the stages as ``stage1__...``; a whole stage as ``stage1``."""
        if "stages" not in self._get_param_names():
            return super().set_params(**params)
        return self._set_params("_named_stages", **params)

    # -- what subclasses choose -------------------------------------------------------------------------------------

    def _make_stages(self) -> list[Stage]:
        """The unfitted stages that `fit` trains, which are its own to change."""
        return [clone(stage) if isinstance(stage, Stage) else stage for stage in self.stages]

    def _make_training(self):
        return Stacked() if self.training is None else self.training

    # -- training ---------------------------------------------------------------------------------------------------

    def fit(self, X, y) -> SequentialMachine:
        """Train all stages.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
            Person crops, RGB.
        y : float32 ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible (0 = not labelled). Labelled joints outside the crop count as
            not labelled.

        Returns
        -------
        SequentialMachine
            Itself.

        Raises
        ------
        ValueError
            If the arrays are malformed or do not match the skeleton, a part is never labelled, there are no
            stages, or their strides differ.
        """
        return self._fit_stages(X, y)

    def _fit_stages(self, X, y, **more) -> SequentialMachine:
        """Train all stages, `more` being what else the strategy is given."""
        stages = self._make_stages()
        stride = _common_stride(stages)
        X = check_images(X, stride=stride)
        y = check_joints(y, n_people=len(X))
        skeleton = get_skeleton(self.skeleton, y.shape[1])
        self._check_flip(skeleton)
        y = _leave_out_outside(y, X.shape[1:3])
        never = [skeleton.parts[part] for part in np.flatnonzero(~y[..., 2].any(0))]
        if never:
            raise ValueError(f"these parts are never labelled: {', '.join(never)}; label them or select other parts")
        seeds = np.random.SeedSequence(self.random_state).generate_state(len(stages) + 1) % 2**31
        for stage, seed in zip(stages, seeds, strict=False):
            _hand_down(stage, "random_state", int(seed))
            _hand_down(stage, "verbose", self.verbose)
        training = self._make_training()
        unknown = [name for name in more if name not in inspect.signature(training.fit_stages).parameters]
        if unknown:
            raise ValueError(f"{type(training).__name__} takes no {_ASKED_AS.get(unknown[0], unknown[0])}")
        self.stages_ = training.fit_stages(
            stages, X, y, skeleton, random_state=int(seeds[-1]), verbose=self.verbose, **more
        )
        self.skeleton_, self.crop_size_ = skeleton, int(X.shape[1])
        return self

    def _check_flip(self, skeleton: Skeleton) -> None:
        if self.flip and not skeleton.pairs:
            raise ValueError(f"flip=True needs left-right pairs, which skeleton {skeleton.name!r} lacks")

    # -- prediction -------------------------------------------------------------------------------------------------

    @property
    def stride_(self) -> int:
        """Pixels a belief cell."""
        return self._fitted_stages()[0].stride

    def _fitted_stages(self) -> list[Stage]:
        if not hasattr(self, "stages_"):
            raise NotFittedError(f"this {type(self).__name__} is not trained; call fit first")
        return self.stages_

    def _batch_beliefs(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Beliefs of one batch, stage after stage, with composites; features that stages share are computed once."""
        features: dict = {}
        previous = None
        for stage in self._fitted_stages():
            key = stage.feature_key
            if key not in features:
                features[key] = stage.features(images)
            previous = stage.predict(images, previous, features=features[key], composites=True)
            yield previous

    def _averaged_beliefs(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Part beliefs of one batch, stage after stage, averaged over scales and, where asked, the mirrored crop."""
        self._check_flip(self.skeleton_)
        n_maps, stride = self.skeleton_.n_parts + 1, self.stride_
        grid = images.shape[1] // stride, images.shape[2] // stride
        seen = [_resized(images, factor, stride) for factor in self._checked_scales()]
        streams = [(self._batch_beliefs(crops), False) for crops in seen]
        if self.flip:
            streams += [(self._batch_beliefs(np.ascontiguousarray(crops[:, :, ::-1])), True) for crops in seen]
        for _ in self._fitted_stages():
            total = np.zeros((len(images), n_maps, *grid), np.float32)
            for stream, mirrored in streams:
                beliefs = resize_beliefs(next(stream)[:, :n_maps], grid)
                total += flip_beliefs(beliefs, self.skeleton_.flip_order) if mirrored else beliefs
            yield total / len(streams) if len(streams) > 1 else total

    def _checked_scales(self) -> tuple[float, ...]:
        scales = tuple(np.atleast_1d(self.scales).astype(float))
        if not scales or not all(0.1 <= factor <= 10 for factor in scales):
            raise ValueError(f"scales must be factors between 0.1 and 10, such as (0.9, 1, 1.1); got {self.scales!r}")
        return scales

    def _batches(self, X) -> Iterator[np.ndarray]:
        X = check_images(X, stride=self.stride_)
        return (X[start : start + self.batch_size] for start in range(0, len(X), self.batch_size))

    def staged_beliefs(self, X, *, composites: bool = False) -> Iterator[np.ndarray]:
        """Belief maps of stage 1, 2, ...

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
        composites : bool, default=False
            Give the maps of composite levels, too, as the next stage reads them: of the crop as it is, whatever
            `flip` and `scales` are.

        Yields
        ------
        float32 ndarray of shape (N, P+1, h, w)
            Background last; with `composites` (N, P+1+E, h, w), each level with its own background last.

        Notes
        -----
        One batch (`batch_size` people) is computed stage by stage as the generator advances. More people are
        computed whole at the first step, since keeping their features would take more memory than their beliefs.
        """
        batches = list(self._batches(X))
        run = self._batch_beliefs if composites else self._averaged_beliefs
        if len(batches) == 1:
            yield from run(batches[0])
            return
        by_stage = zip(*(list(run(batch)) for batch in batches), strict=True)
        yield from (np.concatenate(parts) for parts in by_stage)

    def staged_predict(self, X) -> Iterator[np.ndarray]:
        """Joints (N, P, 2) after stage 1, 2, ..., in pixels of the crop."""
        for joints, _ in self.staged_predict_scores(X):
            yield joints

    def staged_predict_scores(self, X) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Joints (N, P, 2) and scores (N, P) after stage 1, 2, ...; holds one batch of belief maps at a time."""
        by_batch = [
            [decode(beliefs, stride=self.stride_) for beliefs in self._averaged_beliefs(batch)]
            for batch in self._batches(X)
        ]
        for of_stage in zip(*by_batch, strict=True):
            joints, scores = zip(*of_stage, strict=True)
            yield np.concatenate(joints), np.concatenate(scores)

    def predict_beliefs(self, X) -> np.ndarray:
        """Belief maps (N, P+1, h, w) of the last stage."""
        return np.concatenate([_last(self._averaged_beliefs(batch)) for batch in self._batches(X)])

    def predict(self, X) -> np.ndarray:
        """Joints of each person.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)

        Returns
        -------
        float32 ndarray of shape (N, P, 2)
            x, y in pixels of the crop.
        """
        return self.predict_scores(X)[0]

    def predict_scores(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N, P, 2) of each person and the belief (N, P) in each."""
        decoded = [decode(_last(self._averaged_beliefs(batch)), stride=self.stride_) for batch in self._batches(X)]
        joints, scores = zip(*decoded, strict=True)
        return np.concatenate(joints), np.concatenate(scores)

    def score(self, X, y) -> float:
        """PCK@0.2 over all labelled joints together.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3)

        Returns
        -------
        float
            In [0, 100]; NaN when nobody has both joints of the reference length labelled.
        """
        y = check_joints(y, n_people=len(X), n_parts=self._fitted_stages()[0].n_parts_)
        scale = reference_length(y, self.skeleton_)
        distances = normalised_distances(self.predict(X), y[..., :2], scale, visible=y[..., 2] > 0)
        return pooled_pck(distances, 0.2)

    def complexity(self) -> dict[str, int]:
        """Size of the fitted machine, e.g. {"parameters": n, "nodes": m}, summed over its stages."""
        total: dict[str, int] = {}
        for stage in self._fitted_stages():
            for kind, number in stage.complexity().items():
                total[kind] = total.get(kind, 0) + number
        return total

    def operations(self, X) -> dict[str, float]:
        """What the fitted machine computes for one image, e.g. {"multiply_adds": n, "node_visits": m}.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
            A few images; the result is the mean over them.

        Returns
        -------
        dict
            Summed over the stages that can tell, over the scales, and over the mirrored crop where `flip` asks for it.
        """
        X = check_images(X, stride=self.stride_)
        views = [_resized(X, factor, self.stride_) for factor in self._checked_scales()]
        if self.flip:
            views += [np.ascontiguousarray(crops[:, :, ::-1]) for crops in views]
        total: dict[str, float] = {}
        for crops in views:
            previous = None
            for stage, beliefs in zip(self._fitted_stages(), self._batch_beliefs(crops), strict=True):
                for kind, number in stage.operations(crops, previous).items():
                    total[kind] = total.get(kind, 0) + number
                previous = beliefs
        return total

    # -- files ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, half: bool = False) -> None:
        """Write the fitted machine into one file, of arrays and JSON alone, to be read by :func:`posemachines.load`.

        Parameters
        ----------
        path : path
            Ending in ``.safetensors`` for that format; any other name gives a zip of ``.npy`` arrays.
        half : bool, default=False
            Keep float32 arrays in half precision.
        """
        from .files import save_machine

        save_machine(self, path, half=half)


class RepeatedStageMachine(SequentialMachine):
    """A machine whose stages are copies of one; the base of PoseMachine and ConvPoseMachine."""

    _shipped: str = ""  # how the files of its trained machines begin

    @classmethod
    def from_pretrained(cls, name: str) -> RepeatedStageMachine:
        """A trained machine that comes with the library; nothing is downloaded.

        Parameters
        ----------
        name : {"lspet"}
            The data that it was trained on.

        Returns
        -------
        RepeatedStageMachine
            Ready to predict on crops as :meth:`PeopleDataset.crops <posemachines.PeopleDataset.crops>` cuts them,
            ``crop_size_`` px a side.

        Raises
        ------
        ValueError
            If there is no trained machine of this kind and name.
        """
        from .files import load

        files = {path.stem.removeprefix(cls._shipped): path for path in _PRETRAINED.glob(f"{cls._shipped}*.*")}
        if not cls._shipped or name not in files:
            ready = ", ".join(sorted(files)) if cls._shipped else ""
            raise ValueError(f"no trained {cls.__name__} is called {name!r}; ready ones: {ready or 'none'}")
        return load(files[name])

    def __init__(
        self,
        n_stages: int = 3,
        *,
        stage: Stage | None = None,
        skeleton: str | Skeleton | None = None,
        training=None,
        flip: bool = False,
        scales: Sequence[float] = (1.0,),
        batch_size: int = 64,
        random_state: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.n_stages = n_stages
        self.stage = stage
        self.skeleton = skeleton
        self.training = training
        self.flip = flip
        self.scales = scales
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    def _default_stage(self) -> Stage:
        raise NotImplementedError

    def _make_stages(self) -> list[Stage]:
        if not isinstance(self.n_stages, int | np.integer) or self.n_stages < 1:
            raise ValueError(f"n_stages must be a positive integer; got {self.n_stages!r}")
        first = self._default_stage() if self.stage is None else self.stage
        return [clone(first) for _ in range(self.n_stages)]


def joint_scorer(y: np.ndarray, skeleton: Skeleton) -> Callable[[list[np.ndarray]], dict[str, list[float]]]:
    """Function that gives the PCK@0.2 and @0.1 of joints (N, P, 2), stage by stage, for the truth `y` (N, P, 3)."""
    scale = reference_length(y, skeleton)

    def score(staged: list[np.ndarray]) -> dict[str, list[float]]:
        distances = [normalised_distances(one, y[..., :2], scale, visible=y[..., 2] > 0) for one in staged]
        return {f"pck@{limit}": [pooled_pck(one, limit) for one in distances] for limit in (0.2, 0.1)}

    return score


_ASKED_AS = {"watched": "validation people"}
_PRETRAINED = Path(__file__).parent / "pretrained"


def _common_stride(stages: Sequence[Stage]) -> int:
    if not stages:
        raise ValueError("a machine needs at least one stage; got an empty list")
    for number, stage in enumerate(stages, 1):
        if not isinstance(stage, Stage):
            raise ValueError(f"stage {number} is a {type(stage).__name__}; every stage must be a posemachines.Stage")
    strides = sorted({stage.stride for stage in stages})
    if len(strides) > 1:
        raise ValueError(f"the stages have strides {strides}; give all of them the same one")
    return strides[0]


def _leave_out_outside(joints: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Joints with those outside a crop of `shape` = (H, W) marked as not labelled."""
    edge = np.array(shape[::-1]) - 0.5
    outside = np.asarray(((joints[..., :2] < -0.5) | (joints[..., :2] > edge)).any(-1))
    return np.where(outside[..., None], np.float32(0), joints)


def _hand_down(stage: Stage, name: str, value) -> None:
    """Give a stage a parameter of its machine where it has one and has not set it itself."""
    if name in stage.get_params(deep=False) and (getattr(stage, name) is None or getattr(stage, name) is False):
        stage.set_params(**{name: value})


def _resized(images: np.ndarray, factor: float, stride: int) -> np.ndarray:
    """Crops resized by about `factor`, to a multiple of the stride."""
    height, width = (max(round(size * factor / stride), 1) * stride for size in images.shape[1:3])
    if (height, width) == images.shape[1:3]:
        return images
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(image, (width, height), interpolation=way) for image in images])


def _last(beliefs: Iterator[np.ndarray]) -> np.ndarray:
    for of_stage in beliefs:
        last = of_stage
    return last
