"""Prediction on crops, on whole photos and on data sets, and test-time augmentation."""

from .crop_record import CropRecord
from .frames import crop_size, frame_of_box, frame_of_photo
from .photos import PUBLISHED_SCALES, photo_beliefs, photo_crops, predict_photo
from .pose import Pose
from .subjects import Subjects, locate_subjects, predict_subjects
from .whole_datasets import predict_dataset

__all__ = [
    "PUBLISHED_SCALES",
    "CropRecord",
    "Pose",
    "Subjects",
    "crop_size",
    "frame_of_box",
    "frame_of_photo",
    "locate_subjects",
    "photo_beliefs",
    "photo_crops",
    "predict_dataset",
    "predict_photo",
    "predict_subjects",
]
