"""Accuracy of machines and predictions: intervals, kinds of errors, protocols of published tables, significance."""

from .._utils.deprecation import moved_names
from .accuracy import THRESHOLDS, Evaluation, StageAccuracy, describe_reference, evaluate_stages
from .evaluator import evaluate, evaluate_machine
from .failures import ERROR_TYPES, calibration, error_shares, error_types
from .ground_truth import GroundTruth
from .groups import accuracy_by, body_size, pose_rarity, quartiles
from .learning_curve import fit_learning_curve
from .predictions import Estimate, PredictionScores, evaluate_predictions
from .protocols import PROTOCOLS, Protocol, get_protocol
from .radial_summary import choose_thresholds, saturated_rates, summarise
from .resampled import Difference, Measure, compare_folds, folds_test, measures, seeds_test, verdicts
from .scores import Score
from .significance import compare_machines, holm, wilcoxon
from .uncertainty import bootstrap_difference, bootstrap_interval, interval, resampled_ratios
from .units import Units, parse_units

__all__ = [
    "ERROR_TYPES",
    "PROTOCOLS",
    "THRESHOLDS",
    "Difference",
    "Estimate",
    "Evaluation",
    "GroundTruth",
    "Measure",
    "PredictionScores",
    "Protocol",
    "Score",
    "StageAccuracy",
    "Units",
    "accuracy_by",
    "body_size",
    "bootstrap_difference",
    "bootstrap_interval",
    "calibration",
    "choose_thresholds",
    "compare_folds",
    "compare_machines",
    "describe_reference",
    "error_shares",
    "error_types",
    "evaluate",
    "evaluate_machine",
    "evaluate_predictions",
    "evaluate_stages",
    "fit_learning_curve",
    "folds_test",
    "get_protocol",
    "holm",
    "interval",
    "measures",
    "parse_units",
    "pose_rarity",
    "quartiles",
    "resampled_ratios",
    "saturated_rates",
    "seeds_test",
    "summarise",
    "verdicts",
    "wilcoxon",
]

__getattr__ = moved_names(
    __name__,
    Examples="posemachines.report.Examples",
    Figure="posemachines.evaluation.predictions.Estimate",
    Report="posemachines.report.Report",
    describe_machine="posemachines.report.machine_to_json",
)
