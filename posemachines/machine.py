"""The sequential machine: an ordered list of stages of any kind."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import _BaseComposition

from ._utils.checks import check_images, check_joint_frame, check_joints
from ._utils.deprecation import renamed_keyword
from .evaluation.accuracy import describe_reference
from .evaluation.scores import Score
from .inference.crop_record import CropRecord
from .inference.staged_predictor import StagedPredictor
from .inference.test_time_augmentation import check_flip
from .io.machine_files import save_machine
from .metrics import normalised_distances, pooled_pck, reference_length
from .skeleton import Skeleton, get_skeleton
from .stage import Runtime, Stage
from .training.stacking import StackedTraining

__all__ = ["SequentialMachine"]

_SUBJECTS_AS = {"watched": "validation subjects"}


class SequentialMachine(StagedPredictor, _BaseComposition):
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
    crop_size : int or (height, width), default=128
        Side of square crops, or both sides, in pixels, that are cut when a dataset is given instead of crops.
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
    crop_size_ : int or (int, int)
        Side of the training crops, in pixels; (height, width) where they are not square. Crops of another size are
        refused.
    crop_shape_ : (int, int)
        Height and width of the training crops, in pixels.
    crop_record_ : CropRecord or None
        How the training crops were cut, for the photos to come; None if the machine was trained on arrays. See
        :class:`posemachines.inference.CropRecord`.

    Examples
    --------
    >>> from posemachines import ConvStage, ForestStage, JointTraining, SequentialMachine, StackedTraining
    >>> training = StackedTraining(n_augmented=2, net=JointTraining(epochs=10))
    >>> hybrid = SequentialMachine([ForestStage(), ConvStage()], training=training, skeleton="lsp")
    >>> hybrid.fit(X, y).predict(X_new)  # doctest: +SKIP
    """

    coarse_subject = 28  # px, that a subject should span on a whole photo to be located

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
        crop_size: int | tuple[int, int] = 128,
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

    def coarse(self, n_subjects: int):
        """An untrained, cheaper machine of the same kind, that locates subjects on whole photos.

        Parameters
        ----------
        n_subjects : int
            That it will be trained on.

        Returns
        -------
        SequentialMachine
            Of the first stage only.
        """
        return clone(self).set_params(stages=self._make_stages()[:1], verbose=False)

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
        X = X.crops(self.crop_size) if hasattr(X, "crops") else X
        record = CropRecord.of(X)
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
        self.skeleton_, self.crop_record_ = skeleton, record
        self._set_crop_shape(X.shape[1:3])
        return self

    def _set_crop_shape(self, shape: tuple[int, int]) -> None:
        height, width = (int(side) for side in shape)
        self.crop_shape_ = height, width
        self.crop_size_ = height if height == width else (height, width)

    def _unpack(self, X, y, *, size: int | tuple[int, int] | None = None) -> tuple:
        """Images, joints and skeleton (or None) of a dataset, of crops, or of two arrays; `size` of crops to cut."""
        if hasattr(X, "crops"):
            X = X.crops(size or getattr(self, "crop_size_", None) or self.crop_size)
        if hasattr(X, "transforms"):
            if y is not None:
                raise ValueError("a dataset brings its own joints; leave y out")
            return X.X, X.y, X.skeleton
        if y is None:
            raise ValueError("y is missing: pass a dataset, its crops, or an array of crops and their joints")
        return X, y, None

    # -- prediction -------------------------------------------------------------------------------------------------

    def _fitted_stages(self) -> list[Stage]:
        if not hasattr(self, "stages_"):
            raise NotFittedError(f"this {type(self).__name__} is not trained; call fit first")
        runtime = self._runtime()
        for stage in self.stages_:
            stage.runtime = runtime
        return self.stages_

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
        X, y, given = self._unpack(X, y)
        y = check_joints(y, n_people=len(X), n_parts=self._fitted_stages()[0].n_parts_)
        if given is not None and given.parts != self.skeleton_.parts:
            raise ValueError(
                f"the data have the parts {', '.join(given.parts)}, but this machine predicts "
                f"{', '.join(self.skeleton_.parts)}; select or rename parts of the data"
            )
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
    if "random_state" in stage.get_params(deep=False) and stage.random_state is None:
        stage.set_params(random_state=seed)
