"""The interface that forest stages, convolutional stages and your own stages share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from ._utils.checks import check_beliefs, check_images, check_joints
from ._utils.deprecation import deprecated_method
from .skeleton import Skeleton, get_skeleton

__all__ = ["Runtime", "Stage"]


@dataclass(frozen=True)
class Runtime:
    """Where and how a stage computes; it never changes what a stage is.

    Parameters
    ----------
    device : str, default="auto"
        "auto" (CUDA if available), "cpu", "cuda" or "cuda:<index>". Convolutional stages only.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Number format of the convolutions; "auto" takes the fastest that the device supports.
    n_jobs : int, optional
        Threads on the CPU, -1 for all cores. None means one thread for forests and PyTorch's own default for networks.
    compile : bool or str, default=False
        Predict through ``torch.compile``: True for its default backend, or the name of a backend.
    verbose : bool, default=False
        Show progress bars.
    """

    device: str = "auto"
    precision: str = "auto"
    n_jobs: int | None = None
    compile: bool | str = False
    verbose: bool = False


class Stage(BaseEstimator, ABC):
    """One stage of a pose machine: (image, previous beliefs) -> beliefs.

    A stage is architecture and maths. How it is trained belongs to the training strategy, where it runs to the machine
    (:class:`Runtime`). A subclass provides an ``__init__`` that only stores its parameters, `_fit` and `_predict`; it
    inherits everything else, including the checks of input and output. Run :func:`posemachines.testing.check_stage` to
    verify that a stage keeps the contract.

    Attributes
    ----------
    stride : int
        Stride of the belief grid, in pixels (4 unless the subclass says otherwise).
    reads_composites : bool
        Whether `_fit` and `_predict` also receive the maps of composite levels that a previous stage may append after
        the background. They are cut off by default.
    runtime : Runtime
        Set by the machine before `fit` and `predict`.
    n_parts_ : int
        Number of parts P, set by `fit`.
    skeleton_ : Skeleton
        Names and left-right pairs of the parts, set by `fit`.
    uses_beliefs_ : bool
        Whether the stage was trained on previous beliefs; False for a first stage.

    Examples
    --------
    A stage that repeats the beliefs it is given, and starts from uniform ones:

    >>> class Echo(Stage):
    ...     def _fit(self, images, previous, joints):
    ...         pass
    ...     def _predict(self, features, previous):
    ...         n, height, width, _ = features.shape
    ...         shape = n, self.n_parts_ + 1, height // self.stride, width // self.stride
    ...         return np.full(shape, 1 / shape[1]) if previous is None else previous
    """

    stride: int = 4
    reads_composites: bool = False
    runtime: Runtime = Runtime()
    PARAMETER_TYPES: dict[str, type] = {}  # parameters that are dataclasses, which machine files store by their fields
    reads_fixed_features: bool = False  # whether `_features` works before `fit`, which then reads its result
    _training = None  # settings, checkpoint and features of the fit in progress
    _checkpoint: Path | None = None
    _given_features: np.ndarray | None = None

    @abstractmethod
    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        """Learn from checked arrays: uint8 (N, H, W, 3), float32 (N, P+1, h, w) or None, float32 (N, P, 3)."""

    @abstractmethod
    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        """Beliefs (N, P+1, h, w) from the output of `_features` and the checked previous beliefs.

        A stage that also predicts composites of parts appends their maps after the background, (N, P+1+E, h, w), and
        reports E as :attr:`n_composite_maps`.
        """

    def _features(self, images: np.ndarray) -> np.ndarray:
        """Features that `_predict` reads; the images themselves unless the subclass says otherwise."""
        return images

    @property
    def n_composite_maps(self) -> int:
        """Number E of composite maps that the fitted stage appends after the background; 0 by default."""
        return 0

    @property
    def feature_key(self) -> Hashable:
        """Fitted stages with equal keys read the same features, so that a machine computes them once."""
        return "images" if type(self)._features is Stage._features else id(self)

    def fit(
        self,
        images,
        previous,
        joints,
        *,
        skeleton: str | Skeleton | None = None,
        training=None,
        checkpoint: str | Path | None = None,
        features: np.ndarray | None = None,
    ) -> Stage:
        """Train the stage.

        Parameters
        ----------
        images : uint8 ndarray of shape (N, H, W, 3)
            Crops, RGB; H and W are multiples of the stride.
        previous : float ndarray of shape (N, P+1, h, w) or (N, P+1+E, h, w) or None
            Beliefs of the previous stage on the same subjects: parts, background, then the maps of composite levels
            if there are any. None for a first stage.
        joints : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and labelled. Unlabelled joints are ignored.
        skeleton : str or Skeleton, optional
            Names the parts and their left-right pairs; numbered parts without pairs by default.
        training : optional
            Settings for a stage that is trained by gradient descent, such as
            :class:`JointTraining <posemachines.JointTraining>`; other stages ignore it.
        checkpoint : path, optional
            File from which an interrupted fit resumes, for stages that support it. Removed when the fit is complete.
        features : ndarray, optional
            The features of these images, if ``reads_fixed_features`` is true, to avoid computing them again; other
            stages ignore them.

        Returns
        -------
        Stage
            Itself.

        Raises
        ------
        ValueError
            If the arrays are malformed or disagree, or no joint is labelled.
        """
        images = check_images(images, stride=self.stride)
        joints = check_joints(joints, n_people=len(images))
        if not joints[..., 2].any():
            raise ValueError("no joint is labelled (labelled > 0 nowhere): there is nothing to learn")
        if features is not None and len(features) != len(images):
            raise ValueError(f"there are features of {len(features)} crops, but {len(images)} crops")
        skeleton = get_skeleton(skeleton, joints.shape[1])
        if previous is not None:
            previous = self._check_previous(previous, self._belief_shape(images, joints.shape[1]))
        self.skeleton_ = skeleton
        self.n_parts_ = joints.shape[1]
        self.uses_beliefs_ = previous is not None
        self._training, self._checkpoint = training, None if checkpoint is None else Path(checkpoint)
        self._given_features = features
        try:
            self._fit(images, previous, joints)
        except BaseException:
            del self.skeleton_, self.n_parts_, self.uses_beliefs_  # a stage that failed to fit must not predict
            raise
        finally:
            del self._training, self._checkpoint, self._given_features
        return self

    def compute_features(self, images) -> np.ndarray:
        """Features of the images, the same for all stages with an equal :attr:`feature_key`.

        Parameters
        ----------
        images : uint8 ndarray of shape (N, H, W, 3)

        Returns
        -------
        ndarray of shape (N, ...)
        """
        self._check_fitted()
        return self._features(check_images(images, stride=self.stride))

    def predict(self, images, previous=None, *, features=None, composites: bool = False) -> np.ndarray:
        """Beliefs (heatmaps) of the stage.

        Parameters
        ----------
        images : uint8 ndarray of shape (N, H, W, 3)
        previous : float ndarray of shape (N, P+1, h, w) or (N, P+1+E, h, w), optional
            Beliefs of the previous stage, with `composites` as in `fit`; None for a first stage.
        features : ndarray, optional
            The result of :meth:`compute_features` for these images, to avoid computing it again.
        composites : bool, default=False
            Also return the maps of composite levels, which the next stage may read.

        Returns
        -------
        float32 ndarray of shape (N, P+1, h, w)
            Background last; with `composites` (N, P+1+E, h, w), where E is 0 for most stages.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the arrays are malformed, or previous beliefs are missing or unexpected.
        """
        self._check_fitted()
        images = check_images(images, stride=self.stride)
        shape = self._belief_shape(images, self.n_parts_)
        if self.uses_beliefs_ != (previous is not None):
            wanted = "needs the beliefs of the previous stage" if self.uses_beliefs_ else "is a first stage"
            given = "got none" if previous is None else "got beliefs"
            raise ValueError(f"this {type(self).__name__} {wanted}, but {given}; predict with the inputs used in fit")
        if previous is not None:
            previous = self._check_previous(previous, shape)
        beliefs = np.asarray(self._predict(self._features(images) if features is None else features, previous))
        more = self.n_composite_maps
        beliefs = check_beliefs(beliefs, _with_maps(shape, shape[1] + more), what=f"beliefs of {type(self).__name__}")
        return beliefs if composites or not more else np.ascontiguousarray(beliefs[:, : shape[1]])

    def size(self) -> dict[str, int]:
        """Size of the fitted stage: {"parameters": n} or {"nodes": n}; empty if unknown."""
        return {}

    def count_operations(self, images, previous=None) -> dict[str, float]:
        """Operations that the fitted stage needs per image, averaged over the given images.

        Parameters
        ----------
        images, previous
            As in :meth:`predict`, including the maps of composite levels if the stage reads them.

        Returns
        -------
        dict
            For example {"multiply_adds": n} or {"node_visits": n}; empty if unknown. Features shared by several
            stages are counted with the first of them.
        """
        return {}

    features = deprecated_method("compute_features")
    complexity = deprecated_method("size")
    operations = deprecated_method("count_operations")

    def get_state(self) -> dict[str, np.ndarray]:
        """Arrays from which :meth:`set_state` rebuilds the fitted stage; nothing is pickled.

        A stage whose learned attributes are all arrays (or None) need not override this.
        """
        state = {}
        for name, value in vars(self).items():
            if name.endswith("_") and not name.startswith("_") and name not in _KNOWN_BY_THE_MACHINE:
                array = np.asarray(value)
                if array.dtype.hasobject:
                    raise TypeError(
                        f"{type(self).__name__}.{name} is a {type(value).__name__}, which is not saved as an array; "
                        "override get_state and set_state"
                    )
                state[name] = array
        return state

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore the arrays that :meth:`get_state` returned."""
        for name, value in state.items():
            setattr(self, name, value)

    def _belief_shape(self, images: np.ndarray, n_parts: int) -> tuple[int, int, int, int]:
        return len(images), n_parts + 1, images.shape[1] // self.stride, images.shape[2] // self.stride

    def _check_previous(self, previous, shape: tuple[int, int, int, int]) -> np.ndarray:
        """Beliefs of the previous stage, without composite maps unless this stage reads them."""
        given = np.shape(previous)
        more = max(given[1] - shape[1], 0) if len(given) == 4 else 0
        previous = check_beliefs(previous, _with_maps(shape, shape[1] + more), what="previous beliefs")
        return previous if self.reads_composites or not more else np.ascontiguousarray(previous[:, : shape[1]])

    def _check_fitted(self) -> None:
        if not hasattr(self, "n_parts_"):
            raise NotFittedError(f"this {type(self).__name__} is not trained; call fit first")


def _with_maps(shape: tuple[int, int, int, int], n_maps: int) -> tuple[int, int, int, int]:
    return shape[0], n_maps, shape[2], shape[3]


_KNOWN_BY_THE_MACHINE = frozenset({"n_parts_", "skeleton_", "uses_beliefs_"})
