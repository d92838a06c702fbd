"""Subjects that occur twice: in one photo, in a copy of its file, or in two photos of the same content.

Two photos are compared by SIFT features that lie at the same place of the body, which a similarity transform between
the joints predicts (:func:`cv2.estimateAffinePartial2D`).
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import cv2
import joblib
import numpy as np

from ..datasets.pose_dataset import PoseDataset
from ..geometry import to_crop
from .findings import Finding
from .suspicions import same_poses

__all__ = ["SAME_POSE", "Likeness", "find_duplicates", "same_subjects"]

SAME_POSE = 0.25  # root mean square distance, in that of the joints from their centre
SAME_PICTURE = 0.45  # share of the features of one photo that the other has at the same place of the body
SAME_PERSON = 0.05  # mean distance of the joints of two subjects in one photo, in sizes of the subject
SIZE = 120.0  # px, of a subject when features are computed
MOST_ENLARGED = 4.0
FEATURES = 500
RATIO = 0.8  # of the distances to the best and the second best match (Lowe, IJCV 2004)
SAME_PLACE = 0.5  # of the subject's size: largest distance of a match from where the joints predict it
LEAST = 10  # matches; fewer are no evidence
logger = logging.getLogger(__name__)


class Likeness:
    """Compares subjects in photos by SIFT features, which it keeps for the next comparison.

    Parameters
    ----------
    dataset : PoseDataset
    sizes : ndarray of shape (N,)
        Of the subjects, in pixels.
    """

    def __init__(self, dataset: PoseDataset, sizes: np.ndarray) -> None:
        self.dataset, self.sizes = dataset, sizes
        self._known: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def share(self, first: int, second: int) -> float:
        """Share of the features, of the photo with fewer, that the other has at the same place of the body; 0 to 1."""
        if not (self.sizes[first] > 0 and self.sizes[second] > 0):
            return 0.0
        (places, features), (others, other_features) = self._features(first), self._features(second)
        fewer = min(len(places), len(others))
        if fewer < LEAST:
            return 0.0
        matches = cv2.BFMatcher(cv2.NORM_L2).knnMatch(features, other_features, k=2)
        good = [best for best, next_best in matches if best.distance < RATIO * next_best.distance]
        joints = self.dataset.joints[[first, second]].astype(float)
        both = (joints[..., 2] > 0).all(0)
        move, _ = cv2.estimateAffinePartial2D(joints[1, both, :2], joints[0, both, :2], method=cv2.LMEDS)
        if not good or move is None:
            return 0.0
        found = places[[match.queryIdx for match in good]]
        expected = to_crop(others[[match.trainIdx for match in good]], move)
        near = np.linalg.norm(expected - found, axis=1) < SAME_PLACE * self.sizes[first]
        count = len(np.unique(found[near].round(), axis=0))
        return count / fewer if count >= LEAST else 0.0

    def _features(self, person: int) -> tuple[np.ndarray, np.ndarray]:
        """Places in pixels of the photo (F, 2), and features (F, 128)."""
        if person not in self._known:
            self._known[person] = self._compute(person)
        return self._known[person]

    def _compute(self, person: int) -> tuple[np.ndarray, np.ndarray]:
        none = np.zeros((0, 2)), np.zeros((0, 128), np.float32)
        try:
            grey = cv2.cvtColor(self.dataset.photo(person), cv2.COLOR_RGB2GRAY)
        except (OSError, ValueError) as error:
            logger.warning("subject %d cannot be compared with others: %s", person, error)
            return none
        scale = min(SIZE / self.sizes[person], MOST_ENLARGED)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=way)
        points, features = cv2.SIFT.create(nfeatures=FEATURES).detectAndCompute(grey, None)
        if features is None:
            return none
        return (np.array([point.pt for point in points]) + 0.5) / scale - 0.5, features


def find_duplicates(dataset: PoseDataset, joints, sizes, readable, n_jobs: int) -> list[Finding]:
    """The same subject twice: in one photo, in a copy of its file, or in another photo of the same content."""
    numbers = _contents(dataset, readable, n_jobs)
    findings = same_subjects(dataset, joints, sizes, numbers)
    known = {(finding.other, finding.person) for finding in findings}
    likeness = Likeness(dataset, sizes)
    for first, second, _ in same_poses(joints, SAME_POSE):
        if (first, second) in known or numbers[first] == numbers[second] or not (readable[first] and readable[second]):
            continue
        alike = likeness.share(first, second)
        if alike > SAME_PICTURE:
            message = f"the same image and pose as subject {first}, in another photo"
            findings.append(Finding("duplicate", second, message, score=alike, other=first))
    return findings


def _contents(dataset: PoseDataset, readable, n_jobs: int) -> np.ndarray:
    """Number of each subject's photo, (N,), with the same number for copies of a file or an array."""
    sizes: dict[object, list[int]] = {}
    for person, photo in enumerate(dataset.photos):
        if readable[person]:
            key = Path(photo).stat().st_size if isinstance(photo, str | Path) else ("array", np.shape(photo))
            sizes.setdefault(key, []).append(person)
    doubtful = [person for same in sizes.values() if len(same) > 1 for person in same]

    def content(person: int) -> str:
        photo = dataset.photos[person]
        data = Path(photo).read_bytes() if isinstance(photo, str | Path) else np.ascontiguousarray(photo).tobytes()
        return hashlib.sha256(data).hexdigest()

    digests = joblib.Parallel(n_jobs=n_jobs, prefer="threads")(joblib.delayed(content)(each) for each in doubtful)
    keys: list[object] = [*range(len(dataset))]
    for person, digest in zip(doubtful, digests, strict=True):
        keys[person] = digest
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([order[key] for key in keys])


def same_subjects(dataset: PoseDataset, joints, sizes, photos) -> list[Finding]:
    """Subjects of one photo whose joints are at the same places."""
    findings = []
    labelled = joints[..., 2] > 0
    order = np.argsort(photos, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(photos[order])) + 1):
        for place, second in enumerate(group):
            for first in group[:place]:
                both = labelled[first] & labelled[second]
                if both.sum() < min(4, dataset.skeleton.n_parts) or not sizes[first] > 0:
                    continue
                distance = np.linalg.norm(joints[first, both, :2] - joints[second, both, :2], axis=-1).mean()
                if distance <= SAME_PERSON * sizes[first]:
                    message = f"the same as subject {first}: the same photo, and joints at the same places"
                    score = 1 - float(distance / sizes[first])
                    findings.append(Finding("duplicate", int(second), message, score=score, other=int(first)))
                    break
    return findings
