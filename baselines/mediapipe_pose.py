"""An optional peer trained elsewhere: MediaPipe's pose model, with its landmarks mapped to other skeletons."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from posemachines.skeleton import Skeleton

from ._baseline import Baseline

__all__ = ["LANDMARKS", "MediaPipePose", "affine_combination", "check_mediapipe", "find_landmarks"]

LANDMARKS = (
    "nose", "left eye inner", "left eye", "left eye outer", "right eye inner", "right eye", "right eye outer",
    "left ear", "right ear", "left mouth", "right mouth", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left pinky", "right pinky", "left index", "right index", "left thumb",
    "right thumb", "left hip", "right hip", "left knee", "right knee", "left ankle", "right ankle", "left heel",
    "right heel", "left foot index", "right foot index",
)  # fmt: skip
"""The 33 landmarks of the model in their order, person-centric, named like the parts of the skeletons here."""

STORED = 922_337 + 3_169_489
"""Parameters (float16) in ``pose_detection.tflite``, which omits zero weights, and ``pose_landmark_full.tflite``."""


def find_landmarks(images: np.ndarray, *, border: float, size: int, confidence: float) -> np.ndarray:
    """Landmarks of the most prominent person in each crop.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
        RGB.
    border : float
        Width of the replicated border, as a fraction of the longer side of the crop.
    size : int
        Side of the square, in pixels, to which crop and border are scaled for the model.
    confidence : float
        Minimum score of a detection, in [0, 1].

    Returns
    -------
    float64 ndarray of shape (N, 33, 2)
        x, y in pixels of the crop; NaN where nobody is detected.

    Raises
    ------
    ImportError
        If mediapipe is missing, or its version lacks the model.
    """
    pose = check_mediapipe()
    height, width = images.shape[1:3]
    side = max(height, width) + 2 * round(border * max(height, width))
    top, left = (side - height) // 2, (side - width) // 2
    bottom, right = side - height - top, side - width - left
    found = np.full((len(images), len(LANDMARKS), 2), np.nan)
    with _quiet():  # the model logs its graph when the first image is processed
        model = pose(static_image_mode=True, model_complexity=1, min_detection_confidence=confidence)
        model.process(np.zeros((size, size, 3), np.uint8))
    with model:
        for person, image in enumerate(images):
            framed = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE)
            answer = model.process(cv2.resize(framed, (size, size), interpolation=cv2.INTER_CUBIC)).pose_landmarks
            if answer is not None:
                found[person] = [(mark.x, mark.y) for mark in answer.landmark]
    return found * side - 0.5 - np.array([left, top])  # the model's 0 and 1 are the outer edges of the image


def check_mediapipe():
    """``mediapipe.solutions.pose.Pose``, imported when it is needed; the ImportError says what to install."""
    try:
        from mediapipe.python.solutions.pose import Pose
    except ImportError as error:
        raise ImportError(
            f"MediaPipePose needs mediapipe 0.10.15 to 0.10.21, whose wheels contain the model ({error}); since it "
            'needs numpy < 2, install it in a separate environment: pip install "posemachines[mediapipe]"'
        ) from error
    return Pose


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the standard error stream, including output of compiled code."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def affine_combination(points: np.ndarray, target: np.ndarray, strength: float) -> np.ndarray:
    """Least-squares weights (K,), summing to 1, that map points (N, K, 2) to a target (N, 2).

    A ridge penalty pulls them towards equal weights; it is `strength` times the mean square of the points about the
    mean of each subject's points.
    """
    centres = points.mean(1, keepdims=True)
    spread = (points - centres).transpose(0, 2, 1).reshape(-1, points.shape[1])  # (2 N, K)
    products = spread.T @ spread
    price = strength * np.trace(products) / len(products) * np.eye(len(products))
    away = np.linalg.lstsq(products + price, spread.T @ (target - centres[:, 0]).ravel(), rcond=1e-12)[0]
    return away + (1 - away.sum()) / len(away)


class MediaPipePose(Baseline):
    """MediaPipe's pose model (BlazePose), trained elsewhere, extended to the other parts of the skeleton.

    Parts named like one of the `LANDMARKS` are taken from the model. Every other part (neck and head top of LSP) is the
    affine combination of all landmarks that fits the training subjects best: it moves, rotates and scales with the
    person. Where nobody is detected, the mean pose is predicted.

    Parameters
    ----------
    n_adapt : int, default=500
        Number of training subjects, from the first on, to which the parts without a landmark are fitted.
    strength : float, default=1e-3
        Strength of the ridge penalty, as a fraction of the mean square of the landmarks about their mean.
    border : float, default=0.375
        Width of the border added to the crop, as a fraction of its longer side.
    input_size : int, default=256
        Side of the square, in pixels, to which crop and border are scaled.
    confidence : float, default=0.5
        Minimum score of a detection, in [0, 1].
    skeleton : str or Skeleton, optional
        Needed in practice, or taken from the crops: numbered parts match no landmark.

    Attributes
    ----------
    weights_ : float64 ndarray of shape (P, 33)
        Each row sums to 1; NaN for a part without a landmark that is labelled in no detected subject.
    mean_ : float64 ndarray of shape (P, 2)
        Mean pose of all training subjects, in pixels of the crop.
    found_ : float
        Fraction of the subjects used for fitting in which a person was detected.

    Raises
    ------
    ImportError
        In `fit` and `predict`, if mediapipe is missing.
    ValueError
        In `fit`, if a parameter is out of range or no part of the skeleton has the name of a landmark.

    Notes
    -----
    Off-protocol: the model was trained on other, unpublished photos, which may include those of the test, with its own
    definition of the joints. Its row in a table is that of a peer, not a comparison under equal conditions.

    Its detector expects people with space around them and misses many who fill the crop, hence the border; scaling up
    alone does not help. Border, size and strength were chosen on images 1 to 600 of LSPET.

    mediapipe needs numpy < 2 and therefore a separate environment. A file written by :meth:`save` contains what was
    learned here, not the model, which comes with the wheel. At its first detection in a process the model writes a
    warning about square regions to the standard error stream; it can be ignored, since the crops are square.

    References
    ----------
    .. [1] Bazarevsky, Grishchenko, Raveendran, Zhu, Zhang and Grundmann, "BlazePose: On-device Real-time Body Pose
       Tracking", CVPR Workshop on Computer Vision for Augmented and Virtual Reality 2020, arXiv 2006.10204.
    """

    STATE = ("weights", "mean", "found")

    def __init__(
        self,
        *,
        n_adapt: int = 500,
        strength: float = 1e-3,
        border: float = 0.375,
        input_size: int = 256,
        confidence: float = 0.5,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        self.n_adapt = n_adapt
        self.strength = strength
        self.border = border
        self.input_size = input_size
        self.confidence = confidence
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        self._check_parameters()
        names = [part.lower().replace("_", " ") for part in self.skeleton_.parts]
        if not {*names} & {*LANDMARKS}:
            raise ValueError(
                f"no part of the skeleton {self.skeleton_.name!r} is a landmark of MediaPipe; pass a skeleton=... "
                f"with some of these names: {', '.join(LANDMARKS)}"
            )
        X, few = X[: self.n_adapt], y[: self.n_adapt]
        landmarks = self._detect(X)
        found = np.isfinite(landmarks).all((1, 2))
        self.mean_ = y[..., :2].mean(0, where=y[..., 2:] > 0)
        self.found_ = np.float64(found.mean())
        self.weights_ = np.full((len(names), len(LANDMARKS)), np.nan)
        for part, name in enumerate(names):
            usable = found & (few[:, part, 2] > 0)
            if name in LANDMARKS:
                self.weights_[part] = np.eye(len(LANDMARKS))[LANDMARKS.index(name)]
            elif usable.any():
                self.weights_[part] = affine_combination(landmarks[usable], few[usable, part, :2], self.strength)

    def _check_parameters(self) -> None:
        for name, least in {"n_adapt": 1, "input_size": 1, "strength": 0, "border": 0}.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}; got {getattr(self, name)!r}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence must lie in [0, 1]; got {self.confidence!r}")

    def _detect(self, X) -> np.ndarray:
        """Landmarks (N, 33, 2) in pixels of the crop; NaN where nobody is detected."""
        return find_landmarks(X, border=self.border, size=self.input_size, confidence=self.confidence)

    def _predict(self, X) -> np.ndarray:
        landmarks = self._detect(X)
        found, known = np.isfinite(landmarks).all((1, 2)), np.isfinite(self.weights_).all(1)
        poses = np.repeat(self.mean_[None], len(X), axis=0)
        poses[np.ix_(found, known)] = self.weights_[known] @ landmarks[found]
        return poses

    def size(self) -> dict[str, int]:
        """{"parameters": n}: those of the model's two networks, plus those learned here."""
        return {"parameters": STORED + super().size()["parameters"]}
