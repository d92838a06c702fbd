"""A second person's labels of the same photos: how far two people lie apart is the floor of every machine's error."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..datasets import PoseDataset
from ..photos import split_reference

__all__ = ["match_labels"]


def match_labels(first: PoseDataset, second: PoseDataset) -> np.ndarray:
    """The second labels in the order of the first.

    Photos are matched by the end of their paths, as much of it as makes them unique; subjects of one photo by their
    distance; parts by their names.

    Parameters
    ----------
    first, second : PoseDataset

    Returns
    -------
    float32 ndarray of shape (N, P, 3)
        x, y in pixels of the photo, and labelled; zeros where the second person labelled nothing.

    Raises
    ------
    ValueError
        If no photo or no part is in both.
    """
    shared = [part for part in first.skeleton.parts if part in second.skeleton.parts]
    if not shared:
        raise ValueError(
            f"the second labels have other parts: {', '.join(second.skeleton.parts)} instead of "
            f"{', '.join(first.skeleton.parts)}"
        )
    matched = np.zeros_like(first.joints)
    own = [first.skeleton.parts.index(part) for part in shared]
    other = [second.skeleton.parts.index(part) for part in shared]
    by_photo: dict[str, list[int]] = {}
    keys = _tails([*first.photos, *second.photos])
    for index, key in enumerate(keys[len(first) :]):
        by_photo.setdefault(key, []).append(index)
    n_matched = 0
    for index, key in enumerate(keys[: len(first)]):
        candidates = by_photo.get(key)
        if not candidates:
            continue
        n_matched += 1
        distances = [_apart(first.joints[index, own], second.joints[each, other]) for each in candidates]
        chosen = candidates.pop(int(np.argmin(distances)))
        matched[index, own] = second.joints[chosen, other]
    if not n_matched:
        raise ValueError(
            f"no photo is in both labels: the first names {Path(str(first.photos[0])).name}, the second "
            f"{Path(str(second.photos[0])).name}"
        )
    return matched


def _tails(photos: list) -> list[str]:
    """Shortest ends of the paths by which different photos differ, the same length for all."""
    files = [
        split_reference(photo) if isinstance(photo, str | Path) else (Path(f"array {id(photo)}"), {})
        for photo in photos
    ]
    names = [(*file.resolve().parts, str(sorted(options.items()))) for file, options in files]
    for length in range(2, max(map(len, names)) + 1):
        tails = ["/".join(name[-length:]) for name in names]
        if len({*tails[: len(tails)]}) == len({*names}) or length == max(map(len, names)):
            return tails
        # the same picture in two folders, one of each person, is one photo
        clashes: dict[str, set] = {}
        for tail, name in zip(tails, names, strict=True):
            clashes.setdefault(tail, set()).add(name)
        if all(len(each) <= 2 for each in clashes.values()):
            return tails
    return ["/".join(name) for name in names]


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    both = (first[:, 2] > 0) & (second[:, 2] > 0)
    if not both.any():
        return np.inf
    return float(np.linalg.norm(first[both, :2] - second[both, :2], axis=1).mean())
