"""A machine that first finds its subject on the whole photo."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

from .datasets.pose_dataset import PADDING, PoseDataset
from .geometry import crop_shape, frame_size
from .inference.crop_record import CropRecord
from .inference.frames import USUAL_SIZE, open_photo, shape_of_crops
from .inference.locating import Placement, box_of_joints, halves
from .inference.pose import Pose
from .inference.subjects import Subjects, predict_located, predict_subjects
from .inference.whole_datasets import predict_crops
from .io.composite_files import write_composite

__all__ = ["LocatedMachine"]

COARSE_SUBJECT = 24  # px, that the median subject spans on what the locator sees, if it does not say (coarse_subject)
COARSE_SIDES = (96, 160)  # px
STEP = 16  # px
INSIDE, WIDEST = 0.97, 1.7  # share of the joints in crops around located subjects, and the largest padding for it
MISSED = 0.5  # of the subject's size, by which the locator is off
_PARAMETERS = ("crop_shape", "locator_shape", "padding", "n_passes")


class LocatedMachine(BaseEstimator):
    """Finds the subject of a photo with a coarse first machine, then its joints in a crop around it.

    New photos need no box: a locator predicts the joints on the whole photo, in low resolution, and the machine itself
    in a crop around them. The crops show as much of the surroundings as the errors of a locator on subjects that it has
    not seen require.

    Parameters
    ----------
    machine : estimator
        Predicts the joints in the crop: a SequentialMachine or any other with ``fit`` and ``predict``. `fit` clones it.
    locator : estimator, optional
        Predicts them on the whole photo; by default a cheaper machine of the same kind (``machine.coarse()``).
    crop_shape : int or (height, width), optional
        Of the crops of `machine`; by default its ``crop_size``.
    locator_shape : int or (height, width), optional
        Of the photos that the locator sees; by default of the photos' own shape, with a longer side of 96 to 160 px.
    padding : float, optional
        Longer side of the crop divided by that of the smallest frame of its shape that encloses the landmarks. By
        default 1 / 0.7, or as much more as keeps 97 % of the landmarks of located subjects inside, but at most 1.7.
    n_passes : int, default=1
        2 predicts a second time, in a crop around the joints that were found first.

    Attributes
    ----------
    machine_, locator_ : estimator
        Fitted.
    skeleton_ : Skeleton
    crop_record_ : CropRecord
        Of the rule "located".
    placement_ : Placement
        How the locator's joints become a frame, and how far off they were on subjects it had not seen.

    Notes
    -----
    The locator is trained twice: on half of the subjects, or groups, to see how far off it is on the other half, and on
    all of them. Training the machine on crops around the places that the locator finds, instead of the landmarks, was
    measured and is no better.

    Examples
    --------
    >>> from posemachines import ConvPoseMachine, LocatedMachine
    >>> machine = LocatedMachine(ConvPoseMachine(), crop_shape=128)
    >>> machine.fit(dataset).predict_photo("new.jpg").joints  # doctest: +SKIP
    """

    def __init__(
        self,
        machine,
        *,
        locator=None,
        crop_shape: int | tuple[int, int] | None = None,
        locator_shape: int | tuple[int, int] | None = None,
        padding: float | None = None,
        n_passes: int = 1,
    ) -> None:
        self.machine = machine
        self.locator = locator
        self.crop_shape = crop_shape
        self.locator_shape = locator_shape
        self.padding = padding
        self.n_passes = n_passes

    # -- training ---------------------------------------------------------------------------------------------------

    def fit(self, dataset: PoseDataset, y=None) -> LocatedMachine:
        """Train the locator on whole photos, and the machine on crops around the landmarks.

        Parameters
        ----------
        dataset : PoseDataset
            Labelled subjects, one per photo. Its crop rule does not matter.

        Returns
        -------
        LocatedMachine
            Itself.

        Raises
        ------
        ValueError
            If `dataset` is no PoseDataset, a photo shows several subjects, or a subject has no labelled joint.
        """
        _check(dataset, y, self.n_passes)
        around = dataset.with_crop_rule("joints")
        photos = dataset.with_crop_rule("photo").crops(self._shape_for_locator(around), n_jobs=1)
        self.placement_ = Placement.of(around.extent)
        unseen, boxes = self._unseen(photos, dataset)
        self.placement_ = self.placement_.calibrated(around.centre[unseen], around.extent[unseen], *boxes)
        self.locator_ = self._new_locator(len(dataset)).fit(photos)
        self.locator_.crop_record_ = CropRecord.of(photos)
        padding = self._padding_for(around, unseen, *self.placement_.frame(*boxes))
        crops = _located(dataset, around.centre, around.extent, padding).crops(self._shape_for_machine(), n_jobs=1)
        self.machine_ = clone(self.machine).fit(crops)
        self.machine_.crop_record_ = CropRecord.of(crops)
        self.skeleton_ = self.machine_.skeleton_
        return self

    def _new_locator(self, n_subjects: int):
        if self.locator is not None:
            return clone(self.locator)
        return self.machine.coarse(n_subjects) if hasattr(self.machine, "coarse") else clone(self.machine)

    def _shape_for_machine(self) -> tuple[int, int]:
        return crop_shape(self.crop_shape or getattr(self.machine, "crop_size", None) or USUAL_SIZE)

    def _shape_for_locator(self, around: PoseDataset) -> tuple[int, int]:
        """Height and width of the crops of whole photos: of their shape, and large enough to see the subject."""
        if self.locator_shape is not None:
            return crop_shape(self.locator_shape)
        width, height = np.median(around.with_crop_rule("photo").extent, 0)
        spanned = getattr(self.machine if self.locator is None else self.locator, "coarse_subject", COARSE_SUBJECT)
        side = spanned * max(width, height) / float(np.median(around.person_size))
        side = float(np.clip(side, *COARSE_SIDES))
        sides = np.array([height, width]) * side / max(height, width)
        return crop_shape(tuple(np.maximum(np.rint(sides / STEP), 1).astype(int) * STEP))

    def _unseen(self, photos, dataset: PoseDataset) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Half of the subjects (indices), and the boxes of the joints that a locator trained on the rest predicts."""
        in_second = halves(dataset)
        seen, unseen = np.flatnonzero(~in_second), np.flatnonzero(in_second)
        if not (len(seen) and len(unseen) and photos.y[seen, :, 2].any(0).all()):
            nothing = np.full((0, 2), np.nan)
            return np.zeros(0, int), (nothing, nothing)
        locator = self._new_locator(len(seen)).fit(photos[seen])
        found = predict_crops(locator, photos[unseen])
        return unseen, box_of_joints(*found, usual=self.placement_.sizes[1])

    def _padding_for(self, around: PoseDataset, which: np.ndarray, centre: np.ndarray, extent: np.ndarray) -> float:
        """The padding with which crops around some located subjects show nearly all of their joints."""
        if self.padding is not None:
            return float(self.padding)
        hit = np.abs(around.centre[which] - centre).max(1) < MISSED * around.person_size[which]
        if not hit.any():
            return PADDING["joints"]
        height, width = self._shape_for_machine()
        frames = np.array([width, height]) * (frame_size(extent, width / height) / max(height, width))[:, None]
        joints = around.joints[which]
        reach = (np.abs(joints[..., :2] - centre[:, None]) / (frames[:, None] / 2)).max(-1)
        needed = float(np.quantile(reach[(joints[..., 2] > 0) & hit[:, None]], INSIDE))
        return float(np.clip(needed, PADDING["joints"], WIDEST))

    # -- prediction -------------------------------------------------------------------------------------------------

    @property
    def crop_record_(self) -> CropRecord:
        """How the crops of the machine were cut."""
        return self._fitted().crop_record_

    @property
    def crop_shape_(self) -> tuple[int, int]:
        """Height and width of the crops of the machine, in pixels."""
        return shape_of_crops(self._fitted())

    def _fitted(self):
        if not hasattr(self, "machine_"):
            raise NotFittedError("this LocatedMachine is not trained; call fit first")
        return self.machine_

    def located(self, dataset: PoseDataset) -> PoseDataset:
        """The subjects of a data set with the frames in which this machine sees them; labels are not used.

        Parameters
        ----------
        dataset : PoseDataset
            One subject per photo.

        Returns
        -------
        PoseDataset
            With the crop rule "located".
        """
        machine = self._fitted()
        photos = dataset.with_crop_rule("photo")
        unlabelled = photos[:]
        unlabelled.joints = np.zeros_like(photos.joints)
        found = predict_crops(self.locator_, unlabelled.crops(shape_of_crops(self.locator_), n_jobs=1))
        centre, extent = self._frames(*found, photos)
        padding = machine.crop_record_.padding
        located = _located(dataset, centre, extent, padding)
        for _ in range(1, self.n_passes):
            blind = located[:]
            blind.joints = unlabelled.joints
            found = predict_crops(machine, blind.crops(shape_of_crops(machine), n_jobs=1))
            boxes = box_of_joints(*found, usual=self.placement_.sizes[1])
            located = _located(dataset, *self.placement_.bounded(*boxes), padding)
        return located

    def _frames(self, joints, scores, photos: PoseDataset) -> tuple[np.ndarray, np.ndarray]:
        """Centre and extent (N, 2); the middle of the photo where nothing was found."""
        centre, extent = self.placement_.frame(*box_of_joints(joints, scores, usual=self.placement_.sizes[1]))
        lost = ~(np.isfinite(centre) & np.isfinite(extent)).all(1)
        centre[lost], extent[lost] = photos.centre[lost], self.placement_.extent
        return centre, extent

    def predict_dataset(self, dataset: PoseDataset) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N, P, 2) of the subjects of a data set, in pixels of their photos, and scores (N, P).

        The subjects are found without their labels and boxes.
        """
        located = self.located(dataset)
        located.joints = np.zeros_like(located.joints)
        return predict_crops(self.machine_, located.crops(self.crop_shape_, n_jobs=1))

    def locate(self, photo) -> Subjects:
        """Where the subject of a photo is.

        Parameters
        ----------
        photo : path or uint8 ndarray of shape (H, W, 3)

        Returns
        -------
        Subjects
            One; its notes say what is implausible about the place.
        """
        photo = open_photo(photo)
        whole = PoseDataset([photo], np.zeros((1, self._fitted().skeleton_.n_parts, 3)), crop_rule="photo")
        subject = self.located(whole)
        width, height = photo.shape[1::-1]
        notes = self.placement_.doubts(subject.centre[0], subject.extent[0], (width, height))
        shape = self.crop_shape_
        size = frame_size(subject.extent, shape[1] / shape[0]).astype(float)
        return Subjects(subject.centre.astype(float), size, subject.padding, tuple(notes))

    def predict_at(self, photo, where: Subjects, **options) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N, P, 2) and scores (N, P) of subjects whose places are known."""
        return predict_located(self._fitted(), photo, where, **options)

    def predict_photo(self, photo, boxes=None, *, joints=None, **options) -> Pose:
        """Joints of the subject of a photo; see :meth:`SequentialMachine.predict_photo`.

        Parameters
        ----------
        photo : path or uint8 ndarray of shape (H, W, 3)
        boxes : array-like of shape (N, 4) or (4,), optional
            Around the landmarks of each subject, in place of the locator.
        joints : array-like of shape (N, P, 3), optional
            Approximate joints, in place of the locator.
        **options
            Of the machine.

        Returns
        -------
        Pose
            Its `notes` say what is implausible about the place.
        """
        return predict_subjects(self, photo, boxes, joints=joints, **options)

    def size(self) -> dict[str, int]:
        """Size of the locator and the machine, e.g. {"parameters": n}."""
        total: dict[str, int] = {}
        for machine in (self.locator_, self._fitted()):
            for kind, number in machine.size().items():
                total[kind] = total.get(kind, 0) + number
        return total

    # -- files ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, **options) -> None:
        """Write locator and machine into one file, to be read by :func:`posemachines.load`.

        Parameters
        ----------
        path : path
        **options
            Of the machines' own ``save``, such as ``half=True``.
        """
        own = {name: getattr(self, name) for name in _PARAMETERS}
        machines = {"locator": self.locator_, "machine": self._fitted()}
        record = {"placement": asdict(self.placement_), "crops": self.crop_record_.to_dict()}
        write_composite(path, "LocatedMachine", own, machines, record, **options)

    @classmethod
    def of_parts(cls, parameters: dict, machines: dict, record: dict) -> LocatedMachine:
        """The fitted machine that :meth:`save` took apart."""
        made = cls(clone(machines["machine"]), locator=clone(machines["locator"]), **_tuples(parameters))
        made.machine_, made.locator_ = machines["machine"], machines["locator"]
        made.machine_.crop_record_ = CropRecord.from_dict(record["crops"])
        made.placement_, made.skeleton_ = Placement(**_tuples(record["placement"])), made.machine_.skeleton_
        return made


def _tuples(values: dict) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _check(dataset, y, n_passes: int) -> None:
    if y is not None or not isinstance(dataset, PoseDataset):
        raise ValueError(
            f"a LocatedMachine needs whole photos, so it is trained on a PoseDataset; got {type(dataset).__name__}"
        )
    if not isinstance(n_passes, int | np.integer) or n_passes < 1:
        raise ValueError(f"n_passes must be 1 or more; got {n_passes!r}")
    several = np.flatnonzero(np.bincount(dataset.photo_numbers()) > 1)
    if len(several):
        raise ValueError(
            f"{len(several)} photos of {dataset.name!r} show several subjects, but a LocatedMachine finds one; train "
            "the machine alone, with crop_rule='box' or 'joints'"
        )
    if not dataset.labelled.all():
        raise ValueError(
            f"{int((~dataset.labelled).sum())} subjects of {dataset.name!r} have no labelled joint; leave them out: "
            "dataset[dataset.labelled]"
        )


def _located(dataset: PoseDataset, centre, extent, padding: float) -> PoseDataset:
    return dataset.with_crop_rule("located", centre=centre, person_size=extent, padding=padding)
