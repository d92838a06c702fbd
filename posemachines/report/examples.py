"""Test subjects for a report, with the beliefs and joints of every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .._utils.checks import check_beliefs, check_images, check_joints
from ..metrics import normalised_distances, reference_length
from ..skeleton import Skeleton

__all__ = ["Examples"]


@dataclass(frozen=True)
class Examples:
    """A few test subjects, with the beliefs and joints of every machine.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
        RGB crops.
    truth : ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    skeleton : Skeleton
    stride : int or dict of str to int
        Pixels per belief cell, of all machines or by name: h = H / stride and w = W / stride.
    beliefs : dict of str to list of ndarray of shape (N, P+1, h, w)
        For each machine, one array per stage, background last. Leave out machines without belief maps.
    joints : dict of str to list of ndarray of shape (N, P, 2)
        For each machine, one array per stage, in pixels of the crop.
    numbers : sequence of N int, optional
        Their indices in the test set.

    Raises
    ------
    ValueError
        If an array has the wrong shape, or a machine has belief maps but not the same number of arrays of joints.
    """

    images: np.ndarray
    truth: np.ndarray
    skeleton: Skeleton
    stride: int | dict[str, int]
    beliefs: dict[str, list[np.ndarray]]
    joints: dict[str, list[np.ndarray]]
    numbers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__  # the dataclass is frozen: this is the one place that writes
        set_(self, "images", check_images(self.images, stride=1 if isinstance(self.stride, dict) else self.stride))
        n, height, width, _ = self.images.shape
        n_parts = self.skeleton.n_parts
        set_(self, "truth", check_joints(self.truth, n_people=n, n_parts=n_parts))
        beliefs = {}
        for key, stages in self.beliefs.items():
            shape = (n, n_parts + 1, height // self.stride_of(key), width // self.stride_of(key))
            beliefs[key] = [
                check_beliefs(each, shape, what=f"beliefs[{key!r}][{number}]") for number, each in enumerate(stages)
            ]
        joints = {key: [np.asarray(each, np.float32) for each in stages] for key, stages in self.joints.items()}
        for key, stages in joints.items():
            for number, each in enumerate(stages):
                if each.shape != (n, n_parts, 2):
                    raise ValueError(f"joints[{key!r}][{number}] must be {(n, n_parts, 2)}; got {each.shape}")
                if not np.isfinite(each).all():
                    raise ValueError(f"joints[{key!r}][{number}] holds NaN or infinity; predict every part")
        for key, stages in beliefs.items():
            if len(stages) != len(joints.get(key, ())):
                raise ValueError(
                    f"machine {key!r} has beliefs of {len(stages)} stages and joints of {len(joints.get(key, ()))}; "
                    "give both for every stage"
                )
        numbers = tuple(range(n)) if self.numbers is None else tuple(map(int, self.numbers))
        if len(numbers) != n:
            raise ValueError(f"numbers must be {n} indices, one per subject; got {len(numbers)}")
        set_(self, "numbers", numbers)
        set_(self, "beliefs", beliefs)
        set_(self, "joints", joints)

    @classmethod
    def of(cls, machines: Mapping, X, y, *, n_people: int = 40) -> Examples:
        """Evenly spaced test subjects, with the beliefs and joints of every machine.

        Parameters
        ----------
        machines : dict of str to machine
            Fitted, by name; with ``staged_predict`` and ``skeleton_``, and ``staged_beliefs`` if they have belief maps.
        X : uint8 ndarray of shape (N, H, W, 3)
        y : ndarray of shape (N, P, 3)
        n_people : int, default=40
        """
        chosen = np.unique(np.linspace(0, len(X) - 1, n_people).round().astype(int))
        images = np.asarray(X)[chosen]
        with_maps = {name: machine for name, machine in machines.items() if hasattr(machine, "staged_beliefs")}
        return cls(
            images=images,
            truth=np.asarray(y)[chosen],
            skeleton=next(iter(machines.values())).skeleton_,
            stride={name: machine.stride_ for name, machine in with_maps.items()},
            beliefs={name: list(machine.staged_beliefs(images)) for name, machine in with_maps.items()},
            joints={name: list(machine.staged_predict(images)) for name, machine in machines.items()},
            numbers=tuple(chosen.tolist()),
        )

    def stride_of(self, key: str) -> int:
        """Pixels per belief cell of one machine."""
        return self.stride[key] if isinstance(self.stride, dict) else self.stride

    def first(self, n_people: int) -> Examples:
        """`n_people` of the subjects, evenly spaced."""
        kept = np.unique(np.linspace(0, len(self.images) - 1, n_people).round().astype(int))
        pick = lambda machines: {key: [each[kept] for each in stages] for key, stages in machines.items()}  # noqa: E731
        numbers = self.numbers or ()
        return Examples(
            self.images[kept], self.truth[kept], self.skeleton, self.stride, pick(self.beliefs), pick(self.joints),
            tuple(numbers[index] for index in kept),
        )  # fmt: skip

    def distances(self, joints) -> np.ndarray:
        """Distances (N, P) of joints (N, P, 2) from the truth, in reference lengths; NaN where not scored."""
        scale = reference_length(self.truth, self.skeleton)
        return normalised_distances(joints, self.truth[..., :2], scale, labelled=self.truth[..., 2] > 0)
