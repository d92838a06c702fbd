"""The one interface of forest stages, convolutional stages and yours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from ._checks import check_beliefs, check_images, check_joints
from .skeleton import Skeleton, get_skeleton

__all__ = ["Stage"]


class Stage(BaseEstimator, ABC):
    """One stage of a pose machine: (image, previous beliefs) -> beliefs.

    A stage has an ``__init__`` that only stores its parameters, `_fit` and `_predict`. Everything else, the checks
    of the input and of the result included, is inherited. :func:`posemachines.testing.check_stage` tells whether
    a stage keeps the contract.

    Attributes
    ----------
    stride : int
        Pixels a belief cell (4 unless the subclass says otherwise).
    reads_composites : bool
        Whether `_fit` and `_predict` want the maps of composite levels, too, that a stage before may have written
        after the background; they are cut off by default.
    n_parts_ : int
        P, known after `fit`.
    skeleton_ : Skeleton
        Left-right pairs and names of the parts, known after `fit`.
    uses_beliefs_ : bool
        Whether the stage was trained with previous beliefs, that is, whether it is not a first stage.

    Examples
    --------
    A stage that repeats what it is given, and is sure of nothing when it is given nothing:

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

    @abstractmethod
    def _fit(self, images: np.ndarray, previous: np.ndarray | None, joints: np.ndarray) -> None:
        """Learn from checked arrays: uint8 (N, H, W, 3), float32 (N, P+1, h, w) or None, float32 (N, P, 3)."""

    @abstractmethod
    def _predict(self, features: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
        """Beliefs (N, P+1, h, w) from what `_features` returned and the checked previous beliefs.

        A stage that looks for composites of parts, too, adds their maps after the background, (N, P+1+E, h, w), and
        says so in :attr:`n_composite_maps`.
        """

    def _features(self, images: np.ndarray) -> np.ndarray:
        """What `_predict` reads of the images; the images themselves unless the subclass says otherwise."""
        return images

    @property
    def n_composite_maps(self) -> int:
        """Maps of composite levels, E, that the fitted stage writes after the background; none unless it says so."""
        return 0

    @property
    def feature_key(self) -> Hashable:
        """Two fitted stages with equal keys read the same features, so that a machine computes them once."""
        return "images" if type(self)._features is Stage._features else id(self)

    def fit(self, images, previous, joints, *, skeleton: str | Skeleton | None = None) -> Stage:
        """Train the stage.

        Parameters
        ----------
        images : uint8 ndarray of shape (N, H, W, 3)
            Person crops, RGB; H and W are multiples of the stride.
        previous : float ndarray of shape (N, P+1, h, w) or (N, P+1+E, h, w) or None
            Beliefs of the stage before on these very people, background after the parts, then the maps of composite
            levels if it wrote some; None for a first stage.
        joints : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible. Joints that are not labelled teach nothing.
        skeleton : str or Skeleton, optional
            Names the parts and their left-right pairs; numbered parts without pairs by default.

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
            raise ValueError("no joint is labelled (visible > 0 nowhere): there is nothing to learn")
        skeleton = get_skeleton(skeleton, joints.shape[1])
        if previous is not None:
            previous = self._check_previous(previous, self._belief_shape(images, joints.shape[1]))
        self.skeleton_ = skeleton
        self.n_parts_ = joints.shape[1]
        self.uses_beliefs_ = previous is not None
        try:
            self._fit(images, previous, joints)
        except BaseException:
            del self.skeleton_, self.n_parts_, self.uses_beliefs_  # what was not learned cannot be predicted with
            raise
        return self

    def features(self, images) -> np.ndarray:
        """What the stage reads of the images (the same for all stages of equal :attr:`feature_key`).

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
        """Beliefs of the stage.

        Parameters
        ----------
        images : uint8 ndarray of shape (N, H, W, 3)
        previous : float ndarray of shape (N, P+1, h, w) or (N, P+1+E, h, w), optional
            Beliefs of the stage before, with `composites` as it was fitted; None for a first stage.
        features : ndarray, optional
            The result of :meth:`features` for these images, where it is at hand.
        composites : bool, default=False
            Return the maps of composite levels, too, which a next stage may read.

        Returns
        -------
        float32 ndarray of shape (N, P+1, h, w)
            Background last; with `composites` (N, P+1+E, h, w), E being 0 for most stages.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the arrays are malformed, or previous beliefs are missing or superfluous.
        """
        self._check_fitted()
        images = check_images(images, stride=self.stride)
        shape = self._belief_shape(images, self.n_parts_)
        if self.uses_beliefs_ != (previous is not None):
            wanted = "needs the beliefs of the stage before" if self.uses_beliefs_ else "is a first stage"
            given = "none were given" if previous is None else "beliefs were given"
            raise ValueError(f"this {type(self).__name__} {wanted}, but {given}; predict as it was fitted")
        if previous is not None:
            previous = self._check_previous(previous, shape)
        beliefs = np.asarray(self._predict(self._features(images) if features is None else features, previous))
        more = self.n_composite_maps
        beliefs = check_beliefs(beliefs, _with_maps(shape, shape[1] + more), what=f"beliefs of {type(self).__name__}")
        return beliefs if composites or not more else np.ascontiguousarray(beliefs[:, : shape[1]])

    def complexity(self) -> dict[str, int]:
        """Size of the fitted stage: {"parameters": n}, {"nodes": n}, or empty where it cannot tell."""
        return {}

    def operations(self, images, previous=None) -> dict[str, float]:
        """What the fitted stage computes for one image, the mean over those that are given.

        Parameters
        ----------
        images, previous
            As in :meth:`predict`, with the maps of composite levels where the stage reads them.

        Returns
        -------
        dict
            E.g. {"multiply_adds": n} or {"node_visits": n}; empty where the stage cannot tell. Features that stages
            share count with the first of them.
        """
        return {}

    def get_state(self) -> dict[str, np.ndarray]:
        """Arrays from which :meth:`set_state` rebuilds the fitted stage; no pickled objects.

        A stage that keeps what it learned in attributes that are arrays (or None) needs to do nothing.
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
        """Take over what :meth:`get_state` returned."""
        for name, value in state.items():
            setattr(self, name, value)

    def _belief_shape(self, images: np.ndarray, n_parts: int) -> tuple[int, int, int, int]:
        return len(images), n_parts + 1, images.shape[1] // self.stride, images.shape[2] // self.stride

    def _check_previous(self, previous, shape: tuple[int, int, int, int]) -> np.ndarray:
        """Beliefs of the stage before, without the maps of composite levels where this stage does not read them."""
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
