"""TPS files of geometric morphometrics: landmarks of specimens, as tpsDig and its relatives write them.

Traps: one file holds many specimens; y counts upwards from the bottom of the photo, so its height is needed; landmarks
have no names, only an order; ``SCALE`` is a length per pixel in a unit that the file does not say; a missing landmark
is -1 -1 or NA; ``LM3`` is three-dimensional; curves and outlines follow the landmarks; ``IMAGE`` may be a path of
another computer; tpsDig shows photos as they are stored, whatever their EXIF orientation says.

Coordinates are lengths from the lower left corner of the photo, so the centre of its lower left pixel is at (0.5, 0.5):
``x = x_tps - 0.5`` and ``y = height - y_tps - 0.5`` with pixels counted from 0, at their centres. Scripts that write
numbers of pixels are half a pixel off unless ``first_pixel=0`` says so: ``x = x_tps``, ``y = height - 1 - y_tps``.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from .._utils.replacing import replacing
from ..photos import photo_size
from ..skeleton import Skeleton
from .annotations import Annotations
from .files import begins_with, existing_file, folder_above
from .photo_sizes import sizes_in
from .text_tables import decoded
from .tps_blocks import Specimen, read_specimens
from .written import lost, photo_files, relative_names

__all__ = ["UNITS", "read_tps", "recognise_tps", "write_tps"]

UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001, "inch": 25.4}
"""Units of SCALE in mm."""
_HALF = 0.5  # the centre of the pixel in the corner
_LISTED = 5


def recognise_tps(path: Path) -> str | None:
    """What makes a file a TPS file, in words; None where nothing does."""
    if path.suffix.lower() not in (".tps", ".txt") or not path.is_file():
        return None
    start = begins_with(path, 200).lstrip("\ufeff \r\n").upper()
    return "read as TPS: it begins with LM=" if start.startswith(("LM=", "LM3=", "LM =")) else None


def read_tps(
    path: str | Path,
    images: str | Path | None = None,
    *,
    unit: str | None = None,
    first_pixel: float = 0.5,
    max_missing: float = 0.1,
) -> Annotations:
    """Landmarks of the specimens, in the order of the file.

    Parameters
    ----------
    path : path
    images : path, optional
        Folder of the photos, whose heights are needed; by default that of the file.
    unit : {"mm", "cm", "m", "um", "inch", "none"}, optional
        Of SCALE; by default mm, with a note. "none" leaves the scale out.
    first_pixel : float, default=0.5
        Coordinate of the centre of the pixel in the lower left corner.
    max_missing : float, default=0.1
        Share of the photos that may be missing: their specimens are left out, with a note.

    Returns
    -------
    Annotations
        Parts are called 1, 2, ..., then ``curve1 1``, ... where all specimens have the same curves; otherwise curves
        are left out. `subjects` are the IDs, `mm_per_pixel` comes from SCALE. `stored` is True.

    Raises
    ------
    FileNotFoundError
        If there is no file, or too many photos are missing.
    ValueError
        If the file is damaged or three-dimensional, a specimen has no photo, or specimens differ in their landmarks.
    """
    path = existing_file(path, "give the TPS file")
    if unit not in (None, "none", *UNITS):
        raise ValueError(f"unit must be one of {', '.join(UNITS)} or none; got {unit!r}")
    notes: list[str] = []
    specimens = read_specimens(decoded(path.read_bytes()), path)
    digitised = [each for each in specimens if each.n_labelled]
    if not digitised:
        raise ValueError(f"{path}: none of its {len(specimens)} specimens has a landmark")
    if len(digitised) < len(specimens):
        notes.append(f"specimens without a landmark are left out: {len(specimens) - len(digitised)}")
    _check_photos(digitised, path)
    parts = _parts(digitised, path, notes)
    names = [each.image for each in digitised]
    folder = folder_above(path, names) if images is None else images
    sizes, missing = sizes_in(folder, names, path, max_missing=max_missing, stored=True)
    notes += missing
    kept = np.isfinite(sizes[:, 1])
    specimens = [each for each, is_there in zip(digitised, kept, strict=True) if is_there]
    heights = sizes[kept, 1].tolist()
    joints = np.stack(
        [_joints(each, height, len(parts), first_pixel) for each, height in zip(specimens, heights, strict=True)]
    )
    _left_out(specimens, notes)
    outside = (joints[..., 2] > 0) & ((joints[..., :2] < -1) | (joints[..., :2] > sizes[kept, None])).any(-1)
    if outside.any():
        notes.append(f"landmarks outside their photos: {outside.sum()}; are these the photos that were digitised?")
    return Annotations(
        path.stem,
        [each.image for each in specimens],
        joints.astype(np.float32),
        Skeleton(path.stem, parts),
        mm_per_pixel=_spacing(specimens, unit, notes),
        sizes=sizes[kept],
        subjects=[each.id for each in specimens] if any(each.id for each in specimens) else None,
        stored=True,
        notes=tuple(notes),
    )


def _check_photos(specimens: list[Specimen], path: Path) -> None:
    without = [each for each in specimens if not each.image]
    if without:
        raise ValueError(
            f"{path}: {len(without)} of {len(specimens)} specimens have no IMAGE=, such as {without[0].where}; without "
            "the photo's height, y cannot be counted from the top: add IMAGE=<file name>"
        )


def _parts(specimens: list[Specimen], path: Path, notes: list[str]) -> tuple[str, ...]:
    """Names of the landmarks, and of the points of curves that all specimens have."""
    counts = defaultdict(list)
    for each in specimens:
        counts[len(each.landmarks)].append(each.where)
    if len(counts) > 1:
        listing = "; ".join(
            f"LM={n} in {len(where)} ({', '.join(where[:_LISTED])}{', ...' if len(where) > _LISTED else ''})"
            for n, where in sorted(counts.items(), key=lambda item: -len(item[1]))
        )
        raise ValueError(
            f"{path}: specimens have different numbers of landmarks: {listing}; mark missing ones as -1 -1, or divide "
            "the file"
        )
    parts = [str(number) for number in range(1, len(specimens[0].landmarks) + 1)]
    curves = {tuple(map(len, each.curves)) for each in specimens}
    if len(curves) > 1:
        notes.append("specimens have different curves, which are left out")
        for each in specimens:
            each.curves.clear()
    elif lengths := next(iter(curves)):
        parts += [f"curve{n} {i}" for n, length in enumerate(lengths, 1) for i in range(1, length + 1)]
        notes.append(f"the points of {len(lengths)} curves are read as parts: {sum(lengths)}")
    return tuple(parts)


def _joints(specimen: Specimen, height: float, n_parts: int, first_pixel: float) -> np.ndarray:
    """Landmarks and points of curves (P, 3), y from the top."""
    points = np.array([*specimen.landmarks, *(point for curve in specimen.curves for point in curve)], float)
    points = points.reshape(n_parts, 2)
    missing = ~np.isfinite(points).all(1) | (points == -1).all(1)
    x, y = (points - first_pixel).T
    flipped = np.column_stack([x, height - 1 - y, np.ones(n_parts)])
    return np.where(missing[:, None], 0, flipped)


def _spacing(specimens: list[Specimen], unit: str | None, notes: list[str]) -> np.ndarray | None:
    scales = np.array([each.scale for each in specimens])
    known = scales[np.isfinite(scales)]
    if not len(known) or unit == "none":
        return None
    if (known == 1).all():
        notes.append("SCALE=1 everywhere is read as no scale")
        return None
    if unit is None:
        notes.append("SCALE is read as mm per pixel; if its unit is another, pass unit='cm', 'm', 'um' or 'inch'")
    return scales * UNITS[unit or "mm"]


def _left_out(specimens: list[Specimen], notes: list[str]) -> None:
    keys = sorted({key for each in specimens for key in each.others})
    if keys:
        notes.append(f"entries that are not read: {', '.join(keys)}")


def write_tps(path: str | Path, dataset) -> list[str]:
    """Write labels as tpsDig does.

    Parameters
    ----------
    path : path
        Of the TPS file. Photos are named relative to its folder.
    dataset : PoseDataset
        With photos in files, as they are stored (``#stored`` where they have an EXIF orientation). Joints that are not
        labelled become -1 -1.

    Returns
    -------
    list of str
        What the file does not hold.

    Raises
    ------
    ValueError
        If a photo is an array.
    """
    names = relative_names(dataset, Path(path).parent)
    heights = {photo: photo_size(photo)[1] for photo in dict.fromkeys(photo_files(dataset))}
    lines = []
    for index, (photo, name) in enumerate(zip(photo_files(dataset), names, strict=True)):
        lines.append(f"LM={dataset.skeleton.n_parts}")
        for x, y, seen in np.asarray(dataset.joints[index], float).tolist():
            lines.append(f"{x + _HALF:.9g} {heights[photo] - y - _HALF:.9g}" if seen else "-1 -1")
        lines += [f"IMAGE={name.removesuffix('#stored')}", f"ID={index}"]
        if dataset.mm_per_pixel is not None and np.isfinite(dataset.mm_per_pixel[index]):
            lines.append(f"SCALE={dataset.mm_per_pixel[index]:.9g}")
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    notes = lost(dataset, "TPS", held=("mm_per_pixel",))
    if dataset.skeleton.parts != tuple(str(number) for number in range(1, dataset.skeleton.n_parts + 1)):
        listing = ", ".join(f"{number} {part}" for number, part in enumerate(dataset.skeleton.parts, 1))
        notes.append(f"TPS has numbers instead of names: {listing}")
    return notes
