"""Subjects that occur twice: in one photo, in a copy of its file, or in two photos that show nearly the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..datasets.pose_dataset import PoseDataset
from .findings import Finding
from .likeness import AlikePair, find_alike

__all__ = ["find_duplicates", "near_duplicates", "same_subjects"]

SAME_PERSON = 0.05  # mean distance of the joints of one subject, labelled twice, in sizes of the subject
SAME_JOINT = 0.2  # and the greatest distance of one of them
SAME_BOX = 0.3  # intersection over union of the boxes of joints, from which contradicting labels are of one subject
SECOND_ANNOTATOR = 0.1  # share of the subjects labelled twice from which that is on purpose
LISTED = 6


def near_duplicates(dataset: PoseDataset, *, n_jobs: int = 1, verbose: bool = False) -> np.ndarray:
    """Pairs of subjects whose photos are copies of each other or show nearly the same.

    Such subjects belong on one side of a split: ``find_groups(data, near_duplicates=near_duplicates(data))``.

    Parameters
    ----------
    dataset : PoseDataset
    n_jobs : int, default=1
        Threads that read photos; -1 uses all cores.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    int ndarray of shape (K, 2)
        Indices of subjects, the smaller one first.
    """
    alike = find_alike(dataset, n_jobs=n_jobs, verbose=verbose)
    same = [(group[0], other) for group in _members(alike.contents) for other in group[1:]]
    return np.array([*same, *((pair.first, pair.second) for pair in alike.pairs)], int).reshape(-1, 2)


def find_duplicates(
    dataset: PoseDataset, joints, sizes, readable, *, n_jobs: int, verbose: bool = False
) -> list[Finding]:
    """The same subject twice: in one photo, in a copy of its file, or in another photo that shows nearly the same."""
    alike = find_alike(dataset, readable, n_jobs=n_jobs, verbose=verbose)
    findings = same_subjects(dataset, joints, sizes) + _copies(dataset, joints, sizes, alike.contents)
    return findings + _alike(alike.pairs, len(dataset))


def same_subjects(dataset: PoseDataset, joints, sizes) -> list[Finding]:
    """Subjects of one photo whose joints are at the same places."""
    findings = []
    for group in _members(dataset.photo_numbers()):
        for place, second in enumerate(group):
            for first in group[:place]:
                mean, _ = _disagreement(joints, sizes, first, second)
                if mean <= SAME_PERSON:
                    message = f"the same as subject {first}: the same photo, and joints at the same places"
                    findings.append(Finding("labelled twice", int(second), message, 1 - mean, other=int(first)))
                    break
    if len(findings) > SECOND_ANNOTATOR * len(dataset):
        message = (
            f"{len(findings)} of {len(dataset)} subjects are labelled twice in the same photo, as by a second annotator"
        )
        return [Finding("second annotator", None, message)]
    return findings


def _disagreement(joints, sizes, first: int, second: int) -> tuple[float, float]:
    """Mean and greatest distance of the joints labelled in both, in sizes of the subject; infinite for too few."""
    both = (joints[[first, second], :, 2] > 0).all(0)
    size = max(sizes[first], sizes[second])
    if both.sum() < min(4, joints.shape[1]) or not size > 0:
        return np.inf, np.inf
    distances = np.linalg.norm(joints[first, both, :2] - joints[second, both, :2], axis=-1) / size
    return float(distances.mean()), float(distances.max())


def _copies(dataset: PoseDataset, joints, sizes, contents) -> list[Finding]:
    """Identical pictures in different files: with labels that agree, or contradict each other."""
    findings = []
    numbers = dataset.photo_numbers()
    alone = np.bincount(numbers)[numbers] == 1
    for group in _members(contents):
        for place, second in enumerate(group):
            for first in group[:place]:
                if numbers[first] == numbers[second]:
                    continue
                mean, most = _disagreement(joints, sizes, first, second)
                name = _name(dataset, first)
                if mean <= SAME_PERSON and most <= SAME_JOINT:
                    message = f"the same picture as subject {first}{name}, with the same labels"
                    findings.append(Finding("duplicate", second, message, 1 - mean, other=first))
                    break
                if alone[first] and alone[second] and np.isfinite(mean) and _overlap(joints, first, second) > SAME_BOX:
                    parts = _apart(dataset, joints, sizes, first, second)
                    message = (
                        f"the same picture as subject {first}{name}, labelled differently: joints are up to "
                        f"{most * max(sizes[first], sizes[second]):.0f} px apart; correct one, or leave it out"
                    )
                    findings.append(Finding("contradicting labels", second, message, most, parts, first))
                    break
    return findings


def _apart(dataset: PoseDataset, joints, sizes, first: int, second: int) -> tuple[str, ...]:
    """Names of the parts labelled at different places."""
    distances = np.linalg.norm(joints[first, :, :2] - joints[second, :, :2], axis=-1)
    both = (joints[[first, second], :, 2] > 0).all(0)
    chosen = both & (distances > SAME_PERSON * max(sizes[first], sizes[second]))
    return tuple(dataset.skeleton.parts[part] for part in np.flatnonzero(chosen))


def _overlap(joints, first: int, second: int) -> float:
    """Intersection over union of the boxes of the labelled joints."""
    boxes = [joints[each, joints[each, :, 2] > 0, :2] for each in (first, second)]
    low, high = np.array([box.min(0) for box in boxes]), np.array([box.max(0) for box in boxes])
    inside = np.clip(high.min(0) - low.max(0), 0, None).prod()
    union = (high - low).prod(1).sum() - inside
    return float(inside / union) if union > 0 else 0.0


def _alike(pairs: list[AlikePair], n: int) -> list[Finding]:
    """One finding for each set of subjects that are linked by likeness, with its most alike pair."""
    if not pairs:
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array([(pair.first, pair.second) for pair in pairs])
    sets = connected_components(coo_array((np.ones(len(ends)), tuple(ends.T)), shape=(n, n)), directed=False)[1]
    findings: dict[int, Finding] = {}
    for pair in pairs:  # the most alike first
        number = int(sets[pair.first])
        if number not in findings:
            others = tuple(int(each) for each in np.flatnonzero(sets == number) if each != pair.second)
            rest = [each for each in others if each != pair.first]
            message = f"the photo shows nearly the same as that of subject {pair.first}"
            if rest:
                more = f" and {len(rest) - LISTED} more" if len(rest) > LISTED else ""
                listed = ", ".join(map(str, rest[:LISTED])) + more
                message += f"; so do those of subjects {listed}, from one to the next"
            message += "; keep them on one side of a split"
            findings[number] = Finding(
                "near-duplicate", pair.second, message, min(pair.score, 1.0), other=pair.first, others=others
            )
    return list(findings.values())


def _name(dataset: PoseDataset, person: int) -> str:
    photo = dataset.photos[person]
    return f" ({Path(photo).name})" if isinstance(photo, str | Path) else ""


def _members(numbers: np.ndarray) -> list[list[int]]:
    """Indices with the same number, for numbers that occur more than once."""
    order = np.argsort(numbers, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return [group.tolist() for group in groups if len(group) > 1]
