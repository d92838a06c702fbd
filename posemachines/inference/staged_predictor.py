"""Prediction with a list of fitted stages, on crops and on photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .._utils.checks import check_images
from .._utils.deprecation import deprecated_method
from ..beliefs import decode
from ..skeleton import Skeleton
from ..stage import Stage
from .crop_record import CropRecord
from .pose import Pose
from .subjects import predict_subjects
from .test_time_augmentation import average_views, make_views

__all__ = ["StagedPredictor"]


class StagedPredictor:
    """The prediction of a machine: everything that needs its fitted stages and nothing else.

    A subclass has the attributes below and ``_fitted_stages()``, which returns the stages or raises NotFittedError.

    Attributes
    ----------
    skeleton_ : Skeleton
    crop_size_ : int or (int, int)
        Side of the training crops, in pixels; (height, width) where they are not square.
    crop_shape_ : (int, int)
        Height and width of the training crops, in pixels.
    crop_record_ : CropRecord or None
        How the training crops were cut, if that is known.
    flip, tta_scales
        Test-time augmentation.
    predict_batch_size : int
        Subjects predicted at a time.
    """

    skeleton_: Skeleton
    crop_size_: int | tuple[int, int]
    crop_shape_: tuple[int, int]
    crop_record_: CropRecord | None
    flip: bool
    tta_scales: Sequence[float]
    predict_batch_size: int

    def _fitted_stages(self) -> list[Stage]:
        raise NotImplementedError

    @property
    def stride_(self) -> int:
        """Stride of the belief grid, in pixels."""
        return self._fitted_stages()[0].stride

    def _batch_beliefs(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Beliefs of one batch, stage by stage, with composites; shared features are computed once."""
        features: dict = {}
        previous = None
        for stage in self._fitted_stages():
            key = stage.feature_key
            if key not in features:
                features[key] = stage.compute_features(images)
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
        size = getattr(self, "crop_size_", None)
        shape = getattr(self, "crop_shape_", None)  # files of version 1 know the height only
        if (size or shape) and X.shape[1:3] != tuple(shape or (size, X.shape[2])):
            trained = f"{shape[0]} x {shape[1]}" if shape else f"{size}"
            raise ValueError(
                f"the crops are {X.shape[1]} x {X.shape[2]} px but this machine was trained on {trained} px; cut them "
                f"with dataset.crops({size})"
            )

    complexity = deprecated_method("size")
    operations = deprecated_method("count_operations")

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

        Crops are cut as those that the machine was trained on: by the rule, padding and shape of ``crop_record_``.

        Parameters
        ----------
        photo : path or uint8 ndarray of shape (H, W, 3)
            RGB.
        boxes : array-like of shape (N, 4) or (4,), optional
            Bounding boxes: x, y of the first pixel, width, height, in pixels of the photo. They enclose what the boxes
            of the training subjects enclosed: the whole body, or the landmarks with ``crop_rule="joints"``. A machine
            that was trained on whole photos needs none.
        joints : array-like of shape (N, P, 3), optional
            Approximate joints (x, y, labelled) instead of boxes, for example those of the previous video frame.
        tta_scales, flip, subpixel, threshold, stage, protocol
            See :func:`posemachines.inference.predict_photo`.

        Returns
        -------
        Pose
            Joints and scores in pixels of the photo; ``pose.draw().save("drawn.png")`` draws them.

        Raises
        ------
        ValueError
            If both boxes and joints are given, they are malformed or outside the photo, or an option is out of range;
            if neither is given and the machine was trained on crops around its subjects.
        FileNotFoundError
            If there is no such photo.

        Warns
        -----
        UserWarning
            If neither is given and the machine does not know how its crops were cut: the whole photo is then taken as
            one subject.

        Notes
        -----
        Machines that were trained on arrays have no ``crop_record_``: their crops are 1.25 times as long as a box,
        which should enclose the whole body.
        """
        options = {
            "tta_scales": tta_scales, "flip": flip, "subpixel": subpixel, "threshold": threshold, "stage": stage,
            "protocol": protocol,
        }  # fmt: skip
        return predict_subjects(self, photo, boxes, joints=joints, **options)

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


def _last(beliefs: Iterator[np.ndarray]) -> np.ndarray:
    for of_stage in beliefs:
        last = of_stage
    return last
