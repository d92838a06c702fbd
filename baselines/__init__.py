"""What the pose machines are compared against: machines with the same fit and predict."""

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
