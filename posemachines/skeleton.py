"""Skeletons: the parts of a subject and how they are connected."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

__all__ = ["COCO", "CPM", "FLIC", "LSP", "MPII", "Skeleton", "get_skeleton"]


@dataclass(frozen=True)
class Skeleton:
    """Parts, limbs, left-right pairs and composites of one kind of subject.

    Wherever parts are passed, they may be given by name or by index; they are stored as indices.

    Parameters
    ----------
    name : str
        Short name, used in reports and error messages.
    parts : tuple of str
        Names of the P parts, in the order of the labels.
    limbs : tuple of (part, part)
        Pairs of parts that are joined by a line in drawings.
    pairs : tuple of (part, part)
        Parts that are swapped when an image is flipped: (right, left).
    reference : (part, part) or None
        The two parts whose distance is the reference length of PCK (for people the torso, from left shoulder to right
        hip). By default, the longer side of the bounding box of the labelled joints is used instead.
    levels : tuple of tuples of tuples of parts
        Coarser levels of composites, finest first: each level is a tuple of composites, each composite a tuple of
        parts. The first level, the parts themselves, is implied.

    Raises
    ------
    ValueError
        If a name is repeated, a part is unknown or in two pairs, or a tuple has the wrong length.

    Examples
    --------
    >>> fork = Skeleton("fork", ("tip", "left", "right"), limbs=(("tip", "left"), ("tip", "right")),
    ...                 pairs=(("right", "left"),))
    >>> fork.n_parts, fork.flip_order
    (3, (0, 2, 1))
    """

    name: str
    parts: tuple[str, ...]
    limbs: tuple[tuple[Any, Any], ...] = ()  # accepts names or indices, stores indices
    pairs: tuple[tuple[Any, Any], ...] = ()
    reference: tuple[Any, Any] | None = None
    levels: tuple[tuple[tuple[Any, ...], ...], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        parts = tuple(self.parts)
        if not parts or not all(isinstance(part, str) and part for part in parts):
            raise ValueError(f"skeleton {self.name!r} needs at least one part, each a non-empty string; got {parts!r}")
        repeated = sorted({part for part in parts if parts.count(part) > 1})
        if repeated:
            raise ValueError(f"skeleton {self.name!r} has repeated parts: {', '.join(repeated)}")
        set_ = object.__setattr__  # the dataclass is frozen; only this method writes
        set_(self, "parts", parts)
        set_(self, "limbs", self._resolve_pairs("limbs", self.limbs))
        set_(self, "pairs", self._resolve_pairs("pairs", self.pairs))
        if self.reference is not None:
            set_(self, "reference", self._resolve_pairs("reference", (self.reference,))[0])
        levels = tuple(
            tuple(tuple(self.index(part) for part in composite) for composite in level) for level in self.levels
        )
        if any(not level or not all(level) for level in levels):
            raise ValueError(f"skeleton {self.name!r} has an empty level or composite; remove it")
        set_(self, "levels", levels)
        mirrored = [part for pair in self.pairs for part in pair]
        if len(set(mirrored)) != len(mirrored):
            raise ValueError(f"skeleton {self.name!r}: a part may be in one left-right pair only; got {self.pairs}")

    def _resolve_pairs(self, what: str, pairs) -> tuple[tuple[int, int], ...]:
        resolved = []
        for pair in pairs:
            if isinstance(pair, str) or len(tuple(pair)) != 2:
                raise ValueError(f"skeleton {self.name!r}: {what} must contain pairs of parts; got {pair!r}")
            first, second = (self.index(part) for part in pair)
            if first == second:
                raise ValueError(f"skeleton {self.name!r}: {what} pairs {self.parts[first]!r} with itself")
            resolved.append((first, second))
        return tuple(resolved)

    def index(self, part: str | int) -> int:
        """Index of a part, given by name or index; ValueError if there is no such part."""
        if isinstance(part, str):
            if part not in self.parts:
                raise ValueError(f"skeleton {self.name!r} has no part {part!r}; its parts are {', '.join(self.parts)}")
            return self.parts.index(part)
        index = int(part)
        if not 0 <= index < len(self.parts):
            raise ValueError(f"skeleton {self.name!r} has parts 0..{len(self.parts) - 1}; got {part}")
        return index

    @property
    def n_parts(self) -> int:
        """Number of parts P."""
        return len(self.parts)

    @property
    def flip_order(self) -> tuple[int, ...]:
        """For each part, the part that takes its place when an image is flipped."""
        order = list(range(self.n_parts))
        for right, left in self.pairs:
            order[right], order[left] = left, right
        return tuple(order)

    def select(self, parts) -> Skeleton:
        """Skeleton of the given parts, by name or index, in that order.

        Limbs, pairs and the reference are dropped if one of their parts is; composites keep their remaining parts.
        """
        chosen = [self.index(part) for part in parts]
        place = {part: number for number, part in enumerate(chosen)}

        def whole(groups):
            return tuple(
                tuple(place[part] for part in group) for group in groups if all(part in place for part in group)
            )

        left = [
            [tuple(place[part] for part in composite if part in place) for composite in level] for level in self.levels
        ]
        levels = tuple(tuple(composite for composite in level if composite) for level in left)
        return Skeleton(
            self.name,
            tuple(self.parts[part] for part in chosen),
            limbs=whole(self.limbs),
            pairs=whole(self.pairs),
            reference=None if self.reference is None else next(iter(whole((self.reference,))), None),
            levels=tuple(level for level in levels if level),
        )

    @classmethod
    def unnamed(cls, n_parts: int) -> Skeleton:
        """Skeleton of `n_parts` numbered parts without limbs or pairs, for labels without part names."""
        return cls(f"{n_parts} parts", tuple(f"part {index}" for index in range(n_parts)))


def _sides(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"right {name}", f"left {name}") for name in names)


def _limbs(*chains: str) -> tuple[tuple[str, str], ...]:
    """Limbs from chains of part names joined by dashes."""
    limbs = []
    for chain in chains:
        ends = [name.strip() for name in chain.split("-")]
        limbs += list(itertools.pairwise(ends))
    return tuple(limbs)


_ARMS_AND_LEGS = (
    "right hip - right knee - right ankle",
    "left hip - left knee - left ankle",
    "right shoulder - right elbow - right wrist",
    "left shoulder - left elbow - left wrist",
)
_LIMB_COMPOSITES = (
    ("right hip", "right knee", "right ankle"),
    ("left hip", "left knee", "left ankle"),
    ("right shoulder", "right elbow", "right wrist"),
    ("left shoulder", "left elbow", "left wrist"),
)
_TORSO = ("right shoulder", "left shoulder", "right hip", "left hip")

_LSP_PARTS = (
    "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle",
    "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist",
    "neck", "head top",
)  # fmt: skip
LSP = Skeleton(
    "lsp",
    _LSP_PARTS,
    limbs=_limbs(
        *_ARMS_AND_LEGS,
        "right shoulder - right hip - left hip - left shoulder",
        "right shoulder - neck - left shoulder",
        "neck - head top",
    ),
    pairs=_sides("ankle", "knee", "hip", "wrist", "elbow", "shoulder"),
    reference=("left shoulder", "right hip"),
    levels=((*_LIMB_COMPOSITES, (*_TORSO, "neck", "head top")), (_LSP_PARTS,)),
)
"""The 14 joints of the Leeds Sports Pose data sets, with person-centric left and right."""

_CPM_PARTS = (
    "head top", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
    "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
)  # fmt: skip
CPM = Skeleton(
    "cpm",
    _CPM_PARTS,
    limbs=tuple((LSP.parts[a], LSP.parts[b]) for a, b in LSP.limbs),
    pairs=tuple((LSP.parts[a], LSP.parts[b]) for a, b in LSP.pairs),
    reference=("left shoulder", "right hip"),
    levels=((*_LIMB_COMPOSITES, (*_TORSO, "neck", "head top")), (_CPM_PARTS,)),
)
"""The joints of LSP in the order of the published weights of Convolutional Pose Machines."""

_FLIC_PARTS = (
    "left shoulder", "left elbow", "left wrist", "right shoulder", "right elbow", "right wrist",
    "left hip", "right hip", "nose",
)  # fmt: skip
FLIC = Skeleton(
    "flic",
    _FLIC_PARTS,
    limbs=_limbs(
        *_ARMS_AND_LEGS[2:],
        "right shoulder - right hip - left hip - left shoulder - right shoulder",
        "right shoulder - nose - left shoulder",
    ),
    pairs=_sides("shoulder", "elbow", "wrist", "hip"),
    reference=("left shoulder", "right hip"),
    levels=((*_LIMB_COMPOSITES[2:], (*_TORSO, "nose")), (_FLIC_PARTS,)),
)
"""The nine upper-body joints of Frames Labeled In Cinema (FLIC)."""

_MPII_PARTS = (
    "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis", "thorax",
    "upper neck", "head top", "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow",
    "left wrist",
)  # fmt: skip
MPII = Skeleton(
    "mpii",
    _MPII_PARTS,
    limbs=_limbs(
        *_ARMS_AND_LEGS,
        "right hip - pelvis - left hip",
        "right shoulder - thorax - left shoulder",
        "pelvis - thorax - upper neck - head top",
    ),
    pairs=_sides("ankle", "knee", "hip", "wrist", "elbow", "shoulder"),
    reference=("left shoulder", "right hip"),
    levels=((*_LIMB_COMPOSITES, (*_TORSO, "pelvis", "thorax", "upper neck", "head top")), (_MPII_PARTS,)),
)
"""The 16 joints of MPII Human Pose."""

_COCO_PARTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
    "right ankle",
)  # fmt: skip
COCO = Skeleton(
    "coco",
    _COCO_PARTS,
    limbs=_limbs(
        *_ARMS_AND_LEGS,
        "right shoulder - right hip - left hip - left shoulder - right shoulder",
        "right ear - right eye - nose - left eye - left ear",
        "right shoulder - nose - left shoulder",
    ),
    pairs=_sides("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
    reference=("left shoulder", "right hip"),
    levels=(
        (*_LIMB_COMPOSITES, (*_TORSO, "nose", "left eye", "right eye", "left ear", "right ear")),
        (_COCO_PARTS,),
    ),
)
"""The 17 keypoints of people in COCO."""

_BUILT_IN = {skeleton.name: skeleton for skeleton in (LSP, CPM, FLIC, MPII, COCO)}


def get_skeleton(skeleton: str | Skeleton | None, n_parts: int | None = None) -> Skeleton:
    """Return a :class:`Skeleton`, given its name, the skeleton itself, or the number of parts.

    Parameters
    ----------
    skeleton : {"lsp", "cpm", "flic", "mpii", "coco"}, Skeleton or None
        None means numbered parts without pairs or limbs; it requires `n_parts`.
    n_parts : int, optional
        Number of parts of the labels, which must match that of the skeleton.

    Returns
    -------
    Skeleton

    Raises
    ------
    ValueError
        If the name is unknown or the numbers of parts differ.
    """
    if skeleton is None:
        if n_parts is None:
            raise ValueError("skeleton is None and the number of parts is unknown; pass skeleton=...")
        return Skeleton.unnamed(n_parts)
    if isinstance(skeleton, str):
        if skeleton not in _BUILT_IN:
            raise ValueError(f"unknown skeleton {skeleton!r}; the built-in ones are {', '.join(_BUILT_IN)}")
        skeleton = _BUILT_IN[skeleton]
    if not isinstance(skeleton, Skeleton):
        raise ValueError(f"skeleton must be a name, a Skeleton or None; got {type(skeleton).__name__}")
    if n_parts is not None and n_parts != skeleton.n_parts:
        raise ValueError(
            f"joints has {n_parts} parts but the skeleton {skeleton.name!r} has {skeleton.n_parts}; "
            "pass skeleton=... or select parts"
        )
    return skeleton
