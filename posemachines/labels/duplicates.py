"""Whether two people of the same pose are one person in two photos."""

from __future__ import annotations

import logging

import cv2
import numpy as np

from ..datasets.pose_dataset import PoseDataset

__all__ = ["Likeness"]

SIZE = 120.0  # px of a person when features are sought
MOST_ENLARGED = 4.0
FEATURES = 500
RATIO = 0.8  # of the distances to the best and the second best match (Lowe, IJCV 2004)
SAME_PLACE = 0.5  # of the person's size: how far a match may be from where the joints put it
LEAST = 10  # matches; fewer say nothing
logger = logging.getLogger(__name__)


class Likeness:
    """Compares photos of people by SIFT features, and keeps the features of the photos that it has seen.

    Parameters
    ----------
    dataset : PoseDataset
    sizes : ndarray of shape (N,)
        Of the people, in pixels.
    """

    def __init__(self, dataset: PoseDataset, sizes: np.ndarray) -> None:
        self.dataset, self.sizes = dataset, sizes
        self._known: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def share(self, first: int, second: int) -> float:
        """Share of features that both photos have at the same place of the body, of the photo with fewer; 0 to 1."""
        from skimage.transform import SimilarityTransform  # not needed to import the library

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
        move = SimilarityTransform.from_estimate(joints[1, both, :2], joints[0, both, :2])
        if not good or not move:
            return 0.0
        found = places[[match.queryIdx for match in good]]
        expected = move(others[[match.trainIdx for match in good]])
        near = np.linalg.norm(expected - found, axis=1) < SAME_PLACE * self.sizes[first]
        count = len(np.unique(found[near].round(), axis=0))
        return count / fewer if count >= LEAST else 0.0

    def _features(self, person: int) -> tuple[np.ndarray, np.ndarray]:
        """Places in pixels of the photo (F, 2), and features (F, 128)."""
        if person not in self._known:
            self._known[person] = self._sought(person)
        return self._known[person]

    def _sought(self, person: int) -> tuple[np.ndarray, np.ndarray]:
        none = np.zeros((0, 2)), np.zeros((0, 128), np.float32)
        try:
            grey = cv2.cvtColor(self.dataset.photo(person), cv2.COLOR_RGB2GRAY)
        except (OSError, ValueError) as error:
            logger.warning("person %d cannot be compared with others: %s", person, error)
            return none
        scale = min(SIZE / self.sizes[person], MOST_ENLARGED)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=way)
        points, features = cv2.SIFT.create(nfeatures=FEATURES).detectAndCompute(grey, None)
        if features is None:
            return none
        return (np.array([point.pt for point in points]) + 0.5) / scale - 0.5, features
