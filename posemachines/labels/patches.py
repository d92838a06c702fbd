"""Pictures of the subjects in one frame, from which nearly identical ones are recognised."""

from __future__ import annotations

import hashlib
import logging
from typing import NamedTuple

import cv2
import joblib
import numpy as np

from .._utils.progress import progress
from ..datasets.pose_dataset import PoseDataset

__all__ = ["Patches", "detail", "subject_patches"]

AREA = 112.0**2  # px of the box of the mean pose
PADDING = 1.3
NARROWEST = 0.3  # of the longer side of the box
SAMPLE = 31  # photos of one size of which the background is the median
LEAST = 8  # photos; fewer have no background to remove
SMALL, LARGE = 1.0, 4.0  # px, of the details that are compared
logger = logging.getLogger(__name__)


class Patches(NamedTuple):
    """Subjects as the camera saw them, moved and turned onto the mean pose.

    Attributes
    ----------
    pictures : float32 ndarray of shape (M, h, w)
        Grey, without the background that photos of one size have in common.
    who : int ndarray of shape (M,)
        Index of each subject in the data set.
    contents : int ndarray of shape (N,)
        Number of the photo of every subject in the data set, the same for photos of identical pixels.
    """

    pictures: np.ndarray
    who: np.ndarray
    contents: np.ndarray


def subject_patches(
    dataset: PoseDataset, joints: np.ndarray, readable: np.ndarray, *, n_jobs: int = 1, verbose: bool = False
) -> Patches:
    """Patches of the subjects with a readable photo and at least two labelled joints.

    Parameters
    ----------
    dataset : PoseDataset
    joints : ndarray of shape (N, P, 3)
    readable : bool ndarray of shape (N,)
    n_jobs : int
        Threads.
    verbose : bool
        Show a progress bar.

    Returns
    -------
    Patches
    """
    moves, low, high = _onto_mean_pose(joints)
    posed = readable & np.isfinite(moves).all((1, 2))
    extent = np.maximum(high - low, NARROWEST * (high - low).max())
    zoom = np.sqrt(AREA / extent.prod())
    size = np.maximum(np.round(PADDING * zoom * extent), 16).astype(int)
    moves = zoom * moves
    moves[..., 2] += size / 2 - zoom * (low + high) / 2
    numbers = dataset.photo_numbers()
    photos = [np.flatnonzero(readable & (numbers == number)) for number in np.unique(numbers[readable])]
    shrink = _shrinking(moves[posed])
    backgrounds = _backgrounds(dataset, [people[0] for people in photos], shrink, n_jobs)

    def cut(people: np.ndarray) -> tuple[bytes, list[np.ndarray]]:
        photo = _photo(dataset, people[0])
        if photo is None:
            return b"", []
        picture = _without_background(_grey(photo, shrink), backgrounds)
        digest = hashlib.sha256(repr(photo.shape).encode() + photo.tobytes()).digest()
        return digest, [_cut(picture, moves[person], shrink, size) for person in people if posed[person]]

    work = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(map(joblib.delayed(cut), photos))
    cuts = list(progress(work, "compare photos", shown=verbose, total=len(photos), passing=True))
    seen = [people[posed[people]] for people, (digest, _) in zip(photos, cuts, strict=True) if digest]
    who = np.concatenate([*seen, np.zeros(0, int)])
    pictures = [picture for _, some in cuts for picture in some]
    stacked = np.stack(pictures) if pictures else np.zeros((0, size[1], size[0]), np.float32)
    contents = _contents(numbers, {int(people[0]): digest for people, (digest, _) in zip(photos, cuts, strict=True)})
    return Patches(stacked[np.argsort(who)], np.sort(who), contents)


def _contents(numbers: np.ndarray, digests: dict[int, bytes]) -> np.ndarray:
    """Numbers of the photos (N,), the same for those of the same digest; `digests` by one subject of each photo."""
    first: dict[bytes, int] = {}
    merged = np.arange(int(numbers.max()) + 1)
    for person, digest in digests.items():
        if digest:
            merged[numbers[person]] = first.setdefault(digest, int(numbers[person]))
    return merged[numbers]


def detail(pictures: np.ndarray) -> np.ndarray:
    """Details of pictures (M, h, w), of equal contrast everywhere, without what all of them have in common."""
    found = np.stack([_detail(picture) for picture in pictures]) if len(pictures) else pictures
    return found - found.mean(0) if len(found) >= LEAST else found


def _detail(picture: np.ndarray) -> np.ndarray:
    band = cv2.GaussianBlur(picture, (0, 0), SMALL) - cv2.GaussianBlur(picture, (0, 0), LARGE)
    contrast = np.sqrt(np.maximum(cv2.GaussianBlur(band * band, (0, 0), 1.5 * LARGE), 0))
    return band / (contrast + 0.5 * contrast.mean() + 1e-3)


