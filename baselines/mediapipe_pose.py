"""An optional peer trained elsewhere: MediaPipe's pose model, with its landmarks carried over to other skeletons."""

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
"""The model's 33 landmarks in their order, person-centric, in the words of the skeletons here."""

STORED = 922_337 + 3_169_489
"""Numbers (float16) in ``pose_detection.tflite``, which leaves out zero weights, and ``pose_landmark_full.tflite``."""


def find_landmarks(images: np.ndarray, *, border: float, size: int, confidence: float) -> np.ndarray:
    """Landmarks of the most prominent person of each crop.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
        RGB.
    border : float
        Width of the border that repeats the outermost pixels, as a share of the crop's longer side.
    size : int
        Side in pixels of the square to which crop and border are scaled for the model.
    confidence : float
        Least score of a detection, in [0, 1].

    Returns
    -------
    float64 ndarray of shape (N, 33, 2)
        x, y in pixels of the crop; NaN for people in whom nobody is detected.

    Raises
    ------
    ImportError
        If mediapipe is missing, or of a version without the model.
    """
    pose = check_mediapipe()
    height, width = images.shape[1:3]
    side = max(height, width) + 2 * round(border * max(height, width))
    top, left = (side - height) // 2, (side - width) // 2
    bottom, right = side - height - top, side - width - left
    found = np.full((len(images), len(LANDMARKS), 2), np.nan)
    with _quiet():  # it announces its graph, which stands once a picture has run through
        model = pose(static_image_mode=True, model_complexity=1, min_detection_confidence=confidence)
        model.process(np.zeros((size, size, 3), np.uint8))
    with model:
        for person, image in enumerate(images):
            framed = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE)
            answer = model.process(cv2.resize(framed, (size, size), interpolation=cv2.INTER_CUBIC)).pose_landmarks
            if answer is not None:
                found[person] = [(mark.x, mark.y) for mark in answer.landmark]
    return found * side - 0.5 - np.array([left, top])  # the model's 0 and 1 are the outer edges of the picture


def check_mediapipe():
    """``mediapipe.solutions.pose.Pose``, imported only when it is needed; ImportError says what to install."""
    try:
        from mediapipe.python.solutions.pose import Pose
    except ImportError as error:
        raise ImportError(
            f"MediaPipePose needs mediapipe from 0.10.15 to 0.10.21, whose wheels hold the model ({error}); since it "
            'needs numpy < 2, install it in an environment of its own: pip install "posemachines[mediapipe]"'
        ) from error
    return Pose


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on the standard error stream meanwhile, from compiled code either."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def affine_combination(points: np.ndarray, target: np.ndarray, strength: float) -> np.ndarray:
    """Weights (K,) that sum to 1 and carry points (N, K, 2) to a target (N, 2) by least squares.

    The ridge draws them towards equal weights; its price is `strength` times the points' mean square about the mean
    of each person's points.
    """
    centres = points.mean(1, keepdims=True)
    spread = (points - centres).transpose(0, 2, 1).reshape(-1, points.shape[1])  # (2 N, K)
    products = spread.T @ spread
    price = strength * np.trace(products) / len(products) * np.eye(len(products))
    away = np.linalg.lstsq(products + price, spread.T @ (target - centres[:, 0]).ravel(), rcond=1e-12)[0]
    return away + (1 - away.sum()) / len(away)


class MediaPipePose(Baseline):
    """MediaPipe's pose model (BlazePose), which was trained elsewhere, with the skeleton's other parts added.

    Parts that bear the name of one of the `LANDMARKS` are taken as the model gives them. Each other part (neck and
    head top of LSP) becomes the affine combination of all landmarks that fits training people best: it moves, turns
    and grows with the person. People in whom nobody is detected get the mean pose.

    Parameters
    ----------
    n_adapt : int, default=500
        The model looks at so many of the first training people, for the parts without a landmark.
    strength : float, default=1e-3
        Of the ridge that draws a combination towards equal weights, as a share of the landmarks' mean square about
        their own mean.
    border : float, default=0.375
        Width of the border that the crop gets, as a share of its longer side.
    size : int, default=256
        Side in pixels of the square to which crop and border are scaled.
    confidence : float, default=0.5
        Least score of a detection, in [0, 1].
    skeleton : str or Skeleton, optional
        Needed in practice: numbered parts bear the name of no landmark.

    Attributes
    ----------
    weights_ : float64 ndarray of shape (P, 33)
        Each row sums to 1; NaN for a part without a landmark that is labelled in nobody who was detected.
    mean_ : float64 ndarray of shape (P, 2)
        Mean pose of all training people, in pixels of the crop.
    found_ : float
        Share of the people that the model looked at in `fit` in whom it detected somebody.

    Raises
    ------
    ImportError
        In `fit` and `predict`, if mediapipe is missing.
    ValueError
        In `fit`, if a parameter makes no sense or no part of the skeleton bears the name of a landmark.

    Notes
    -----
    Off the protocol: the model was trained on other photographs, which nobody here knows and which may include those
    of the test, to its own definition of joints. Its row in a table is that of a peer, not a comparison under equal
    conditions.

    Its detector looks for people who leave room around them and misses many who fill the crop, hence the border;
    enlarging alone does not help. Border, size and strength were chosen on images 1 to 600 of LSPET.

    mediapipe needs numpy < 2, so it wants an environment of its own. A file of :meth:`save` holds what was learned
    here, not the model, which is read from the wheel. On its first detection in a process the model writes a warning
    about square regions to the standard error stream; crops reach it as squares, so it means nothing.

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
        size: int = 256,
        confidence: float = 0.5,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        self.n_adapt = n_adapt
        self.strength = strength
        self.border = border
        self.size = size
        self.confidence = confidence
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        self._check_parameters()
        names = [part.lower().replace("_", " ") for part in self.skeleton_.parts]
        if not {*names} & {*LANDMARKS}:
            raise ValueError(
                f"no part of the skeleton {self.skeleton_.name!r} is a landmark of MediaPipe's; pass a skeleton=... "
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
        for name, least in {"n_adapt": 1, "size": 1, "strength": 0, "border": 0}.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}; got {getattr(self, name)!r}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence must lie in [0, 1]; got {self.confidence!r}")

    def _detect(self, X) -> np.ndarray:
        """Landmarks (N, 33, 2) in pixels of the crop; NaN for people in whom nobody is detected."""
        return find_landmarks(X, border=self.border, size=self.size, confidence=self.confidence)

    def _predict(self, X) -> np.ndarray:
        landmarks = self._detect(X)
        found, known = np.isfinite(landmarks).all((1, 2)), np.isfinite(self.weights_).all(1)
        poses = np.repeat(self.mean_[None], len(X), axis=0)
        poses[np.ix_(found, known)] = self.weights_[known] @ landmarks[found]
        return poses

    def size(self) -> dict[str, int]:
        """Numbers in the model's two networks, and those that are kept here."""
        return {"parameters": STORED + super().size()["parameters"]}
