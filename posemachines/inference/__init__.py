"""Prediction on crops and on whole photos, and test-time augmentation."""

from .frames import crop_size, frame_of_box, frame_of_photo
from .photos import PUBLISHED_SCALES, photo_beliefs, photo_crops, predict_photo
from .pose import Pose

__all__ = [
    "PUBLISHED_SCALES",
    "Pose",
    "crop_size",
    "frame_of_box",
    "frame_of_photo",
    "photo_beliefs",
    "photo_crops",
    "predict_photo",
]