def _onto_mean_pose(joints: np.ndarray, rounds: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarity that moves each subject onto the mean pose, (N, 2, 3), NaN where impossible, and that pose's box."""
    labelled = joints[..., 2] > 0
    places = joints[..., 0] + 1j * joints[..., 1]
    first = int(labelled.sum(1).argmax())
    if not labelled[first].any():
        return np.full((len(joints), 2, 3), np.nan), np.zeros(2), np.ones(2)
    mean, known = places[first], labelled[first]
    for _ in range(rounds):
        turn, shift = _similarities(places, labelled & known, mean)
        usable = labelled & np.isfinite(turn)[:, None]
        if not usable.any():
            break
        moved = np.where(usable, turn[:, None] * places + shift[:, None], 0)
        mean, known = moved.sum(0) / np.maximum(usable.sum(0), 1), usable.any(0)
        mean = (mean - mean[known].mean()) / max(float(np.sqrt((abs(mean[known]) ** 2).mean())), 1e-12)
    turn, shift = _similarities(places, labelled & known, mean)
    moves = np.stack([turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag], -1).reshape(-1, 2, 3)
    box = np.stack([mean[known].real, mean[known].imag], -1)
    return moves, box.min(0), box.max(0)


def _similarities(places, both, mean) -> tuple[np.ndarray, np.ndarray]:
    """Turn and shift, complex (N,), that bring joints closest to the mean pose; NaN for fewer than two in `both`."""
    count = np.maximum(both.sum(1), 1)
    centre = (places * both).sum(1) / count
    target = (mean * both).sum(1) / count
    away = (places - centre[:, None]) * both
    spread = (abs(away) ** 2).sum(1)
    turn = (away.conj() * (mean - target[:, None])).sum(1) / np.where(spread > 0, spread, 1)
    turn = np.where((both.sum(1) >= 2) & (spread > 0) & (abs(turn) > 0), turn, np.nan)
    return turn, target - turn * centre


def _shrinking(moves: np.ndarray) -> float:
    """Factor by which photos are reduced before the patches are cut, at most 1."""
    if not len(moves):
        return 1.0
    scale = float(np.median(np.sqrt(abs(np.linalg.det(moves[..., :2])))))
    return min(1.0, 1.5 * scale)


def _photo(dataset: PoseDataset, person: int) -> np.ndarray | None:
    try:
        return dataset.photo(person)
    except (OSError, ValueError) as error:
        logger.warning("subject %d cannot be compared with others: %s", person, error)
        return None


def _grey(photo: np.ndarray, shrink: float) -> np.ndarray:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    if shrink < 1:
        size = tuple(max(1, round(side * shrink)) for side in grey.shape[::-1])
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return grey.astype(np.float32)


def _backgrounds(dataset: PoseDataset, people: list[int], shrink: float, n_jobs: int) -> dict[tuple, np.ndarray]:
    """Median of a sample of the photos of each size, by shape."""
    chosen = [people[place] for place in np.linspace(0, len(people) - 1, min(len(people), 3 * SAMPLE)).astype(int)]

    def read(person: int) -> np.ndarray | None:
        photo = _photo(dataset, person)
        return None if photo is None else _grey(photo, shrink)

    by_shape: dict[tuple, list[np.ndarray]] = {}
    for grey in joblib.Parallel(n_jobs=n_jobs, prefer="threads")(map(joblib.delayed(read), chosen)):
        if grey is not None:
            by_shape.setdefault(grey.shape, []).append(grey)
    return {
        shape: np.median(greys[:: max(1, len(greys) // SAMPLE)], axis=0).astype(np.float32)
        for shape, greys in by_shape.items()
        if len(greys) >= LEAST
    }


def _without_background(grey: np.ndarray, backgrounds: dict[tuple, np.ndarray]) -> np.ndarray:
    """A photo minus the background of its size, or proportions, in the brightness and contrast of the photo."""
    shape = grey.shape
    found = backgrounds.get(shape)
    for known, background in backgrounds.items() if found is None else ():
        if abs(shape[0] * known[1] / (shape[1] * known[0]) - 1) < 0.01:
            found = cv2.resize(background, shape[::-1], interpolation=cv2.INTER_LINEAR)
            break
    if found is None:
        return grey
    away = found - found.mean()
    spread = float((away * away).mean())
    gain = float((away * grey).mean()) / spread if spread > 0 else 0.0
    return grey - grey.mean() - gain * away


def _cut(picture: np.ndarray, move: np.ndarray, shrink: float, size: np.ndarray) -> np.ndarray:
    """The patch of a subject, from a reduced photo."""
    reduced = move.copy()
    reduced[:, :2] /= shrink
    reduced[:, 2] -= reduced[:, :2] @ np.full(2, 0.5 * shrink - 0.5)
    scale = np.sqrt(abs(np.linalg.det(reduced[:, :2])))
    if scale < 1:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale)
    return cv2.warpAffine(picture, reduced, size.tolist(), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
