"""What baselines have in common: checks, one stage, files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from posemachines._utils.checks import check_images, check_joints
from posemachines.skeleton import get_skeleton

from ._files import read_baseline, write_baseline

__all__ = ["Baseline"]


class Baseline(BaseEstimator):
    """A machine of one stage, whose fitted state is arrays.

    Subclasses have a parameter ``skeleton``, and write ``_fit``, ``_predict`` and `STATE`.
    """

    STATE: tuple[str, ...] = ()  # names of the fitted arrays, without their underscore

    def fit(self, X, y):
        """Learn from people.

        Parameters
        ----------
        X : uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the arrays are malformed or a part is never labelled.
        """
        X = check_images(X)
        y = check_joints(y, n_people=len(X))
        self.skeleton_ = get_skeleton(self.skeleton, y.shape[1])
        never = [self.skeleton_.parts[part] for part in np.flatnonzero(~(y[..., 2] > 0).any(0))]
        if never:
            raise ValueError(f"nobody has {', '.join(never)} labelled; label some, or select other parts")
        self.shape_ = np.array(X.shape[1:3])
        self._fit(X, y.astype(np.float64))
        return self

    def _fit(self, X, y) -> None:
        raise NotImplementedError

    def _predict(self, X) -> np.ndarray:
        raise NotImplementedError

    def predict(self, X) -> np.ndarray:
        """Joints (N, P, 2), in pixels of the crop.

        Raises
        ------
        ValueError
            If the crops are of another size than those of the training.
        """
        check_is_fitted(self, "shape_")
        X = check_images(X)
        if X.shape[1:3] != tuple(self.shape_):
            raise ValueError(
                f"crops must be {tuple(self.shape_.tolist())} px, as those of the training; got {X.shape[1:3]}"
            )
        return np.asarray(self._predict(X), np.float32)

    def staged_predict(self, X) -> Iterator[np.ndarray]:
        """Joints after its only stage."""
        yield self.predict(X)

    def size(self) -> dict[str, int]:
        """Numbers that are kept."""
        check_is_fitted(self, "shape_")
        return {"parameters": sum(np.asarray(getattr(self, f"{name}_")).size for name in self.STATE)}

    def save(self, path: str | Path) -> None:
        """Write everything into a ``.npz`` file."""
        check_is_fitted(self, "shape_")
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "skeleton"}
        arrays = {name: np.asarray(getattr(self, f"{name}_")) for name in ("shape", *self.STATE)}
        write_baseline(path, type(self).__name__, parameters, self.skeleton_, arrays)

    @classmethod
    def load(cls, path: str | Path):
        """The fitted baseline that :meth:`save` wrote; ValueError for a file of another kind or version."""
        parameters, skeleton, arrays = read_baseline(path, cls.__name__)
        if {*arrays} != {"shape", *cls.STATE}:
            raise ValueError(f"{path} was written by another version of {cls.__name__}; fit it anew")
        machine = cls(**{name: _tuples(value) for name, value in parameters.items()}, skeleton=skeleton)
        machine.skeleton_ = skeleton
        for name, array in arrays.items():
            setattr(machine, f"{name}_", array)
        return machine


def _tuples(value):
    return tuple(value) if isinstance(value, list) else value
