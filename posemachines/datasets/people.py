"""Labelled people: photos, joints, and the frame that each person is cropped by."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from PIL import Image, UnidentifiedImageError

from .._checks import check_joints
from .._replacing import replacing
from ..crops import box_frame, crop_transform, cut_crop, joints_frame, read_photo, to_crop, to_rgb
from ..progress import progress
from ..sides import VIEWS, observer_centric
from ..skeleton import Skeleton, get_skeleton

__all__ = ["Crops", "PeopleDataset", "photo_size"]

FILL = {"joints": 0.7, "box": 0.8, "photo": 1.0, "given": 0.7}
"""Share of the crop's side that the person's scale takes up, for each rule."""

_BY_PERSON = ("joints", "centre", "scale", "occluded", "reference", "photo_ids")
OUTSIDE = 0.5  # px beyond the outermost pixel centres: the edge of the photo
CACHE_VERSION = 1


class Crops(NamedTuple):
    """People in the canonical frame.

    Attributes
    ----------
    X : uint8 ndarray of shape (N, size, size, 3)
        RGB crops.
    y : float32 ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and visible.
    transforms : float64 ndarray of shape (N, 2, 3)
        From the photo to the crop; :func:`posemachines.crops.to_photo` goes back.
    """

    X: np.ndarray
    y: np.ndarray
    transforms: np.ndarray


class PeopleDataset:
    """People in photos, with labelled joints.

    Parameters
    ----------
    photos : sequence of (path or ndarray)
        One a person: a file, or a picture (H, W), (H, W, 3) or (H, W, 4), uint8, RGB. People of one photo repeat it.
    joints : ndarray of shape (N, P, 3) or (N, P, 2), optional
        x, y in pixels of the photo, 0-based, and visible (0 = not labelled; two columns: labelled where finite).
        Without labels the dataset can be predicted on.
    skeleton : str or Skeleton, optional
        Names of the parts; numbered parts by default.
    rule : {"joints", "box", "photo", "given"}
        What sets a person's centre and scale (in pixels of the photo): the box of the labelled joints, `boxes`,
        the whole photo, or `centre` and `scale` as given. Recorded in every report.
    fill : float, optional
        Share of the crop's side that the scale takes up; by default 0.7 of it for labelled joints and given scales,
        0.8 for boxes, which enclose the whole body, and 1.0 for whole photos.
    boxes : ndarray of shape (N, 4), optional
        x, y, width, height; with ``rule="box"``.
    centre, scale : ndarray of shape (N, 2) and (N,), optional
        With ``rule="given"``.
    frame : str, optional
        Name of the published rule by which `centre` and `scale` are given, such as "cpm".
    view : {"person", "observer"}, default="person"
        Whose left is left.
    occluded : bool ndarray of shape (N, P), optional
        Labelled joints that something hides, where the data set says so.
    reference : ndarray of shape (N,), optional
        Length of each person that the data set's own protocol divides by, in pixels: the head of MPII.
    photo_ids : sequence of N int or str, optional
        What the data set calls the photo of each person.
    name : str
        Shown in reports.

    Attributes
    ----------
    centre, scale : float32 ndarray of shape (N, 2) and (N,)
        As the rule sets them.

    Raises
    ------
    ValueError
        If the numbers of photos, joints and frames disagree, the skeleton does not match the labels, or the rule
        lacks what it needs.

    Notes
    -----
    Labelled joints that lie outside their photo become unlabelled when crops are cut, with one warning that
    counts them.
    """

    def __init__(
        self,
        photos: Sequence[str | Path | np.ndarray],
        joints=None,
        skeleton: str | Skeleton | None = None,
        *,
        rule: str = "joints",
        fill: float | None = None,
        boxes=None,
        centre=None,
        scale=None,
        frame: str | None = None,
        view: str = "person",
        occluded=None,
        reference=None,
        photo_ids=None,
        name: str = "people",
    ) -> None:
        if isinstance(photos, str | Path):
            raise ValueError(f"photos must be a sequence, one photo a person; got the single path {photos}")
        self.photos = list(photos)
        self.name = name
        if not self.photos:
            raise ValueError(f"the dataset {name!r} is empty: no photos were given")
        if joints is None:
            joints = np.zeros((len(self.photos), get_skeleton(skeleton).n_parts, 3))
        if len(joints) != len(self.photos):
            raise ValueError(f"{len(self.photos)} photos but joints of {len(joints)} people; give one photo a person")
        self.joints = check_joints(joints)
        self.skeleton = get_skeleton(skeleton, self.joints.shape[1])
        if rule not in FILL:
            raise ValueError(f"rule must be one of {', '.join(FILL)}; got {rule!r}")
        self.rule = rule
        self.fill = FILL[rule] if fill is None else float(fill)
        if not 0 < self.fill <= 4:
            raise ValueError(f"fill is a share of the crop's side, about 0.7; got {fill}")
        self.centre, self.scale = self._frames(boxes, centre, scale)
        self.frame = frame
        if view not in VIEWS:
            raise ValueError(f"view must be one of {', '.join(VIEWS)}; got {view!r}")
        self.view = view
        self.occluded = self._of_people("occluded", occluded, self.joints.shape[:2], bool)
        self.reference = self._of_people("reference", reference, (len(self),), np.float32)
        self.photo_ids = self._of_people("photo_ids", photo_ids, (len(self),), None)

    def _of_people(self, name: str, values, shape: tuple[int, ...], dtype) -> np.ndarray | None:
        if values is None:
            return None
        array = np.array(values, dtype)
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, one entry a person; got {array.shape}")
        return array

    def _frames(self, boxes, centre, scale) -> tuple[np.ndarray, np.ndarray]:
        if self.rule == "joints":
            frame = joints_frame(self.joints)
        elif self.rule == "photo":
            sizes = np.array([photo_size(photo) for photo in self.photos])
            frame = (sizes - 1) / 2, sizes.max(1)
        elif self.rule == "box":
            if boxes is None:
                raise ValueError('rule="box" needs boxes=..., of shape (N, 4): x, y, width, height')
            frame = box_frame(boxes)
        else:
            if centre is None or scale is None:
                raise ValueError('rule="given" needs centre=... (N, 2) and scale=... (N,)')
            frame = np.asarray(centre), np.asarray(scale)
        centre, scale = (np.array(values, np.float32) for values in frame)
        if centre.shape != (len(self), 2) or scale.shape != (len(self),):
            raise ValueError(
                f"centre must be ({len(self)}, 2) and scale ({len(self)},) for {len(self)} people; "
                f"got {centre.shape} and {scale.shape}"
            )
        return centre, scale

    def __len__(self) -> int:
        return len(self.photos)

    def __repr__(self) -> str:
        return f"<PeopleDataset {self.name!r}: {len(self)} people, skeleton {self.skeleton.name!r}, rule {self.rule!r}>"

    def __getitem__(self, which) -> PeopleDataset:
        """The people of a slice, a list of indices or a bool mask; an int gives a dataset of one."""
        chosen = np.asarray([which]) if isinstance(which, int | np.integer) else which
        indices = np.arange(len(self))[chosen]
        if not len(indices):
            raise ValueError(f"this selection of the dataset {self.name!r} ({len(self)} people) is empty")
        people = object.__new__(PeopleDataset)
        people.__dict__.update(self.__dict__)
        people.photos = [self.photos[index] for index in indices]
        for name in _BY_PERSON:
            values = getattr(self, name)
            setattr(people, name, None if values is None else values[indices])
        return people

    def __iter__(self) -> Iterator[PeopleDataset]:
        return (self[index] for index in range(len(self)))

    @property
    def labelled(self) -> np.ndarray:
        """Bool ndarray (N,): people with at least one labelled joint."""
        return np.asarray(self.joints[..., 2].any(1))

    def photo(self, index: int) -> np.ndarray:
        """The photo of one person, uint8 RGB (H, W, 3)."""
        photo = self.photos[index]
        return read_photo(photo) if isinstance(photo, str | Path) else to_rgb(photo)

    def split(self, n_first: int | float, *, random_state: int | None = None) -> tuple[PeopleDataset, PeopleDataset]:
        """Two datasets that share nobody.

        Parameters
        ----------
        n_first : int or float
            Number, or share in (0, 1), of people in the first.
        random_state : int, optional
            Shuffle with this seed; by default the order is kept.
        """
        n = round(n_first * len(self)) if isinstance(n_first, float) else n_first
        if not 0 < n < len(self):
            raise ValueError(f"cannot put {n_first} of {len(self)} people first: both parts must have somebody")
        order = np.arange(len(self))
        if random_state is not None:
            order = np.random.default_rng(random_state).permutation(order)
        return self[order[:n]], self[order[n:]]

    def split_photos(self, share: float, *, random_state: int = 0) -> tuple[PeopleDataset, PeopleDataset]:
        """Two datasets that share no photo: people of one photo are in the same one.

        Parameters
        ----------
        share : float
            Of the photos, in (0, 1), that the first one gets.
        random_state : int, default=0
            Shuffles the photos.
        """
        photos = self._photo_numbers()
        order = np.random.default_rng(random_state).permutation(photos.max() + 1)
        n = round(share * len(order))
        if not 0 < n < len(order):
            raise ValueError(f"cannot put a share of {share} of {len(order)} photos first: both parts must have some")
        first = np.isin(photos, order[:n])
        return self[first], self[~first]

    def select_parts(self, parts) -> PeopleDataset:
        """The same people, centres and scales, with some of the parts, given by name or index."""
        chosen = [self.skeleton.index(part) for part in parts]
        people = self[:]
        people.skeleton = self.skeleton.select(chosen)
        people.joints = np.ascontiguousarray(self.joints[:, chosen])
        people.occluded = None if self.occluded is None else self.occluded[:, chosen]
        return people

    def _photo_numbers(self) -> np.ndarray:
        """For each person, which photo it is, (N,), counted from 0."""
        keys = [str(photo) if isinstance(photo, str | Path) else id(photo) for photo in self.photos]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return np.array([numbers[key] for key in keys])

    def others(self) -> np.ndarray:
        """Joints of the further people of each photo.

        Returns
        -------
        float32 ndarray of shape (N, K, P, 3)
            In pixels of the photo; K is the largest number of them, with rows of zeros where there are fewer.
        """
        photos = self._photo_numbers()
        most = int(np.bincount(photos).max()) - 1
        joints = np.zeros((len(self), most, *self.joints.shape[1:]), np.float32)
        for index in range(len(self) if most else 0):
            rest = np.flatnonzero(photos == photos[index])
            rest = rest[rest != index]
            joints[index, : len(rest)] = self.joints[rest]
        return joints

    def observer_centric(self) -> PeopleDataset:
        """The same people, left and right as an observer names them; see :func:`.observer_centric`.

        Raises
        ------
        ValueError
            If they are so already, or the skeleton lacks shoulders or hips.
        """
        if self.view == "observer":
            raise ValueError(f"the dataset {self.name!r} is observer-centric already")
        people = self[:]
        people.view = "observer"
        columns = [self.joints] if self.occluded is None else [self.joints, self.occluded[..., None]]
        turned = observer_centric(np.concatenate(columns, -1), self.skeleton)
        people.joints = np.ascontiguousarray(turned[..., :3], np.float32)
        if self.occluded is not None:
            people.occluded = turned[..., 3] > 0
        return people

    def crops(
        self, size: int = 128, *, n_jobs: int = -1, verbose: bool = False, cache: str | Path | None = None
    ) -> Crops:
        """Everybody in the canonical frame.

        Parameters
        ----------
        size : int, default=128
            Side of the crops, in pixels.
        n_jobs : int, default=-1
            Threads; -1 takes all cores.
        verbose : bool, default=False
            Show a progress bar.
        cache : path, optional
            Folder in which the crops are kept, under a key of everything that they depend on.

        Returns
        -------
        Crops
            ``X, y, transforms``.

        Raises
        ------
        ValueError
            If a person has no labelled joint although the rule reads them, or a file is not a picture.
        FileNotFoundError
            If a photo is missing.
        """
        if not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"size is the crop's side in pixels, a positive integer; got {size!r}")
        lost = np.flatnonzero(~(np.isfinite(self.centre).all(1) & (self.scale > 0)))
        if len(lost):
            raise ValueError(
                f"{len(lost)} people, number {lost[0]} first, have no frame under rule {self.rule!r} (no labels?); "
                "leave them out: dataset[dataset.labelled], or use rule='photo'"
            )
        file = None if cache is None else Path(cache) / f"crops-{self._key(size)}.npz"
        if file is not None and (cached := _read_cache(file)) is not None:
            return cached
        tasks = (joblib.delayed(self._crop)(index, size) for index in range(len(self)))
        done = joblib.Parallel(n_jobs, prefer="threads", return_as="generator")(tasks)
        X = np.empty((len(self), size, size, 3), np.uint8)
        y = np.empty_like(self.joints)
        transforms = np.empty((len(self), 2, 3))
        n_outside = 0
        for index, one in enumerate(progress(done, "crops", shown=verbose, total=len(self))):
            X[index], y[index], transforms[index], outside = one
            n_outside += outside
        if n_outside:
            warnings.warn(f"{n_outside} labelled joints lie outside their photo and are left out", stacklevel=2)
        crops = Crops(X, y, transforms)
        if file is not None:
            _write_cache(file, crops)
        return crops

    def _crop(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        photo = self.photo(index)
        transform = crop_transform(self.centre[index], float(self.scale[index]), size, fill=self.fill)
        joints = self.joints[index].copy()
        edge = np.array(photo.shape[1::-1]) - 1 + OUTSIDE
        outside = (joints[:, 2] > 0) & ((joints[:, :2] < -OUTSIDE) | (joints[:, :2] > edge)).any(1)
        joints[:, :2] = to_crop(joints[:, :2], transform)
        joints[outside] = 0
        joints[joints[:, 2] == 0] = 0
        return cut_crop(photo, transform, size), joints, transform, int(outside.sum())

    def _key(self, size: int) -> str:
        digest = hashlib.sha256(f"{CACHE_VERSION} {size} {self.fill}".encode())
        for array in (self.joints, self.centre, self.scale):
            digest.update(np.ascontiguousarray(array).tobytes())
        for photo in self.photos:
            if isinstance(photo, str | Path):
                status = os.stat(photo) if os.path.exists(photo) else None
                digest.update(f"{photo} {status and (status.st_size, status.st_mtime_ns)}".encode())
            else:
                digest.update(np.ascontiguousarray(photo).tobytes())
        return digest.hexdigest()[:24]


def photo_size(photo) -> tuple[int, int]:
    """(width, height) in pixels, from the header alone where the photo is a file."""
    if not isinstance(photo, str | Path):
        return to_rgb(photo).shape[1::-1]
    if not Path(photo).is_file():
        raise FileNotFoundError(f"no photo at {photo}")
    try:
        with Image.open(photo) as picture:
            # EXIF orientations 5..8 lie on their side; read_photo turns JPEGs upright
            turned = picture.format == "JPEG" and picture.getexif().get(0x0112, 1) >= 5
            return picture.size[::-1] if turned else picture.size
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{photo} is not a readable picture ({error}); it may be truncated: fetch it again") from error


def _read_cache(file: Path) -> Crops | None:
    if not file.is_file():
        return None
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return Crops(arrays["X"], arrays["y"], arrays["transforms"])
    except Exception as error:  # a damaged cache is rebuilt, whatever is wrong with it
        warnings.warn(f"the cached crops {file} cannot be read ({error}) and are cut again", stacklevel=3)
        return None


def _write_cache(file: Path, crops: Crops) -> None:
    with replacing(file) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **crops._asdict())
