"""Accuracy metrics for poses, in plain numpy."""

from .averages import area_under_curve, average
from .calibration import Reliability, reliability
from .coco import coco_ap
from .contour import contour_distance
from .errors import localisation_error, pixel_distances
from .oks import COCO_SIGMAS, oks, oks_pairs
from .oks_ap import AREA_RANGES, OKS_THRESHOLDS, Detections, LabelledPeople, Matches, match, oks_ap
from .pck import box_length, normalised_distances, pair_length, pck, pck_curve, pooled_pck, reference_length, within
from .pckh import head_length, pckh
from .pcp import limb_distances, pcp
from .pdj import PDJ_THRESHOLDS, pdj, torso_diameter
from .radial import radial_errors, success_rates

__all__ = [
    "AREA_RANGES",
    "COCO_SIGMAS",
    "OKS_THRESHOLDS",
    "PDJ_THRESHOLDS",
    "Detections",
    "LabelledPeople",
    "Matches",
    "Reliability",
    "area_under_curve",
    "average",
    "box_length",
    "coco_ap",
    "contour_distance",
    "head_length",
    "limb_distances",
    "localisation_error",
    "match",
    "normalised_distances",
    "oks",
    "oks_ap",
    "oks_pairs",
    "pair_length",
    "pck",
    "pck_curve",
    "pckh",
    "pcp",
    "pdj",
    "pixel_distances",
    "pooled_pck",
    "radial_errors",
    "reference_length",
    "reliability",
    "success_rates",
    "torso_diameter",
    "within",
]
