"""Labelled subjects in photos: joints, and the centre and size by which each subject is cropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .._utils.checks import check_joints
from .._utils.deprecation import renamed_keyword
from ..geometry import box_extent, joints_extent, read_photo, to_rgb
from ..io.photo_files import photo_size
from ..sides import SIDE_CONVENTIONS, observer_centric
from ..skeleton import Skeleton, get_skeleton
from .crops import Crops, cut_crops
from .old_names import OldAttributes, accept_old_keywords, accept_old_split, renamed
from .splits import in_training, linked_units

__all__ = ["Crops", "PoseDataset"]

PADDING = {"joints": 1 / 0.7, "box": 1.25, "photo": 1.0}
"""Longer side of the crop divided by the subject's size, by the rules that need no centre and size."""

_PER_SUBJECT = (
    "joints", "centre", "person_size", "extent", "occluded", "reference_length", "photo_ids", "groups", "boxes",
    "mm_per_pixel", "subjects",
)  # fmt: skip


class PoseDataset(OldAttributes):
    """Subjects in photos, with labelled joints (keypoints).

    Parameters
    ----------
    photos : sequence of (path or ndarray)
        One per subject: a file, or an image (H, W), (H, W, 3) or (H, W, 4), uint8, RGB. Subjects in the same photo
        repeat it.
    joints : ndarray of shape (N, P, 3) or (N, P, 2), optional
        x, y in pixels of the photo, 0-based, and labelled (0 = not labelled; with two columns, finite joints are
        labelled). A dataset without labels can only be predicted on.
    skeleton : str or Skeleton, optional
        Names of the parts; numbered parts by default.
    crop_rule : str, default="joints"
        What sets each subject's centre and size: "joints", the bounding box of the labelled joints; "box", `boxes`;
        "photo", the whole photo; or any other name, such as "cpm", together with `centre` and `person_size`. Every
        report records it.
    padding : float, optional
        Longer side of the crop divided by that of the smallest frame of its shape that encloses the subject: by default
        1 / 0.7 for labelled joints and given sizes, 1.25 for boxes, which enclose the whole body, and 1.0 for whole
        photos.
    boxes : ndarray of shape (N, 4), optional
        Bounding boxes, x, y, width, height; ``crop_rule="box"`` needs them, and they are kept under any rule. Rows of
        NaN stand for subjects without one.
    centre, person_size : ndarray of shape (N, 2) and (N,) or (N, 2), optional
        In pixels of the photo; for a `crop_rule` of another name. `person_size` is one length, or width and height.
    side_convention : {"person", "observer"}, default="person"
        Whose left is left.
    occluded : bool ndarray of shape (N, P), optional
        Labelled joints that something hides, where the data set says so.
    reference_length : ndarray of shape (N,), optional
        Length by which the data set's protocol divides errors, in pixels: the head size of MPII.
    photo_ids : sequence of N int or str, optional
        What the data set calls each subject's photo.
    groups : sequence of N int or str, optional
        What must not be divided between training and test: the video, the animal, the patient.
    groups_source : str, default=""
        Where the groups come from, for reports.
    mm_per_pixel : ndarray of shape (N,), optional
        Spacing of the photo's pixels, in mm; NaN where it is unknown.
    subjects : sequence of N str, optional
        Name of each individual or specimen; empty where it is unknown.
    notes : sequence of str, optional
        What the user should know about the data: what was guessed, dropped or recognised.
    name : str
        Shown in reports.

    Attributes
    ----------
    centre : float32 ndarray of shape (N, 2)
        Middle of each subject, as `crop_rule` sets it, in pixels of the photo.
    extent : float32 ndarray of shape (N, 2)
        Width and height of each subject, as `crop_rule` sees it; both are `person_size` where that is one length.
    person_size : float32 ndarray of shape (N,)
        The longer of them.

    Raises
    ------
    ValueError
        If the numbers of photos, joints and boxes disagree, the skeleton does not match the labels, or `crop_rule`
        lacks what it needs.

    Notes
    -----
    Labelled joints outside their photo become unlabelled when crops are cut, with one warning that counts them.
    """

    @renamed_keyword(scale="person_size", reference="reference_length", view="side_convention")
    @accept_old_keywords
    def __init__(
        self,
        photos: Sequence[str | Path | np.ndarray],
        joints=None,
        skeleton: str | Skeleton | None = None,
        *,
        crop_rule: str = "joints",
        padding: float | None = None,
        boxes=None,
        centre=None,
        person_size=None,
        side_convention: str = "person",
        occluded=None,
        reference_length=None,
        photo_ids=None,
        groups=None,
        groups_source: str = "",
        mm_per_pixel=None,
        subjects=None,
        notes: Sequence[str] = (),
        name: str = "subjects",
    ) -> None:
        if isinstance(photos, str | Path):
            raise ValueError(f"photos must be a sequence with one photo per subject; got the single path {photos}")
        self.photos = list(photos)
        self.name = name
        if not self.photos:
            raise ValueError(f"the dataset {name!r} is empty: no photos were given")
        if joints is None:
            joints = np.zeros((len(self.photos), get_skeleton(skeleton).n_parts, 3))
        if len(joints) != len(self.photos):
            raise ValueError(
                f"{len(self.photos)} photos but joints of {len(joints)} subjects; give one photo per subject"
            )
        self.joints = check_joints(joints)
        self.skeleton = get_skeleton(skeleton, self.joints.shape[1])
        self.crop_rule = crop_rule
        self.padding = PADDING.get(crop_rule, PADDING["joints"]) if padding is None else float(padding)
        if not 0.25 <= self.padding < np.inf:
            raise ValueError(f"padding is the crop's side divided by the subject's size, about 1.4; got {padding}")
        self.boxes = self._per_subject("boxes", boxes, (len(self), 4), np.float32)
        self.centre, self.extent, self.person_size = self._frames(centre, person_size)
        if side_convention not in SIDE_CONVENTIONS:
            raise ValueError(f"side_convention must be one of {', '.join(SIDE_CONVENTIONS)}; got {side_convention!r}")
        self.side_convention = side_convention
        self.occluded = self._per_subject("occluded", occluded, self.joints.shape[:2], bool)
        self.reference_length = self._per_subject("reference_length", reference_length, (len(self),), np.float32)
        self.photo_ids = self._per_subject("photo_ids", photo_ids, (len(self),), None)
        self.groups = self._per_subject("groups", groups, (len(self),), None)
        self.groups_source = groups_source
        self.mm_per_pixel = self._per_subject("mm_per_pixel", mm_per_pixel, (len(self),), np.float32)
        if self.mm_per_pixel is not None and (self.mm_per_pixel <= 0).any():
            raise ValueError("mm_per_pixel must be positive, or NaN where the spacing is unknown")
        self.subjects = self._per_subject("subjects", subjects, (len(self),), None)
        self.notes = (notes,) if isinstance(notes, str) else tuple(notes)

    def _per_subject(self, name: str, values, shape: tuple[int, ...], dtype) -> np.ndarray | None:
        if values is None:
            return None
        array = np.array(values, dtype)
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, one entry per subject; got {array.shape}")
        return array

    def _frames(self, centre, person_size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centre, extent and longer side of each subject, as the crop rule sees it."""
        if self.crop_rule == "joints":
            frame = joints_extent(self.joints)
        elif self.crop_rule == "photo":
            sizes = np.array([photo_size(photo) for photo in self.photos])
            frame = (sizes - 1) / 2, sizes
        elif self.crop_rule == "box":
            if self.boxes is None:
                raise ValueError('crop_rule="box" needs boxes=..., of shape (N, 4): x, y, width, height')
            frame = box_extent(self.boxes)
        else:
            if centre is None or person_size is None:
                raise ValueError(
                    f"crop_rule={self.crop_rule!r} needs centre=... (N, 2) and person_size=... (N,); "
                    f"the rules without them are {', '.join(PADDING)}"
                )
            frame = np.asarray(centre), np.asarray(person_size)
        centre, extent = (np.array(values, np.float32) for values in frame)
        if centre.shape != (len(self), 2) or extent.shape not in ((len(self),), (len(self), 2)):
            raise ValueError(
                f"centre must be ({len(self)}, 2) and person_size ({len(self)},) for {len(self)} subjects; "
                f"got {centre.shape} and {extent.shape}"
            )
        extent = np.repeat(extent[:, None], 2, axis=1) if extent.ndim == 1 else extent
        return centre, extent, extent.max(1)

    def __len__(self) -> int:
        return len(self.photos)

    def __repr__(self) -> str:
        return (
            f"<PoseDataset {self.name!r}: {len(self)} subjects, {self.skeleton.n_parts} parts ({self.skeleton.name}), "
            f"crop rule {self.crop_rule!r}>"
        )

    def __getitem__(self, which) -> PoseDataset:
        """The subjects of a slice, a list of indices or a bool mask; an int gives a dataset of one."""
        chosen = np.asarray([which]) if isinstance(which, int | np.integer) else which
        indices = np.arange(len(self))[chosen]
        if not len(indices):
            raise ValueError(f"this selection of the dataset {self.name!r} ({len(self)} subjects) is empty")
        some = object.__new__(PoseDataset)
        some.__dict__.update(self.__dict__)
        some.photos = [self.photos[index] for index in indices]
        for name in _PER_SUBJECT:
            values = getattr(self, name)
            setattr(some, name, None if values is None else values[indices])
        return some

    def __iter__(self) -> Iterator[PoseDataset]:
        return (self[index] for index in range(len(self)))

    @property
    def labelled(self) -> np.ndarray:
        """Bool ndarray (N,): subjects with at least one labelled joint."""
        return np.asarray(self.joints[..., 2].any(1))

    def photo(self, index: int) -> np.ndarray:
        """The photo of one subject, uint8 RGB (H, W, 3)."""
        photo = self.photos[index]
        return read_photo(photo) if isinstance(photo, str | Path) else to_rgb(photo)

    @accept_old_split
    def split(self, test: int | float = 0.2, *, random_state: int | None = 0) -> tuple[PoseDataset, PoseDataset]:
        """Training and test data that share no photo and no group.

        Give `test` by keyword.

        Parameters
        ----------
        test : int or float, default=0.2
            Number, or share in (0, 1), of the photos to test on; of the groups, where the dataset has `groups`.
        random_state : int or None, default=0
            Seed of the shuffle; None draws a fresh one.

        Returns
        -------
        train, test : PoseDataset
            In the order of the dataset.

        Raises
        ------
        ValueError
            If either part would be empty.
        """
        units = linked_units(self.photo_numbers(), self.groups)
        train = in_training(units, test, random_state, "photos" if self.groups is None else "groups")
        return self[train], self[~train]

    def split_photos(self, share: float, *, random_state: int = 0) -> tuple[PoseDataset, PoseDataset]:
        """Deprecated: ``split(test=1 - share, random_state=random_state)``."""
        renamed("split_photos(share)", "split(test=1 - share)")
        n_photos = int(self.photo_numbers().max()) + 1
        return self.split(test=n_photos - round(share * n_photos), random_state=random_state)

    def photo_numbers(self) -> np.ndarray:
        """Number of each subject's photo, (N,), counted from 0: the same for subjects in the same photo."""
        keys = [str(photo) if isinstance(photo, str | Path) else id(photo) for photo in self.photos]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return np.array([numbers[key] for key in keys])

    def select_parts(self, parts) -> PoseDataset:
        """The same subjects, centres and sizes, with some of the parts, given by name or index."""
        chosen = [self.skeleton.index(part) for part in parts]
        some = self[:]
        some.skeleton = self.skeleton.select(chosen)
        some.joints = np.ascontiguousarray(self.joints[:, chosen])
        some.occluded = None if self.occluded is None else self.occluded[:, chosen]
        return some

    def others(self) -> np.ndarray:
        """Joints of the other subjects of each photo.

        Returns
        -------
        float32 ndarray of shape (N, K, P, 3)
            In pixels of the photo; K is the largest number of them, with rows of zeros where there are fewer.
        """
        photos = self.photo_numbers()
        most = int(np.bincount(photos).max()) - 1
        joints = np.zeros((len(self), most, *self.joints.shape[1:]), np.float32)
        for index in range(len(self) if most else 0):
            rest = np.flatnonzero(photos == photos[index])
            rest = rest[rest != index]
            joints[index, : len(rest)] = self.joints[rest]
        return joints

    def with_crop_rule(
        self, rule: str, *, padding: float | None = None, boxes=None, centre=None, person_size=None
    ) -> PoseDataset:
        """The same subjects, cropped in another way.

        Parameters
        ----------
        rule : str
            See `crop_rule`.
        padding : float, optional
            By default that of the rule, or the present one if the rule stays.
        boxes : ndarray of shape (N, 4), optional
            For ``rule="box"``; by default those of the data set.
        centre, person_size : ndarray of shape (N, 2) and (N,) or (N, 2), optional
            For rules of other names.

        Returns
        -------
        PoseDataset
            Its photos and labels are shared, not copied.

        Raises
        ------
        ValueError
            If the rule lacks what it needs.
        """
        other = self[:]
        same = rule == self.crop_rule
        if padding is None:
            padding = self.padding if same else PADDING.get(rule, PADDING["joints"])
        if not 0.25 <= padding < np.inf:
            raise ValueError(f"padding is the crop's side divided by the subject's size, about 1.4; got {padding}")
        other.crop_rule, other.padding = rule, float(padding)
        if boxes is not None:
            other.boxes = self._per_subject("boxes", boxes, (len(self), 4), np.float32)
        if not (same and boxes is None and centre is None and person_size is None):
            other.centre, other.extent, other.person_size = other._frames(centre, person_size)
        return other

    def with_groups(self, groups, source: str = "") -> PoseDataset:
        """The same subjects with other groups, (N,) int or str, or None; `source` says where they come from."""
        other = self[:]
        other.groups = self._per_subject("groups", groups, (len(self),), None)
        other.groups_source = source
        return other

    def observer_centric(self) -> PoseDataset:
        """The same subjects, left and right as an observer names them; see :func:`.observer_centric`.

        Raises
        ------
        ValueError
            If they are observer-centric already, or the skeleton lacks shoulders or hips.
        """
        if self.side_convention == "observer":
            raise ValueError(f"the dataset {self.name!r} is observer-centric already")
        seen = self[:]
        seen.side_convention = "observer"
        columns = [self.joints] if self.occluded is None else [self.joints, self.occluded[..., None]]
        turned = observer_centric(np.concatenate(columns, -1), self.skeleton)
        seen.joints = np.ascontiguousarray(turned[..., :3], np.float32)
        if self.occluded is not None:
            seen.occluded = turned[..., 3] > 0
        return seen

    def crops(
        self,
        size: int | tuple[int, int] = 128,
        *,
        n_jobs: int = -1,
        verbose: bool = False,
        cache: str | Path | None = None,
    ) -> Crops:
        """All subjects in the canonical frame.

        Parameters
        ----------
        size : int or (height, width), default=128
            Side of square crops, or both sides, in pixels.
        n_jobs : int, default=-1
            Threads; -1 uses all cores.
        verbose : bool, default=False
            Show a progress bar.
        cache : path, optional
            Folder that keeps the crops, under a key of everything they depend on.

        Returns
        -------
        Crops
            Unpacks into ``X, y, transforms``.

        Raises
        ------
        ValueError
            If a subject has no labelled joint although `crop_rule` needs one, the joints cannot be pixels of these
            photos (normalised, x and y exchanged), or a file is not an image.
        FileNotFoundError
            If a photo is missing.
        """
        return cut_crops(self, size, n_jobs=n_jobs, verbose=verbose, cache=cache)
