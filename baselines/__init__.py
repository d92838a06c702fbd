"""Baselines: simpler or older methods with the same fit and predict as the pose machines."""

from ._files import describe_baseline
from .cascade import CascadedRegression
from .deep_pose import DeepPose
from .dlib_predictor import DlibPredictor
from .encoder_decoder import EncoderDecoderStage
from .hog import NearestNeighbourHOG, RidgeHOG
from .mean_pose import MeanPose
from .mediapipe_pose import MediaPipePose
from .pictorial_structures import PictorialStructures

__all__ = [
    "CascadedRegression", "DeepPose", "DlibPredictor", "EncoderDecoderStage", "MeanPose", "MediaPipePose",
    "NearestNeighbourHOG", "PictorialStructures", "RidgeHOG", "load_baseline",
]  # fmt: skip


def load_baseline(path):
    """The fitted baseline of a file, whatever its class.

    Parameters
    ----------
    path : path
        Written by a baseline's ``save``.

    Raises
    ------
    ValueError
        If it is not the file of a baseline, or is damaged.
    """
    kind = describe_baseline(path)[0]
    if kind not in __all__ or not hasattr(globals()[kind], "load"):
        raise ValueError(f"{path} holds a {kind!r}, which is not a known baseline")
    return globals()[kind].load(path)
