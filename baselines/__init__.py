"""Baselines: simpler or older methods with the same fit and predict as the pose machines."""

from .cascade import CascadedRegression
from .deep_pose import DeepPose
from .encoder_decoder import EncoderDecoderStage
from .hog import NearestNeighbourHOG, RidgeHOG
from .mean_pose import MeanPose
from .mediapipe_pose import MediaPipePose
from .pictorial_structures import PictorialStructures

__all__ = [
    "CascadedRegression", "DeepPose", "EncoderDecoderStage", "MeanPose", "MediaPipePose", "NearestNeighbourHOG",
    "PictorialStructures", "RidgeHOG",
]  # fmt: skip
