"""One call that evaluates a machine or scores predictions."""

from __future__ import annotations

import warnings
from typing import NamedTuple, overload

import numpy as np

from .._utils.checks import check_images, check_joints
from ..geometry import to_photo
from ..metrics import LabelledPeople
from ..skeleton import Skeleton
from .accuracy import Evaluation, evaluate_stages
from .ground_truth import GroundTruth
from .predictions import PredictionScores, evaluate_predictions
from .protocols import Protocol, get_protocol

__all__ = ["EvaluationCrops", "crop_size", "crops_for", "evaluate", "evaluate_machine"]

CROP_SIZE = 128  # px, for machines that do not say theirs


@overload
def evaluate(
    machine_or_predictions,
    data,
    protocol: None = None,
    *,
    n_resamples: int = 1000,
    random_state: int = 0,
    training=None,
) -> Evaluation: ...
@overload
def evaluate(
    machine_or_predictions,
    data,
    protocol: str | Protocol,
    *,
    n_resamples: int = 1000,
    random_state: int = 0,
    training=None,
) -> PredictionScores: ...
def evaluate(
    machine_or_predictions,
    data,
    protocol: str | Protocol | None = None,
    *,
    n_resamples: int = 1000,
    random_state: int = 0,
    training=None,
) -> Evaluation | PredictionScores:
    """Evaluate a fitted machine, or score predictions, with bootstrap intervals.

    Parameters
    ----------
    machine_or_predictions : machine, ndarray of shape (N, P, 2) or (N, P, 3), or Detections
        A fitted machine, or predicted x, y in the frame of the truth; a third column (the score) is ignored. A
        non-finite prediction is missing and counts as wrong. OKS-AP takes `Detections`.
    data : PoseDataset, Crops or (X, y); or ndarray of shape (N, P, 3), GroundTruth or LabelledPeople
        For a machine, a dataset or crops. For predictions, a dataset (then in pixels of the photos) or a ground
        truth: x, y and the data set's third column; `LabelledPeople` for OKS-AP.
    protocol : str or Protocol, optional
        "lsp-pc", "lsp-oc", "flic", "mpii", "coco", or your own. Optional for a machine: without it, every stage is
        evaluated by PCK at the thresholds of :data:`THRESHOLDS`.
    n_resamples : int, default=1000
        Bootstrap resamples over subjects (over images for OKS-AP); 0 for no intervals, under a protocol.
    random_state : int, default=0
        Seed of the bootstrap.
    training : PoseDataset, Crops or ndarray of shape (M, P, 3), optional
        Subjects that the machine was trained on, to group accuracy by the rarity of the pose.

    Returns
    -------
    Evaluation or PredictionScores
        `Evaluation`, stage by stage, for a machine without a protocol; `PredictionScores` otherwise.

    Raises
    ------
    ValueError
        If `data` is invalid or does not match the machine or the protocol, or predictions come without a protocol.
    TypeError
        If OKS-AP is given anything but `Detections` and `LabelledPeople`, or another protocol `Detections`.

    Notes
    -----
    Distances are measured in the photo wherever `data` knows the way back to it, and in the crop otherwise.
    Predictions and truth must count pixels from the same origin: nothing is shifted. Where their numbers of subjects
    differ in a way that the protocol explains (2,000 labelled, 1,000 predicted on LSP), its test set is scored and
    `notes` says so.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.random.default_rng(0).uniform(0, 100, (5, 14, 2))
    >>> evaluate(truth, truth, "lsp-pc", n_resamples=0).score.value
    100.0
    """
    drawn = {"n_resamples": n_resamples, "random_state": random_state}
    if hasattr(machine_or_predictions, "predict"):
        if protocol is None:
            return _staged(machine_or_predictions, data, _joints_of(training), drawn)
        return _under_protocol(machine_or_predictions, data, get_protocol(protocol), drawn)
    if protocol is None:
        raise ValueError('predictions are scored under a protocol; name one, such as protocol="lsp-pc"')
    return evaluate_predictions(machine_or_predictions, _truth_of(data, get_protocol(protocol)), protocol, **drawn)


class EvaluationCrops(NamedTuple):
    """What evaluation needs of crops; None where `data` lacks it."""

    X: np.ndarray
    y: np.ndarray
    transforms: np.ndarray | None
    others: np.ndarray | None
    occluded: np.ndarray | None
    skeleton: Skeleton | None
    reference_length: np.ndarray | None
    side_convention: str | None


def crop_size(machine) -> int | tuple[int, int]:
    """Side of the square crops that a machine takes, in pixels, or their (height, width)."""
    return getattr(machine, "crop_size_", None) or getattr(machine, "crop_size", None) or CROP_SIZE


def crops_for(machine, data) -> EvaluationCrops:
    """Crops of a dataset, Crops or (X, y), for a machine; ValueError if they are anything else or invalid."""
    if callable(getattr(data, "crops", None)):
        data = data.crops(crop_size(machine))
    if hasattr(data, "X") and hasattr(data, "y"):
        found = EvaluationCrops(data.X, data.y, *(getattr(data, name, None) for name in EvaluationCrops._fields[2:]))
    elif isinstance(data, tuple | list) and len(data) == 2:
        found = EvaluationCrops(*data, *[None] * 6)
    else:
        raise ValueError(f"a machine is evaluated on a PoseDataset, Crops or a tuple (X, y); got {type(data).__name__}")
    X = check_images(found.X)
    return found._replace(X=X, y=check_joints(found.y, n_people=len(X)))


