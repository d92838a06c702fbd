"""COCO's keypoint average precision, computed by its reference implementation."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from .oks import COCO_SIGMAS
from .oks_ap import AREA_RANGES, OKS_THRESHOLDS, Detections, LabelledPeople

__all__ = ["coco_ap"]


def coco_ap(
    detections: Detections,
    people: LabelledPeople,
    *,
    sigmas=COCO_SIGMAS,
    area_range: tuple[float, float] = AREA_RANGES["all"],
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and recall at each OKS threshold, computed by ``pycocotools``.

    Parameters
    ----------
    detections : Detections
    people : LabelledPeople
    sigmas : sequence of P floats
    area_range : (float, float)
        Areas of the people to score, in square pixels.

    Returns
    -------
    precision, recall : ndarray of shape (T,)
        In percent; NaN where no person is to be scored.

    Raises
    ------
    ImportError
        If pycocotools is not installed; :func:`oks_ap` computes the same without it.

    References
    ----------
    .. [1] Lin et al., "Microsoft COCO: common objects in context", ECCV 2014, and the code of its keypoint evaluation.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ImportError("coco_ap needs pycocotools: pip install 'posemachines[coco]'") from error

    images = [{"id": int(index)} for index in range(len(np.unique(people.images)))]
    numbers = np.unique(people.images)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth, results = COCO(), COCO()
        truth.dataset = {"images": images, "categories": [{"id": 1}], "annotations": _truths(people, numbers)}
        results.dataset = {"images": images, "categories": [{"id": 1}], "annotations": _results(detections, numbers)}
        truth.createIndex()
        results.createIndex()
        evaluation = COCOeval(truth, results, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.asarray(sigmas, float)
        evaluation.params.iouThrs = np.asarray(OKS_THRESHOLDS)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [list(area_range)], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"][..., 0, 0, 0], evaluation.eval["recall"][..., 0, 0, 0]
    nobody = recall < 0
    return np.where(nobody, np.nan, 100 * precision.mean(1)), np.where(nobody, np.nan, 100 * recall)


def _truths(people: LabelledPeople, numbers: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "id": index + 1,  # pycocotools takes the id 0 for "not matched"
            "image_id": int(np.searchsorted(numbers, people.image[index])),
            "category_id": 1,
            "keypoints": people.joints[index].ravel().tolist(),
            "num_keypoints": int((people.joints[index, :, 2] > 0).sum()),
            "area": float(people.areas[index]),
            "bbox": people.boxes[index].tolist(),
            "iscrowd": int(people.crowd[index]),
        }
        for index in range(len(people.image))
    ]


def _results(detections: Detections, numbers: np.ndarray) -> list[dict[str, Any]]:
    assert detections.areas is not None
    joints = np.concatenate([detections.joints, np.ones((*detections.joints.shape[:2], 1))], axis=-1)
    return [
        {
            "id": index + 1,
            "image_id": int(np.searchsorted(numbers, detections.image[index])),
            "category_id": 1,
            "keypoints": joints[index].ravel().tolist(),
            "score": float(detections.scores[index]),
            "area": float(detections.areas[index]),
        }
        for index in range(len(detections.image))
    ]
