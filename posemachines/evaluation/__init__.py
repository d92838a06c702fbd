"""Accuracy of machines and predictions: intervals, kinds of errors, protocols of published tables, significance."""

from .._utils.deprecation import moved_names
from .accuracy import THRESHOLDS, Evaluation, StageAccuracy, describe_reference, evaluate_stages
from .evaluator import evaluate, evaluate_machine
from .failures import ERROR_TYPES, calibration, error_shares, error_types
from .ground_truth import GroundTruth
from .groups import accuracy_by, body_size, pose_rarity, quartiles
from .predictions import Estimate, PredictionScores, evaluate_predictions
from .protocols import PROTOCOLS, Protocol, get_protocol
from .scores import Score
from .significance import compare_machines, holm, wilcoxon
from .uncertainty import bootstrap_difference, bootstrap_interval, interval, resampled_ratios

__all__ = [
    "ERROR_TYPES",
    "PROTOCOLS",
    "THRESHOLDS",
    "Estimate",
    "Evaluation",
    "GroundTruth",
    "PredictionScores",
    "Protocol",
    "Score",
    "StageAccuracy",
    "accuracy_by",
    "body_size",
    "bootstrap_difference",
    "bootstrap_interval",
    "calibration",
    "compare_machines",
    "describe_reference",
    "error_shares",
    "error_types",
    "evaluate",
    "evaluate_machine",
    "evaluate_predictions",
    "evaluate_stages",
    "get_protocol",
    "holm",
    "interval",
    "pose_rarity",
    "quartiles",
    "resampled_ratios",
    "wilcoxon",
]

__getattr__ = moved_names(
    __name__,
    Examples="posemachines.report.Examples",
    Figure="posemachines.evaluation.predictions.Estimate",
    Report="posemachines.report.Report",
    describe_machine="posemachines.report.machine_to_json",
)
