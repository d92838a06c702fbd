"""Machines on a data set: accuracy stage by stage with intervals, where they fail, and which is better."""

from .accuracy import THRESHOLDS, Evaluation, StageAccuracy, describe_reference, evaluate_machine, evaluate_stages
from .failures import ERROR_TYPES, calibration, error_shares, error_types
from .groups import accuracy_by, body_size, pose_rarity, quartiles
from .predictions import Figure, PredictionScores, evaluate
from .report import Examples, Report, describe_machine
from .significance import compare_machines, holm, wilcoxon
from .uncertainty import bootstrap_difference, bootstrap_interval, interval, resampled_ratios

__all__ = [
    "ERROR_TYPES",
    "THRESHOLDS",
    "Evaluation",
    "Examples",
    "Figure",
    "PredictionScores",
    "Report",
    "StageAccuracy",
    "accuracy_by",
    "body_size",
    "bootstrap_difference",
    "bootstrap_interval",
    "calibration",
    "compare_machines",
    "describe_machine",
    "describe_reference",
    "error_shares",
    "error_types",
    "evaluate",
    "evaluate_machine",
    "evaluate_stages",
    "holm",
    "interval",
    "pose_rarity",
    "quartiles",
    "resampled_ratios",
    "wilcoxon",
]
