"""The base class of the baselines: checks, prediction in one stage, files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from posemachines._utils.checks import check_images, check_joints
from posemachines.datasets import Crops, PoseDataset
from posemachines.inference import Pose, predict_subjects
from posemachines.inference.crop_record import CropRecord
from posemachines.skeleton import Skeleton, get_skeleton

from ._files import describe_baseline, read_baseline, write_baseline

__all__ = ["Baseline", "OnPhotos", "unpack"]


class OnPhotos:
    """Prediction on whole photos, for methods that predict on crops."""

    def predict_photo(self, photo, boxes=None, *, joints=None) -> Pose:
        """Joints of the subjects of a photo; scores are NaN. See :meth:`posemachines.SequentialMachine.predict_photo`.

        Parameters
        ----------
        photo : path or uint8 ndarray of shape (H, W, 3)
        boxes : array-like of shape (N, 4) or (4,), optional
        joints : array-like of shape (N, P, 3) or (P, 3), optional
        """
        check_is_fitted(self, "skeleton_")
        return predict_subjects(self, photo, boxes, joints=joints)


class Baseline(OnPhotos, BaseEstimator):
    """A method that predicts in one step, and whose fitted state is arrays.

    A subclass has a parameter ``skeleton`` and provides ``_fit``, ``_predict`` and `STATE`.
    """

    STATE: tuple[str, ...] = ()  # names of the fitted arrays, without their underscore

    def fit(self, X, y=None):
        """Fit to training subjects.

        Parameters
        ----------
        X : PoseDataset, Crops, or uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3), optional
            With an array of crops: x, y in pixels of the crop, and labelled.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the arrays are malformed or a part is never labelled.
        """
        if isinstance(X, PoseDataset):
            X = X.crops()
        record = CropRecord.of(X)
        X, y, self.skeleton_ = unpack(X, y, self.skeleton)
        never = [self.skeleton_.parts[part] for part in np.flatnonzero(~(y[..., 2] > 0).any(0))]
        if never:
            raise ValueError(f"these parts are never labelled: {', '.join(never)}; label them or select other parts")
        self.shape_ = np.array(X.shape[1:3])
        self.crop_record_ = record
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
            If the crops are not of the size of the training crops.
        """
        check_is_fitted(self, "shape_")
        X = check_images(X.X if isinstance(X, Crops) else X)
        if X.shape[1:3] != tuple(self.shape_):
            raise ValueError(
                f"crops must be {tuple(self.shape_.tolist())} px, the size of the training crops; got {X.shape[1:3]}"
            )
        return np.asarray(self._predict(X), np.float32)

    def staged_predict(self, X) -> Iterator[np.ndarray]:
        """Joints after the only stage."""
        yield self.predict(X)

    @property
    def crop_shape_(self) -> tuple[int, int]:
        """Height and width of the crops, in pixels."""
        check_is_fitted(self, "shape_")
        return int(self.shape_[0]), int(self.shape_[1])

    def size(self) -> dict[str, int]:
        """{"parameters": n}: the numbers that a fitted baseline stores."""
        check_is_fitted(self, "shape_")
        return {"parameters": sum(np.asarray(getattr(self, f"{name}_")).size for name in self.STATE)}

    def save(self, path: str | Path) -> None:
        """Write the fitted baseline into a ``.npz`` file."""
        check_is_fitted(self, "shape_")
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "skeleton"}
        arrays = {name: np.asarray(getattr(self, f"{name}_")) for name in ("shape", *self.STATE)}
        write_baseline(path, type(self).__name__, parameters, self.skeleton_, arrays, self.crop_record_)

    @classmethod
    def load(cls, path: str | Path):
        """Read the baseline that :meth:`save` wrote; ValueError for a file of another kind or version."""
        parameters, skeleton, arrays = read_baseline(path, cls.__name__)
        if {*arrays} != {"shape", *cls.STATE}:
            raise ValueError(f"{path} was written by another version of {cls.__name__}; fit it anew")
        machine = cls(**{name: _tuples(value) for name, value in parameters.items()}, skeleton=skeleton)
        machine.skeleton_, machine.crop_record_ = skeleton, describe_baseline(path)[1]
        for name, array in arrays.items():
            setattr(machine, f"{name}_", array)
        return machine


def unpack(X, y, skeleton: str | Skeleton | None) -> tuple[np.ndarray, np.ndarray, Skeleton]:
    """Checked crops and joints, of Crops or of two arrays, and their skeleton."""
    if isinstance(X, Crops):
        if y is not None:
            raise ValueError("crops bring their own joints; leave y out")
        skeleton = X.skeleton if skeleton is None else skeleton
        X, y = X.X, X.y
    elif y is None:
        raise ValueError("y is missing: pass crops with their joints, or two arrays")
    X = check_images(X)
    y = check_joints(y, n_people=len(X))
    return X, y, get_skeleton(skeleton, y.shape[1])


def _tuples(value):
    return tuple(value) if isinstance(value, list) else value
