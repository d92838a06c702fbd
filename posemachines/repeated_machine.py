"""Machines whose stages are copies of one."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
from sklearn.base import clone

from .inference.crop_record import CropRecord
from .inference.frames import shape_of_crops
from .io.machine_files import load_machine
from .machine import SequentialMachine
from .stage import Stage

__all__ = ["RepeatedStageMachine"]

_PRETRAINED = Path(__file__).parent / "pretrained"


class RepeatedStageMachine(SequentialMachine):
    """A machine whose stages are copies of one; the base of PoseMachine and ConvPoseMachine."""

    _shipped: str = ""  # prefix of the files of its trained machines

    n_stages: int
    stage: Stage | None

    @classmethod
    def from_pretrained(cls, name: str = "lspet") -> RepeatedStageMachine:
        """A trained machine that comes with the library; nothing is downloaded.

        Parameters
        ----------
        name : {"lspet"}, default="lspet"
            The training data: "lspet" is Leeds Sports Pose Extended, people in 14 joints.

        Returns
        -------
        RepeatedStageMachine
            Predicts on photos, or on crops of ``crop_size_`` px. It was trained on crops around the joints (crop rule
            "joints"), takes boxes of whole people, and a photo without a box as one person.

        Raises
        ------
        ValueError
            If there is no trained machine of this kind and name.
        """
        files = {path.stem.removeprefix(cls._shipped): path for path in _PRETRAINED.glob(f"{cls._shipped}*.*")}
        if not cls._shipped or name not in files:
            ready = ", ".join(sorted(files)) if cls._shipped else ""
            raise ValueError(f"there is no trained {cls.__name__} named {name!r}; available: {ready or 'none'}")
        machine = load_machine(files[name])
        if machine.crop_record_ is None:
            machine.crop_record_ = CropRecord(
                "joints",
                1 / 0.7,
                shape_of_crops(machine),
                boxes_from="the whole person",
                box_padding=1.25,
                whole_photo=True,
            )
        return machine

    def _default_stage(self) -> Stage:
        raise NotImplementedError

    def _make_stages(self) -> list[Stage]:
        if not isinstance(self.n_stages, int | np.integer) or self.n_stages < 1:
            raise ValueError(f"n_stages must be a positive integer; got {self.n_stages!r}")
        first = self._default_stage() if self.stage is None else self.stage
        return [clone(first) for _ in range(self.n_stages)]

    def _changed(self, *names: str) -> dict:
        """Of these parameters, those that differ from their defaults."""
        defaults = inspect.signature(type(self).__init__).parameters
        return {name: value for name in names if (value := getattr(self, name)) != defaults[name].default}
