"""How the crops of a machine's training subjects were cut: what its file remembers, and new photos need."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..geometry import box_frame, crop_shape, frame_size, joints_frame
from ..photos import DEPTH_RULE
from .frames import PADDING, open_photo

__all__ = ["CropRecord"]

_BOX = {
    "joints": "the landmarks of each subject, as tight as the bounding box of the labelled landmarks",
    "box": "each subject, drawn as for the training subjects",
    "located": "the landmarks of each subject, as tight as the bounding box of the labelled landmarks",
}
_TRAINED = {
    "joints": "crops around the box of the labelled landmarks",
    "box": "crops around the bounding boxes of its data set",
    "photo": "whole photos",
    "located": "crops around the place where a first machine found the subject",
}
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class CropRecord:
    """How the training crops of a machine were cut.

    A fitted machine has it as ``crop_record_``: None if it was trained on arrays, which do not say how they were cut.

    Parameters
    ----------
    rule : str
        Crop rule of the training data; see :class:`posemachines.PoseDataset`.
    padding : float
        Longer side of the crop divided by that of the smallest frame of its shape that encloses the subject.
    shape : (int, int)
        Height and width of the crops, in pixels.
    sizes : (float, float, float), optional
        5th, 50th and 95th percentile of the longer side of the training subjects, as the rule sees them, in pixels of
        the photo.
    extent : (float, float), optional
        Median width and height of the training subjects, in pixels of the photo.
    depth_rule : str, default=""
        How photos of more than 8 bits per channel were brought to 8.
    boxes_from : str, default=""
        What a box given for a new photo should enclose; by default what the rule says.
    box_padding : float, optional
        Padding around the boxes that are given for new photos, where those enclose more than the rule's; `padding` by
        default.
    whole_photo : bool, default=False
        Whether a photo without boxes is taken as one subject although the machine was not trained on whole photos.
    """

    rule: str
    padding: float
    shape: tuple[int, int]
    sizes: tuple[float, float, float] | None = None
    extent: tuple[float, float] | None = None
    depth_rule: str = ""
    boxes_from: str = ""
    box_padding: float | None = None
    whole_photo: bool = False

    @classmethod
    def of(cls, crops) -> CropRecord | None:
        """The record of training crops.

        Parameters
        ----------
        crops : Crops or any other value

        Returns
        -------
        CropRecord or None
            None if `crops` does not say how it was cut.
        """
        padding = getattr(crops, "padding", None)
        if padding is None or getattr(crops, "crop_rule", "given") == "given":
            return None
        extent = getattr(crops, "extent", None)
        sizes = middle = None
        if extent is not None and len(extent):
            low, size, high = (float(value) for value in np.percentile(np.max(extent, 1), PERCENTILES))
            width, height = (float(value) for value in np.median(extent, 0))
            sizes, middle = (low, size, high), (width, height)
        return cls(crops.crop_rule, float(padding), crop_shape(crops.X.shape[1:3]), sizes, middle, DEPTH_RULE)

    @property
    def median_size(self) -> float | None:
        """Median of the longer side of the training subjects, in pixels of the photo."""
        return None if self.sizes is None else self.sizes[1]

    @property
    def aspect(self) -> float:
        """Width of the crops divided by their height."""
        return self.shape[1] / self.shape[0]

    @property
    def needs_boxes(self) -> bool:
        """Whether a new photo is refused without boxes (or approximate joints)."""
        return self.rule != "photo" and not self.whole_photo

    # -- files ------------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict:
        """As JSON represents it."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict | None) -> CropRecord | None:
        """The record that :meth:`to_dict` gave; None for None.

        Raises
        ------
        ValueError
            If it is malformed.
        """
        if values is None:
            return None
        known: dict[str, Any] = {name: value for name, value in values.items() if name in cls.__dataclass_fields__}
        known |= {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        try:
            made = cls(**known)
            crop_shape(made.shape)
            valid = isinstance(made.rule, str) and 0.25 <= made.padding < np.inf
        except TypeError as error:
            raise ValueError(f"this is not how crops were cut: {values!r} ({error})") from error
        if not valid:
            raise ValueError(f"this is not how crops were cut: {values!r}")
        return made

    # -- new photos -------------------------------------------------------------------------------------------------

    def describe(self) -> str:
        """How the training crops were cut, as the end of a sentence: "crops around ... (padding 1.43)"."""
        known = _TRAINED.get(self.rule, f"crops by the rule {self.rule!r}")
        return f"{known} (padding {self.padding:.3g})"

    def box_wanted(self) -> str:
        """What a box given for a new photo should enclose."""
        return self.boxes_from or _BOX.get(self.rule, "the whole of each subject")

    def frames_of_boxes(self, boxes) -> tuple[np.ndarray, np.ndarray, float]:
        """Centre (N, 2), size (N,) and padding of crops around boxes (N, 4) of the same kind as in training."""
        centre, size = box_frame(np.atleast_2d(np.asarray(boxes, float)), self.aspect)
        return centre, size, self.padding if self.box_padding is None else self.box_padding

    def frames_of_joints(self, joints) -> tuple[np.ndarray, np.ndarray, float]:
        """Centre (N, 2), size (N,) and padding of crops around approximate joints (N, P, 3).

        Raises
        ------
        ValueError
            If the machine was trained on whole photos.
        """
        if self.rule == "photo":
            raise ValueError("this machine was trained on whole photos, not on crops around joints; leave joints out")
        centre, size = joints_frame(joints, self.aspect)
        return centre, size, self.padding if self.rule in ("joints", "located") else PADDING

    def frame_of_photo(self, photo) -> tuple[np.ndarray, np.ndarray, float]:
        """Centre (1, 2), size (1,) and padding of the crop that shows a whole photo.

        Raises
        ------
        ValueError
            If the machine was trained otherwise: the message says which boxes it needs.
        """
        if self.needs_boxes:
            raise ValueError(self._refusal())
        height, width = open_photo(photo).shape[:2]
        size = frame_size(np.array([width, height], float), self.aspect)
        centre = np.array([[(width - 1) / 2, (height - 1) / 2]])
        return centre, np.array([float(size)]), self.padding if self.rule == "photo" else 1.0

    def _refusal(self) -> str:
        typical = ""
        if self.extent is not None:
            typical = f" ({self.extent[0]:.0f} x {self.extent[1]:.0f} px in the training photos)"
        instead = "" if self.rule == "located" else ", or train with crop_rule='photo' or a LocatedMachine"
        return (
            f"this machine was trained on {self.describe()}, so it must be told where the subject is; pass "
            f"boxes=[(x, y, width, height)], --box on the command line, around {self.box_wanted()}{typical}{instead}"
        )

    def difference(self, dataset) -> str:
        """How a data set would be cut otherwise than the training subjects; empty if in the same way."""
        if dataset.crop_rule != self.rule:
            return f"the data set has the crop rule {dataset.crop_rule!r}"
        if abs(dataset.padding - self.padding) > 1e-3 * self.padding:
            return f"the data set has padding {dataset.padding:.4g}"
        return ""
