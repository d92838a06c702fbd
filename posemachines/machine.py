"""The sequential machine: an ordered list of stages of any kind."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import _BaseComposition

from ._utils.checks import check_images, check_joint_frame, check_joints
from ._utils.deprecation import renamed_keyword
from .beliefs import decode
from .evaluation.accuracy import describe_reference
from .evaluation.scores import Score
from .inference.pose import Pose
from .inference.subjects import predict_subjects
from .inference.test_time_augmentation import average_views, check_flip, make_views
from .io.machine_files import load_machine, save_machine
from .metrics import normalised_distances, pooled_pck, reference_length
from .skeleton import Skeleton, get_skeleton
from .stage import Runtime, Stage
from .training.stacking import StackedTraining

__all__ = ["RepeatedStageMachine", "SequentialMachine", "joint_scorer"]

_PRETRAINED = Path(__file__).parent / "pretrained"
_SUBJECTS_AS = {"watched": "validation subjects"}


class SequentialMachine(_BaseComposition):
    """Predicts joints with stages that each refine the beliefs of the previous one.

    It follows scikit-learn's conventions and works with ``cross_val_score`` and ``GridSearchCV``; parameters of a stage
    are reached as ``stage1__n_rounds``.

    Parameters
    ----------
    stages : list of Stage
        In order, of any kinds, with the same stride. `fit` clones them and leaves them unchanged.
    skeleton : str or Skeleton, optional
        Names of the parts and left-right pairs; by default that of the data, or numbered parts without pairs.
    training : strategy, optional
        How the stages are trained; :class:`posemachines.StackedTraining` by default. Settings of convolutional stages
        go into its `net`.
    flip : bool, default=False
        Test-time augmentation: average the beliefs with those of the mirror image; needs a skeleton with pairs.
    tta_scales : sequence of float, default=(1.0,)
        Test-time augmentation: scales at which a crop is seen; the beliefs are averaged.
    predict_batch_size : int, default=64
        Subjects predicted at a time.
    crop_size : int, default=128
        Side of the crops, in pixels, that are cut when a dataset is given instead of crops.
    device, precision, compile, n_jobs
        Where and how the stages compute, in training and prediction; see :class:`posemachines.Runtime`. They may be
        changed on a fitted machine.
    random_state : int, optional
        Seeds the training; stages whose own ``random_state`` is None are seeded from it.
    verbose : bool, default=False
        Show progress.

    Attributes
    ----------
    stages_ : list of Stage
        The fitted stages.
    skeleton_ : Skeleton
        The parts that the machine predicts.
    crop_size_ : int
        Height of the training crops, in pixels. Crops of another size are refused.

    Examples
    --------
    >>> from posemachines import ConvStage, ForestStage, JointTraining, SequentialMachine, StackedTraining
    >>> training = StackedTraining(n_augmented=2, net=JointTraining(epochs=10))
    >>> hybrid = SequentialMachine([ForestStage(), ConvStage()], training=training, skeleton="lsp")
    >>> hybrid.fit(X, y).predict(X_new)  # doctest: +SKIP
    """

    @renamed_keyword(scales="tta_scales", batch_size="predict_batch_size")
    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        skeleton: str | Skeleton | None = None,
        training=None,
        flip: bool = False,
        tta_scales: Sequence[float] = (1.0,),
        predict_batch_size: int = 64,
        crop_size: int = 128,
        device: str = "auto",
        precision: str = "auto",
        compile: bool | str = False,
        n_jobs: int | None = None,
        random_state: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.stages = stages
        self.skeleton = skeleton
        self.training = training
        self.flip = flip
        self.tta_scales = tta_scales
        self.predict_batch_size = predict_batch_size
        self.crop_size = crop_size
        self.device = device
        self.precision = precision
        self.compile = compile
        self.n_jobs = n_jobs
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
        """Parameters, including those of the stages as ``stage1__...`` if `deep`."""
        if "stages" not in self._get_param_names():
            return super().get_params(deep)
        return self._get_params("_named_stages", deep=deep)

    def set_params(self, **params):
        """Set parameters, those of a stage as ``stage1__...``, or a whole stage as ``stage1``."""
        if "stages" not in self._get_param_names():
            return super().set_params(**params)
        return self._set_params("_named_stages", **params)

    # -- what subclasses choose -------------------------------------------------------------------------------------

    def _make_stages(self) -> list[Stage]:
        """The unfitted stages that `fit` trains and may change."""
        return [clone(stage) if isinstance(stage, Stage) else stage for stage in self.stages]

    def make_training(self):
        """The strategy that `fit` uses."""
        return StackedTraining() if self.training is None else self.training

    def _runtime(self) -> Runtime:
        runtime = {"compile": False, "device": "auto", "precision": "auto"}
        runtime = {name: getattr(self, name, default) for name, default in runtime.items()}
        return Runtime(n_jobs=self.n_jobs, verbose=self.verbose, **runtime)  # type: ignore[arg-type]

    # -- training ---------------------------------------------------------------------------------------------------

    def fit(self, X, y=None) -> SequentialMachine:
        """Train all stages.

        Parameters
        ----------
        X : PoseDataset, Crops, or uint8 ndarray of shape (N, H, W, 3)
            Subjects with their labels, or RGB crops of subjects.
        y : float32 ndarray of shape (N, P, 3), optional
            With an array of crops: x, y in pixels of the crop, and labelled (0 = not labelled). Labelled joints outside
            the crop count as unlabelled.

        Returns
        -------
        SequentialMachine
            Itself.

        Raises
        ------
        ValueError
            If the arrays are malformed or do not match the skeleton, the joints are obviously not in pixels of the
            crop, a part is never labelled, there are no stages, or their strides differ.
        """
        return self._fit_stages(X, y)

    def _fit_stages(self, X, y, **more) -> SequentialMachine:
        """Train all stages; `more` are further arguments of the strategy."""
        stages = self._make_stages()
        stride = _common_stride(stages)
        X, y, given = self._unpack(X, y)
        X = check_images(X, stride=stride)
        y = check_joints(y, n_people=len(X))
        check_joint_frame(y, X.shape[1:3])
        skeleton = get_skeleton(given if self.skeleton is None else self.skeleton, y.shape[1])
        if self.skeleton is None and given is None:
            warnings.warn(
                "no skeleton is given: crops are not mirrored, and the reference length of PCK is the bounding box of "
                "the joints; pass skeleton=... or a dataset",
                stacklevel=3,
            )
        check_flip(self.flip, skeleton)
        y = _without_outside(y, X.shape[1:3])
        never = [skeleton.parts[part] for part in np.flatnonzero(~y[..., 2].any(0))]
        if never:
            raise ValueError(f"these parts are never labelled: {', '.join(never)}; label them or select other parts")
        seeds = np.random.SeedSequence(self.random_state).generate_state(len(stages) + 1) % 2**31
        for stage, seed in zip(stages, seeds, strict=False):
            _seed(stage, int(seed))
        training = self.make_training()
        unknown = [name for name in more if name not in inspect.signature(training.fit_stages).parameters]
        if unknown:
            raise ValueError(f"{type(training).__name__} takes no {_SUBJECTS_AS.get(unknown[0], unknown[0])}")
        self.stages_ = training.fit_stages(
            stages, X, y, skeleton, random_state=int(seeds[-1]), runtime=self._runtime(), **more
        )
        self.skeleton_, self.crop_size_, self._crop_shape = skeleton, int(X.shape[1]), X.shape[1:3]
        return self

    def _unpack(self, X, y) -> tuple:
        """Crops, joints and skeleton (or None) of a dataset, of crops, or of two arrays."""
        if hasattr(X, "crops"):
            X = X.crops(getattr(self, "crop_size_", None) or self.crop_size)
        if hasattr(X, "transforms"):
            if y is not None:
                raise ValueError("a dataset brings its own joints; leave y out")
            return X.X, X.y, X.skeleton
        if y is None:
            raise ValueError("y is missing: pass a dataset, its crops, or an array of crops and their joints")
        return X, y, None

    # -- prediction -------------------------------------------------------------------------------------------------

    @property
    def stride_(self) -> int:
        """Stride of the belief grid, in pixels."""
        return self._fitted_stages()[0].stride

    def _fitted_stages(self) -> list[Stage]:
        if not hasattr(self, "stages_"):
            raise NotFittedError(f"this {type(self).__name__} is not trained; call fit first")
        runtime = self._runtime()
        for stage in self.stages_:
            stage.runtime = runtime
        return self.stages_

    def _batch_beliefs(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Beliefs of one batch, stage by stage, with composites; shared features are computed once."""
        features: dict = {}
        previous = None
        for stage in self._fitted_stages():
            key = stage.feature_key
            if key not in features:
                features[key] = stage.features(images)
            previous = stage.predict(images, previous, features=features[key], composites=True)
            yield previous

    def _averaged_beliefs(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Part beliefs of one batch, stage by stage, with test-time augmentation."""
        return average_views(
            self._batch_beliefs, images, self.skeleton_, tta_scales=self.tta_scales, flip=self.flip, stride=self.stride_
        )

    def _batches(self, X) -> Iterator[np.ndarray]:
        X = X.X if hasattr(X, "transforms") else X
        X = check_images(X, stride=self.stride_)
        self._check_size(X)
        size = self.predict_batch_size
        return (X[start : start + size] for start in range(0, len(X), size))

    def _check_size(self, X: np.ndarray) -> None:
        """Raise ValueError for crops of another size than the machine was trained on."""
        known = getattr(self, "crop_size_", None)
        shape = getattr(self, "_crop_shape", None) or (known and (known, known))
        if shape and X.shape[1:3] != tuple(shape):
            raise ValueError(
                f"the crops are {X.shape[1]} x {X.shape[2]} px but this machine was trained on {shape[0]} x {shape[1]} "
                f"px; cut them with dataset.crops({shape[0]})"
            )

    def staged_beliefs(self, X, *, composites: bool = False) -> Iterator[np.ndarray]:
        """Belief maps (heatmaps) of stage 1, 2, ...

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3) or Crops
        composites : bool, default=False
            Also yield the maps of composite levels, as the next stage reads them: without test-time augmentation.

        Yields
        ------
        float32 ndarray of shape (N, P+1, h, w)
            Background last; with `composites` (N, P+1+E, h, w), each level with its own background last.

        Notes
        -----
        One batch (`predict_batch_size` subjects) is computed stage by stage as the generator advances. More subjects
        are computed completely at the first step, since keeping their features would need more memory than their
        beliefs.
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
        """Joints (N, P, 2) and scores (N, P) after stage 1, 2, ...; holds the belief maps of one batch at a time."""
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
        """Joints of each subject.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3) or Crops

        Returns
        -------
        float32 ndarray of shape (N, P, 2)
            x, y in pixels of the crop.

        Raises
        ------
        ValueError
            If the crops are not of the size that the machine was trained on.
        """
        return self.predict_scores(X)[0]

    def predict_scores(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N, P, 2) of each subject and their scores (N, P), the beliefs at the peaks."""
        decoded = [decode(_last(self._averaged_beliefs(batch)), stride=self.stride_) for batch in self._batches(X)]
        joints, scores = zip(*decoded, strict=True)
        return np.concatenate(joints), np.concatenate(scores)

    def predict_photo(
        self,
        photo,
        boxes=None,
        *,
        joints=None,
        tta_scales: Sequence[float] | None = None,
        flip: bool | None = None,
        subpixel: bool | None = None,
        threshold: float | None = None,
        stage: int | None = None,
        protocol: str | None = None,
    ) -> Pose:
        """Joints of the subjects in a photo.

        Parameters
        ----------
        photo : path or uint8 ndarray of shape (H, W, 3)
            RGB.
        boxes : array-like of shape (N, 4) or (4,), optional
            Bounding boxes: x, y of the first pixel, width, height, in pixels of the photo.
        joints : array-like of shape (N, P, 3), optional
            Approximate joints (x, y, labelled) instead of boxes, for example those of the previous video frame. Without
            boxes and joints the whole photo is taken as one subject.
        tta_scales, flip, subpixel, threshold, stage, protocol
            See :func:`posemachines.inference.predict_photo`.

        Returns
        -------
        Pose
            Joints and scores in pixels of the photo; ``pose.draw().save("drawn.png")`` draws them.

        Raises
        ------
        ValueError
            If both boxes and joints are given, they are malformed or outside the photo, or an option is out of range.
        FileNotFoundError
            If there is no such photo.
        """
        options = {
            "tta_scales": tta_scales, "flip": flip, "subpixel": subpixel, "threshold": threshold, "stage": stage,
            "protocol": protocol,
        }  # fmt: skip
        return predict_subjects(self, photo, boxes, joints=joints, **options)

    def score(self, X, y=None) -> Score:
        """PCK@0.2 over all labelled joints.

        Parameters
        ----------
        X : PoseDataset, Crops, or uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3), optional

        Returns
        -------
        Score
            A float in [0, 100] that prints its metric and reference length; NaN if no subject has both joints of the
            reference length labelled.
        """
        X, y, _ = self._unpack(X, y)
        y = check_joints(y, n_people=len(X), n_parts=self._fitted_stages()[0].n_parts_)
        lengths = reference_length(y, self.skeleton_)
        distances = normalised_distances(self.predict(X), y[..., :2], lengths, labelled=y[..., 2] > 0)
        return Score(pooled_pck(distances, 0.2), "PCK@0.2", describe_reference(self.skeleton_))

    def size(self) -> dict[str, int]:
        """Size of the fitted machine, e.g. {"parameters": n, "nodes": m}, summed over its stages."""
        total: dict[str, int] = {}
        for stage in self._fitted_stages():
            for kind, number in stage.size().items():
                total[kind] = total.get(kind, 0) + number
        return total

    def count_operations(self, X) -> dict[str, float]:
        """Operations that the fitted machine needs per image, e.g. {"multiply_adds": n, "node_visits": m}.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
            A few images; the result is their mean.

        Returns
        -------
        dict
            Summed over the stages that know, and over the views of test-time augmentation.
        """
        X = check_images(X, stride=self.stride_)
        total: dict[str, float] = {}
        for crops, _ in make_views(X, tta_scales=self.tta_scales, flip=self.flip, stride=self.stride_):
            previous = None
            for stage, beliefs in zip(self._fitted_stages(), self._batch_beliefs(crops), strict=True):
                for kind, number in stage.count_operations(crops, previous).items():
                    total[kind] = total.get(kind, 0) + number
                previous = beliefs
        return total

    # -- files ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, half: bool = False) -> None:
        """Write the fitted machine into one file of arrays and JSON, to be read by :func:`posemachines.load`.

        Parameters
        ----------
        path : path
            A name ending in ``.safetensors`` selects that format; any other gives a zip of ``.npy`` arrays.
        half : bool, default=False
            Store float32 arrays in half precision.
        """
        save_machine(self, path, half=half)


class RepeatedStageMachine(SequentialMachine):
    """A machine whose stages are copies of one; the base of PoseMachine and ConvPoseMachine."""

    _shipped: str = ""  # prefix of the files of its trained machines

    n_stages: int
    stage: Stage | None

    @classmethod
    def from_pretrained(cls, name: str = "lspet") -> RepeatedStageMachine:
        """A trained machine that comes with the library; nothing is downloaded.

        Parameters
        ----------
        name : {"lspet"}, default="lspet"
            The training data: "lspet" is Leeds Sports Pose Extended, people in 14 joints.

        Returns
        -------
        RepeatedStageMachine
            Predicts on photos, or on crops of ``crop_size_`` px.

        Raises
        ------
        ValueError
            If there is no trained machine of this kind and name.
        """
        files = {path.stem.removeprefix(cls._shipped): path for path in _PRETRAINED.glob(f"{cls._shipped}*.*")}
        if not cls._shipped or name not in files:
            ready = ", ".join(sorted(files)) if cls._shipped else ""
            raise ValueError(f"there is no trained {cls.__name__} named {name!r}; available: {ready or 'none'}")
        return load_machine(files[name])

    def _default_stage(self) -> Stage:
        raise NotImplementedError

    def _make_stages(self) -> list[Stage]:
        if not isinstance(self.n_stages, int | np.integer) or self.n_stages < 1:
            raise ValueError(f"n_stages must be a positive integer; got {self.n_stages!r}")
        first = self._default_stage() if self.stage is None else self.stage
        return [clone(first) for _ in range(self.n_stages)]

    def _changed(self, *names: str) -> dict:
        """Of these parameters, those that differ from their defaults."""
        defaults = inspect.signature(type(self).__init__).parameters
        return {name: value for name in names if (value := getattr(self, name)) != defaults[name].default}


def joint_scorer(y: np.ndarray, skeleton: Skeleton) -> Callable[[list[np.ndarray]], dict[str, list[float]]]:
    """Function that maps joints (N, P, 2) per stage to their PCK@0.2 and @0.1, for the ground truth `y` (N, P, 3)."""
    lengths = reference_length(y, skeleton)

    def score(staged: list[np.ndarray]) -> dict[str, list[float]]:
        distances = [normalised_distances(one, y[..., :2], lengths, labelled=y[..., 2] > 0) for one in staged]
        return {f"pck@{limit}": [pooled_pck(one, limit) for one in distances] for limit in (0.2, 0.1)}

    return score


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


def _without_outside(joints: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Joints with those outside a crop of `shape` = (H, W) marked as unlabelled."""
    edge = np.array(shape[::-1]) - 0.5
    outside = np.asarray(((joints[..., :2] < -0.5) | (joints[..., :2] > edge)).any(-1))
    return np.where(outside[..., None], np.float32(0), joints)


def _seed(stage: Stage, seed: int) -> None:
    """Give a stage a seed unless it has one."""
    if "random_state" in stage.get_params(deep=False) and stage.random_state is None:  # type: ignore[attr-defined]
        stage.set_params(random_state=seed)


def _last(beliefs: Iterator[np.ndarray]) -> np.ndarray:
    for of_stage in beliefs:
        last = of_stage
    return last