def _check_order(machine, crops: EvaluationCrops) -> None:
    """Raise where the same parts come in another order."""
    own, given = machine.skeleton_, crops.skeleton
    if given is not None and own.parts != given.parts and {*own.parts} == {*given.parts}:
        raise ValueError(
            f"the data have the parts of the machine in another order: {', '.join(given.parts)} instead of "
            f"{', '.join(own.parts)}; reorder them with select_parts"
        )


def _joints_of(training) -> np.ndarray | None:
    """Joints of a dataset, Crops or (X, y), or the array itself."""
    if training is None:
        return None
    if hasattr(training, "joints"):
        return np.asarray(training.joints)
    if hasattr(training, "y"):
        return np.asarray(training.y)
    return np.asarray(training[1] if isinstance(training, tuple) and len(training) == 2 else training)


def _staged(machine, data, training, drawn: dict) -> Evaluation:
    """Accuracy after every stage of a machine."""
    crops = crops_for(machine, data)
    _check_order(machine, crops)
    if hasattr(machine, "staged_predict_scores"):
        staged, scores = zip(*machine.staged_predict_scores(crops.X), strict=True)
    elif hasattr(machine, "staged_predict"):
        staged, scores = machine.staged_predict(crops.X), None
    else:
        staged, scores = (machine.predict(crops.X),), None
    return evaluate_stages(
        staged, crops.y, machine.skeleton_, transforms=crops.transforms, scores=scores, others=crops.others,
        occluded=crops.occluded, training=training, **drawn,
    )  # fmt: skip


def _under_protocol(machine, data, protocol: Protocol, drawn: dict) -> PredictionScores:
    """Scores of a machine's final joints, in pixels of the photos."""
    if protocol.metric == "oks-ap":
        raise TypeError(
            f"protocol {protocol.name!r} scores several people per image; predict the photos and pass Detections and "
            "LabelledPeople"
        )
    order = _order(machine.skeleton_, protocol)
    crops = crops_for(machine, data)
    joints = np.asarray(machine.predict(crops.X))
    if crops.transforms is not None:
        joints = to_photo(joints, crops.transforms)
    truth = _truth_of(data, protocol) if hasattr(data, "joints") else _truth_of_crops(crops, protocol, order)
    return evaluate_predictions(joints[:, order], truth, protocol, **drawn)


def _truth_of(data, protocol: Protocol):
    """Ground truth of a dataset, in pixels of its photos; any other ground truth as it is."""
    if isinstance(data, GroundTruth | LabelledPeople):
        return data
    if hasattr(data, "X") and hasattr(data, "transforms"):
        raise ValueError(
            "predictions are scored in pixels of the photos, but data are crops; pass the PoseDataset, and predictions "
            "through geometry.to_photo(joints, crops.transforms), or pass crops.y as the truth"
        )
    if not (hasattr(data, "joints") and hasattr(data, "skeleton")):
        return data
    order = _order(data.skeleton, protocol)
    joints = np.asarray(data.joints)[:, order]
    length = getattr(data, "reference_length", None) if isinstance(protocol.reference, str) else None
    return GroundTruth(joints, length, joints[..., 2] > 0, getattr(data, "side_convention", None))


def _truth_of_crops(crops: EvaluationCrops, protocol: Protocol, order: list[int]) -> GroundTruth:
    """Ground truth of crops, in pixels of the photos if their transforms are known."""
    order = order if crops.skeleton is None else _order(crops.skeleton, protocol)
    places = crops.y[..., :2] if crops.transforms is None else to_photo(crops.y[..., :2], crops.transforms)
    joints = np.concatenate([places, crops.y[..., 2:]], -1)[:, order]
    length = crops.reference_length if isinstance(protocol.reference, str) else None
    return GroundTruth(joints, length, joints[..., 2] > 0, crops.side_convention)


def _order(skeleton: Skeleton, protocol: Protocol) -> list[int]:
    """Indices of the skeleton's parts in one of the protocol's orders."""
    for parts in (protocol.parts, *protocol.layouts):
        if set(parts) <= set(skeleton.parts):
            return [skeleton.parts.index(part) for part in parts]
    missing = [part for part in protocol.parts if part not in skeleton.parts]
    raise ValueError(
        f"protocol {protocol.name!r} needs parts that skeleton {skeleton.name!r} lacks: {', '.join(missing)}; "
        "train with the data set's own skeleton"
    )


def evaluate_machine(
    machine, X, y, *, transforms=None, others=None, occluded=None, training=None, n_resamples: int = 1000
) -> Evaluation:
    """Deprecated: use :func:`evaluate`."""
    warnings.warn("evaluate_machine(machine, X, y) is now evaluate(machine, crops)", DeprecationWarning, stacklevel=2)
    crops = EvaluationCrops(X, y, transforms, others, occluded, *[None] * 3)
    return _staged(machine, crops, _joints_of(training), {"n_resamples": n_resamples, "random_state": 0})
