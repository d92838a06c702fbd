"""The layout of ``report.json`` and of every result file: plain dicts with text as keys, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from .._utils.json_files import plain
from ..evaluation.accuracy import THRESHOLDS, Evaluation
from ..evaluation.predictions import Estimate, PredictionScores
from ..profiling.cost import machine_description, versions

__all__ = [
    "comparison_to_json",
    "differences_to_json",
    "evaluation_to_json",
    "machine_to_json",
    "scores_to_json",
    "settings_to_json",
]

FORMAT, VERSION = "posemachines comparison", 1
PACKAGES = ("posemachines", "numpy", "scikit-learn", "numba", "torch")
_NOT_LISTED = ("stage", "stages", "skeleton")  # parameters that a report lists elsewhere


def evaluation_to_json(evaluation: Evaluation) -> dict[str, Any]:
    """An :class:`.Evaluation` without its distances.

    Returns
    -------
    dict
        ``n_people``, ``n_joints``, ``reference`` and ``stages``: one dict per stage, whose keys are the attributes of
        :class:`.StageAccuracy`. Thresholds become text: ``stages[0]["pck"]["0.2"]``.
    """
    return plain({name: value for name, value in asdict(evaluation).items() if name != "distances"})


def scores_to_json(scores: PredictionScores) -> dict[str, Any]:
    """Scores of predictions, including the protocol."""
    return {
        "protocol": scores.protocol.to_dict(),
        "description": scores.protocol.description,
        "score": _estimate(scores.score),
        "parts": {part: _estimate(score) for part, score in scores.parts.items()},
        "at": {f"{threshold:g}": _estimate(score) for threshold, score in scores.at.items()},
        "thresholds": list(scores.thresholds),
        "curve": [_estimate(score) for score in scores.curve],
        "auc": _estimate(scores.auc),
        "other": {name: _estimate(score) for name, score in scores.other.items()},
        "n_people": scores.n_people,
        "n_joints": scores.n_joints,
        "n_resamples": scores.n_resamples,
        "notes": list(scores.notes),
    }


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in asdict(estimate).items()}


def differences_to_json(differences: Iterable[Mapping]) -> list[dict[str, Any]]:
    """What :func:`.compare_machines` found; thresholds become text."""
    return [plain({**each, "threshold": str(each["threshold"])}) for each in differences]


def settings_to_json(estimator) -> dict[str, Any]:
    """Parameters of a stage or strategy as one flat dict; those of nested objects as ``sampling__radius``."""
    return plain(_flat(estimator.get_params(deep=False)))


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if is_dataclass(value) and not isinstance(value, type):
            inside = {field.name: getattr(value, field.name) for field in fields(value)}
        elif hasattr(value, "get_params"):
            inside = value.get_params(deep=False)
        else:
            found[name] = value
            continue
        found[name] = type(value).__name__
        found |= {f"{name}__{key}": each for key, each in _flat(inside).items()}
    return found


def machine_to_json(
    machine,
    accuracy: Evaluation,
    inference: Mapping,
    *,
    label: str,
    training: Mapping | None = None,
    file_bytes: int | None = None,
    history: Sequence[Mapping] = (),
) -> dict[str, Any]:
    """The entry of one machine in a report.

    Parameters
    ----------
    machine : machine
        Fitted.
    accuracy : Evaluation
    inference : dict
        From :func:`posemachines.profiling.cost.measure_inference`.
    label : str
        Display name.
    training : dict, optional
        Cost of training, from :meth:`posemachines.profiling.cost.Cost.to_dict`.
    file_bytes : int, optional
        Size of the saved machine.
    history : list of dict, optional
        Training history of a net.

    Returns
    -------
    dict
    """
    stages = getattr(machine, "stages_", [])
    training = dict(training or {})
    own = machine.get_params(deep=False) if hasattr(machine, "get_params") else {}
    own |= {"training": machine.make_training()} if hasattr(machine, "make_training") else {}
    return plain(
        {
            "label": label,
            "kinds": [type(stage).__name__.removesuffix("Stage").lower() for stage in stages],
            "accuracy": evaluation_to_json(accuracy),
            "cost": {
                "training_seconds": training.get("seconds"),
                "training_cpu_seconds": training.get("cpu_seconds"),
                "peak_memory_mib": training.get("peak_mib"),
                "ms_per_image": inference["ms_per_image"],
                "complexity": inference["complexity"],
                "training": training,
                "inference": inference,
                "file_bytes": file_bytes,
            },
            "settings": [settings_to_json(stage) for stage in stages],
            "machine_settings": _flat({name: value for name, value in own.items() if name not in _NOT_LISTED}),
            "history": list(history),
        }
    )


def comparison_to_json(
    *,
    settings: Mapping,
    dataset: Mapping,
    reference: str,
    machines: Mapping | None = None,
    differences: Iterable[Mapping] = (),
    command: str | None = None,
    finished: bool = True,
    packages: Sequence[str] = PACKAGES,
) -> dict[str, Any]:
    """The content of a ``report.json``.

    Parameters
    ----------
    settings, dataset : dict
        What to list about the run and the data; `dataset` has ``name`` and ``parts``.
    reference : str
        The reference length, in words.
    machines : dict of str to dict, optional
        From :func:`machine_to_json`, by name.
    differences : list of dict, optional
        From :func:`.compare_machines`.
    command : str, optional
        The command line that reproduces the run.
    finished : bool, default=True
        Whether all machines are in it.
    packages : sequence of str
        Packages whose versions are recorded.

    Returns
    -------
    dict
    """
    head = {"format": FORMAT, "version": VERSION}
    return plain(
        head
        | ({} if command is None else {"command": command})
        | {
            "finished": finished,
            "settings": settings,
            "dataset": dataset,
            "protocol": {
                "metric": "PCK",
                "reference": reference,
                "mean": "all labelled joints pooled",
                "thresholds": list(THRESHOLDS),
            },
            "computer": machine_description(),
            "versions": versions(packages),
            "machines": dict(machines or {}),
            "differences": differences_to_json(differences),
        }
    )
