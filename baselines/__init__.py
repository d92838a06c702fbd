"""What the pose machines are compared against: machines with the same fit and predict."""

from .mean_pose import MeanPose

__all__ = ["MeanPose"]
