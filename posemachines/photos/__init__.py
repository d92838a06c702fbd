"""Photos of every kind, from files to uint8 RGB: pictures, pages of TIFF files, DICOM, frames of videos."""

from .._utils.deprecation import moved_names
from .arrays import GREY, to_rgb
from .depth import DEPTH_RULE, to_eight_bits
from .reading import is_turned, photo_size, pixel_spacing, read_photo
from .references import reference, split_reference

__all__ = [
    "DEPTH_RULE",
    "GREY",
    "is_turned",
    "photo_size",
    "pixel_spacing",
    "read_photo",
    "reference",
    "split_reference",
    "to_eight_bits",
    "to_rgb",
]

__getattr__ = moved_names(  # until 0.1 this was the module of prediction on photos
    __name__,
    PUBLISHED_SCALES="posemachines.inference.photos.PUBLISHED_SCALES",
    photo_beliefs="posemachines.inference.photos.photo_beliefs",
    photo_crops="posemachines.inference.photos.photo_crops",
    predict_photo="posemachines.inference.photos.predict_photo",
)
