"""Protocols of published tables: everything that a score depends on, in one object."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from .._utils.deprecation import renamed_keyword
from ..metrics import COCO_SIGMAS
from ..metrics.averages import MEANS
from ..sides import SIDE_CONVENTIONS
from ..skeleton import COCO as COCO_SKELETON
from ..skeleton import FLIC as FLIC_SKELETON
from ..skeleton import LSP as LSP_SKELETON
from ..skeleton import MPII as MPII_SKELETON

__all__ = ["COCO", "FLIC", "LSP_OC", "LSP_PC", "MPII", "PROTOCOLS", "Protocol", "get_protocol"]

METRICS = ("pck", "pckh", "oks-ap")
LABELLED = ("all", "positive", "visible")


@dataclass(frozen=True)
class Protocol:
    """What is measured, relative to which length, over which joints, and how it is averaged.

    Parameters
    ----------
    name : str
        Name for :func:`get_protocol`.
    metric : {"pck", "pckh", "oks-ap"}
        Share of joints within a fraction of the reference length, or of the head length, or average precision over OKS.
    parts : tuple of str
        Names of the joints, in the order of the truth.
    reference : (str, str), "head" or "area"
        The reference length: the distance between two parts of the true pose, the head length that comes with the truth
        (0.6 of the diagonal of the head's box), or, for OKS, the area of the segment.
    unscored : tuple of str
        Parts that are not scored.
    mean : {"pooled", "parts"}
        All scored joints together, or the mean over parts.
    threshold : float
        Threshold of the headline score, inclusive; the lowest one for "oks-ap", whose score is the mean over all.
    thresholds : tuple of float
        Thresholds of the curve, whose area is the AUC; must contain `threshold`.
    also : tuple of float
        Other thresholds to report; must be among `thresholds`.
    side_convention : {"person", "observer"}
        Whose left is left.
    labelled : {"all", "positive", "visible"}
        Joints of the truth that are scored: all finite ones, whatever the third column says; those with positive x and
        y; or those whose third column is positive.
    test : (int, int, int) or None
        (first, last, total): of a file with `total` subjects, those from index `first` up to `last` are scored.
    layouts : tuple of tuples of str
        Other known joint orders of this data set, each of a different length.
    sigmas : tuple of float
        Constants of OKS, one per part.
    source : str
        Where the protocol is defined.
    notes : str
        Common mistakes.

    Raises
    ------
    ValueError
        If a choice is unknown, a part is not among `parts`, or `threshold` is not among `thresholds`.
    """

    name: str
    metric: str
    parts: tuple[str, ...]
    reference: tuple[str, str] | str
    unscored: tuple[str, ...] = ()
    mean: str = "pooled"
    threshold: float = 0.2
    thresholds: tuple[float, ...] = tuple(round(0.01 * step, 2) for step in range(21))
    also: tuple[float, ...] = ()
    side_convention: str = "person"
    labelled: str = "all"
    test: tuple[int, int, int] | None = None
    layouts: tuple[tuple[str, ...], ...] = ()
    sigmas: tuple[float, ...] = ()
    source: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        for what, value, known in (
            ("metric", self.metric, METRICS),
            ("mean", self.mean, MEANS),
            ("side_convention", self.side_convention, SIDE_CONVENTIONS),
            ("labelled", self.labelled, LABELLED),
        ):
            if value not in known:
                raise ValueError(f"protocol {self.name!r}: {what} must be one of {', '.join(known)}; got {value!r}")
        named = () if isinstance(self.reference, str) else self.reference
        for part in (*self.unscored, *named):
            if part not in self.parts:
                raise ValueError(f"protocol {self.name!r} has no part {part!r}; its parts are {', '.join(self.parts)}")
        if isinstance(self.reference, str) and self.reference not in ("head", "area"):
            raise ValueError(
                f"protocol {self.name!r}: reference must be two parts, 'head' or 'area'; got {self.reference!r}"
            )
        if len(self.thresholds) < 2 or any(b <= a for a, b in zip(self.thresholds, self.thresholds[1:], strict=False)):
            raise ValueError(f"protocol {self.name!r}: thresholds must be at least two, in increasing order")
        for threshold in (self.threshold, *self.also):
            if threshold not in self.thresholds:
                raise ValueError(f"protocol {self.name!r}: threshold {threshold} is not among thresholds")
        if self.metric == "oks-ap" and len(self.sigmas) != len(self.parts):
            raise ValueError(f"protocol {self.name!r}: OKS needs a sigma for each of {len(self.parts)} parts")

    def layout(self, n_parts: int) -> tuple[str, ...]:
        """Names of the joints of a file with `n_parts` joints per subject; ValueError if no such order is known."""
        known = (self.parts, *self.layouts)
        for parts in known:
            if len(parts) == n_parts:
                return parts
        numbers = " or ".join(str(len(parts)) for parts in known)
        raise ValueError(
            f"there are {n_parts} joints per subject but protocol {self.name!r} knows {numbers}: "
            f"{', '.join(self.parts)}; select and order the joints that way"
        )

    @property
    def description(self) -> str:
        """The metric in a few words, such as ``PCK@0.2 (left shoulder to right hip), pooled over 14 parts``."""
        if self.metric == "oks-ap":
            return f"OKS-AP@{self.thresholds[0]:g}:{self.thresholds[-1]:g}, {len(self.parts)} parts"
        length = "head" if isinstance(self.reference, str) else " to ".join(self.reference)
        name = {"pck": "PCK", "pckh": "PCKh"}[self.metric]
        how = "pooled over" if self.mean == "pooled" else "mean of"
        return f"{name}@{self.threshold:g} ({length}), {how} {len(self.parts) - len(self.unscored)} parts"

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and text for JSON; :meth:`from_dict` is the inverse."""
        return {key: _as_lists(value) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Protocol:
        """A protocol from :meth:`to_dict`; ValueError if a field is missing or unknown."""
        known = {field.name for field in fields(cls)}
        unknown = sorted({*content} - known)
        missing = sorted({"name", "metric", "parts", "reference"} - {*content})
        if unknown or missing:
            raise ValueError(f"not a protocol: missing fields {missing}, unknown fields {unknown}")
        return cls(**{key: _as_tuples(value) for key, value in content.items()})


Protocol.__init__ = renamed_keyword(view="side_convention")(Protocol.__init__)  # type: ignore[method-assign]


def _as_lists(value):
    return [_as_lists(each) for each in value] if isinstance(value, tuple | list) else value


def _as_tuples(value):
    return tuple(_as_tuples(each) for each in value) if isinstance(value, tuple | list) else value


_LSP_SOURCE = (
    "Yang and Ramanan, TPAMI 2013 (PCK); Johnson and Everingham, BMVC 2010 (data); reference length and area as in "
    "Pishchulin et al., DeepCut, CVPR 2016"
)
_LSP_NOTES = (
    "Occluded joints are scored. Person- and observer-centric truths give scores that are several points apart. "
    "The other diagonal of the torso changes the score by up to half a point."
)
LSP_PC = Protocol(
    "lsp-pc",
    "pck",
    LSP_SKELETON.parts,
    ("left shoulder", "right hip"),
    also=(0.1,),
    test=(1000, 2000, 2000),
    source=_LSP_SOURCE,
    notes=_LSP_NOTES,
)
"""Leeds Sports Pose, person-centric: images 1001..2000, PCK@0.2 of the torso, 14 joints."""

LSP_OC = Protocol(
    "lsp-oc",
    "pck",
    LSP_SKELETON.parts,
    ("left shoulder", "right hip"),
    also=(0.1,),
    side_convention="observer",
    test=(1000, 2000, 2000),
    source=_LSP_SOURCE + "; Eichner and Ferrari, ACCV 2012 (observer-centric truth)",
    notes=_LSP_NOTES + " 'Right' is the right side of a person who faces the camera.",
)
"""Leeds Sports Pose, observer-centric."""

FLIC = Protocol(
    "flic",
    "pck",
    (
        "head", "neck", "right shoulder", "right elbow", "right wrist", "right hip",
        "left shoulder", "left elbow", "left wrist", "left hip",
    ),
    ("left shoulder", "right hip"),
    also=(0.1,),
    side_convention="observer",
    layouts=((*FLIC_SKELETON.parts[:8], "left eye", "right eye", "nose"), FLIC_SKELETON.parts),
    source="Sapp and Taskar, MODEC, CVPR 2013; Yang and Ramanan, TPAMI 2013",
    notes=(
        "The 1016 test people. Published tables of elbows and wrists average the two sides; the score here is over all "
        "joints. 'Right' is the right side of a person who faces the camera, left in the picture."
    ),
)  # fmt: skip
"""Frames Labeled In Cinema, observer-centric: PCK@0.2 of the torso, 10 joints (or 11, or 9)."""

MPII = Protocol(
    "mpii",
    "pckh",
    MPII_SKELETON.parts,
    "head",
    unscored=("pelvis", "thorax"),
    threshold=0.5,
    thresholds=tuple(round(0.01 * step, 2) for step in range(51)),
    also=(0.1, 0.2),
    labelled="positive",
    source="Andriluka, Pishchulin, Gehler and Schiele, CVPR 2014",
    notes=(
        "The head length is 0.6 of the diagonal of the head's box. A joint with a coordinate of 0 or below is not "
        "labelled. Pelvis and thorax are left out, as in published tables. The mean over parts is about a point below "
        "the pooled score."
    ),
)
"""MPII Human Pose: PCKh@0.5 pooled over the labelled joints, without pelvis and thorax."""

COCO = Protocol(
    "coco",
    "oks-ap",
    COCO_SKELETON.parts,
    "area",
    threshold=0.5,
    thresholds=tuple(round(0.5 + 0.05 * step, 2) for step in range(10)),
    also=(0.75,),
    labelled="visible",
    sigmas=COCO_SIGMAS,
    source="Lin et al., ECCV 2014, and COCO's keypoint evaluation",
    notes=(
        "The mean over OKS 0.5, 0.55 .. 0.95 of the precision at 101 recalls; at most 20 people per image. Extra "
        "detections lower the score; detection scores must be comparable across images."
    ),
)  # fmt: skip
"""COCO keypoints: OKS-AP, several people per image."""

PROTOCOLS = {protocol.name: protocol for protocol in (LSP_PC, LSP_OC, FLIC, MPII, COCO)}


def get_protocol(protocol: str | Protocol) -> Protocol:
    """A :class:`Protocol` by its name ("lsp-pc", "lsp-oc", "flic", "mpii", "coco"), or a Protocol unchanged."""
    if isinstance(protocol, Protocol):
        return protocol
    name = str(protocol).lower().replace("_", "-")
    if name not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; known protocols: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
