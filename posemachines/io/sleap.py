"""SLEAP's projects (.slp, also with embedded frames) and analysis files (.h5), through sleap-io.

Traps: a project holds what people labelled and what a network predicted, often in the same frame; frames are named by
their video and number; a package (``.pkg.slp``) carries its frames, whose videos may be far away; files of the first
versions count pixels from their corners, which sleap-io corrects, so that pixels count from 0, at their centres;
symmetries are unordered pairs; an analysis file holds predictions, of every frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..sides import mirror_pairs
from ..skeleton import Skeleton
from .annotations import Annotations
from .files import existing_file

__all__ = ["read_sleap", "recognise_sleap"]

_ANALYSIS = ("tracks", "node_names", "track_occupancy")


def recognise_sleap(path: Path) -> str | None:
    """What makes a file SLEAP's, in words; None where nothing does."""
    if not path.is_file():
        return None
    if path.suffix.lower() == ".slp":
        return f"read as SLEAP: the suffix of {path.name}"
    if path.suffix.lower() not in (".h5", ".hdf5"):
        return None
    try:
        import h5py

        with h5py.File(path) as file:
            found = all(name in file for name in _ANALYSIS)
    except (ImportError, OSError):
        return None
    return f"read as SLEAP's analysis: it has {', '.join(_ANALYSIS)}" if found else None


def read_sleap(path: str | Path, *, animal: str | list[str] | None = None, predictions: bool = False) -> Annotations:
    """What people labelled in a project: one subject per instance, frame by frame.

    Parameters
    ----------
    path : path
    animal : str or list of str, optional
        Tracks to read; by default all instances.
    predictions : bool, default=False
        Read what a network predicted as if it were labels; an analysis file has nothing else.

    Returns
    -------
    Annotations
        `photos` are the frames, ``video.mp4#frame=12``, or the files of an image sequence; of a package, they are the
        frames themselves, uint8 arrays (H, W, 3), and `photo_ids` their names. `groups` are the videos, `subjects` the
        tracks.

    Raises
    ------
    ImportError
        Without sleap-io.
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not of this format, nobody labelled anything in it, or its skeletons differ.
    """
    path = existing_file(path, "give SLEAP's .slp file")
    instances, notes = _of_people(_loaded(path), path, predictions)
    instances = _of_tracks(instances, animal, path)
    skeleton = _skeleton(instances, path)
    points = np.stack([instance.numpy()[:, :2] for _, instance in instances])
    labelled = np.isfinite(points).all(-1, keepdims=True)
    photos, names = _photos([frame for frame, _ in instances])
    tracks = [_track(instance) for _, instance in instances]
    found = Annotations(
        path.name.removesuffix(path.suffix),
        photos,
        np.concatenate([np.where(labelled, points, 0), labelled], -1).astype(np.float32),
        skeleton,
        photo_ids=names,
        groups=[_video(frame.video) for frame, _ in instances],
        subjects=tracks if any(tracks) else None,
        notes=tuple(notes),
    )
    return found.take(np.flatnonzero(labelled.any((1, 2))).tolist())


def _loaded(path: Path) -> Any:
    try:
        import sleap_io
    except ImportError as error:
        raise ImportError(f'reading {path} needs sleap-io: pip install "posemachines[sleap]"') from error
    try:
        return sleap_io.load_slp(str(path)) if path.suffix == ".slp" else sleap_io.load_analysis_h5(str(path))
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise ValueError(f"{path} is not a readable file of SLEAP ({error})") from error


def _of_people(labels: Any, path: Path, predictions: bool) -> tuple[list[tuple[Any, Any]], list[str]]:
    """(frame, instance) of what people labelled, or of what was predicted where that is wanted; and notes."""
    instances: list[tuple[Any, Any]] = []
    for frame in labels.labeled_frames:
        chosen = [*frame.user_instances] or ([*frame.predicted_instances] if predictions else [])
        instances += [(frame, instance) for instance in chosen]
    n_predicted = sum(len(frame.predicted_instances) for frame in labels.labeled_frames)
    if not instances:
        raise ValueError(
            f"{path} has no landmark that a person labelled; {n_predicted} instances are predictions: correct some in "
            "SLEAP, or pass format='sleap' to train on predictions as if they were labels"
        )
    if predictions and n_predicted:
        return instances, ["predicted instances are read as if they were labels, in frames that nobody labelled"]
    if n_predicted:
        return instances, [f"{n_predicted} predicted instances are not read: only what people labelled is"]
    return instances, []


def _of_tracks(instances: list[tuple[Any, Any]], animal: str | list[str] | None, path: Path) -> list[tuple[Any, Any]]:
    if animal is None:
        return instances
    wanted = [animal] if isinstance(animal, str) else [*animal]
    there = {_track(instance) for _, instance in instances}
    if lacking := [name for name in wanted if name not in there]:
        listing = ", ".join(sorted(name or "(none)" for name in there))
        raise ValueError(f"{path} has no track {', '.join(lacking)}; its instances have the tracks {listing}")
    return [each for each in instances if _track(each[1]) in wanted]


def _track(instance: Any) -> str:
    return "" if instance.track is None else str(instance.track.name)


def _skeleton(instances: list[tuple[Any, Any]], path: Path) -> Skeleton:
    there = {tuple(instance.skeleton.node_names): instance.skeleton for _, instance in instances}
    if len(there) > 1:
        listing = "; ".join(", ".join(names) for names in there)
        raise ValueError(f"{path} has instances of {len(there)} skeletons: {listing}; keep one of them in SLEAP")
    parts, skeleton = next(iter(there.items()))
    by_name = {frozenset(pair): pair for pair in mirror_pairs(parts)}
    pairs = [tuple(sorted(pair)) for pair in skeleton.symmetry_inds]
    named = [(parts[a], parts[b]) for a, b in dict.fromkeys(pairs)]
    return Skeleton(
        str(skeleton.name or path.stem),
        parts,
        limbs=tuple((a, b) for a, b in skeleton.edge_inds if a != b),
        pairs=tuple(by_name.get(frozenset(pair), pair) for pair in named) or tuple(by_name.values()),
    )


def _photos(frames: list[Any]) -> tuple[list[Any], list[str]]:
    """The photo of each frame, an array where it is embedded, and its name."""
    arrays: dict[str, np.ndarray] = {}
    photos: list[Any] = []
    names = []
    for frame in frames:
        video, number = frame.video, int(frame.frame_idx)
        if isinstance(video.filename, list):
            photos.append(str(video.filename[number]).replace("\\", "/"))
            names.append(photos[-1])
            continue
        names.append(f"{_video(video)}#frame={number}")
        if getattr(video.backend, "has_embedded_images", False):
            if names[-1] not in arrays:
                arrays[names[-1]] = _as_rgb(np.asarray(frame.image))
            photos.append(arrays[names[-1]])
        else:
            photos.append(names[-1])
    return photos, names


def _video(video: Any) -> str:
    """The path of a video, of the folder of a sequence of images, or of an embedded video's original."""
    if isinstance(video.filename, list):
        return str(Path(str(video.filename[0]).replace("\\", "/")).parent)
    embedded = getattr(video.backend, "has_embedded_images", False)
    original = video.source_video if embedded and video.source_video is not None else video
    if isinstance(original.filename, list):
        return str(Path(str(original.filename[0]).replace("\\", "/")).parent)
    dataset = getattr(video.backend, "dataset", None) if original is video and embedded else None
    return str(original.filename).replace("\\", "/") + (f":{dataset}" if dataset else "")


def _as_rgb(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)).astype(np.uint8))
