"""What the pose machines are compared against: machines with the same fit and predict."""

from .hog import NearestNeighbourHOG, RidgeHOG
from .mean_pose import MeanPose
from .pictorial_structures import PictorialStructures

__all__ = ["MeanPose", "NearestNeighbourHOG", "PictorialStructures", "RidgeHOG"]
