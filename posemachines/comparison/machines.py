"""The machines that a comparison knows by name, with one set of defaults.

The baselines live in a separate package, ``baselines``, which is imported only when one of them is built.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backbones import BACKBONES
from ..conv import ConvPoseMachine, ConvStage, JointTraining
from ..conv.training import resolve_epochs
from ..forest import ForestStage, PoseMachine
from ..machine import SequentialMachine
from ..skeleton import Skeleton
from ..testing import SKELETON, make_dots
from ..training import StackedTraining

__all__ = [
    "BASELINES", "FORESTS", "LABELS", "ONE_STAGE", "PEERS", "build", "compile_kernels", "full_name", "has_baselines",
    "installed", "runs_forests", "usual_seconds",
]  # fmt: skip

PEERS = ("mediapipe",)
"""Machines trained elsewhere, on other photos; each is installed by the extra of its name."""
ONE_STAGE: dict[str, Any] = {"network": "cpm-lite", "feature_width": 104, "n_blocks": 6, "n_coarse_blocks": 6}
"""A net of one stage with the multiply-adds (within 2 %) and about the receptive field of `cpm-lite` with three."""


@dataclass(frozen=True)
class _Settings:
    """What the builders of all machines read."""

    skeleton: Skeleton | None
    n_train: int
    stages: int
    rounds: int | None
    epochs: int | str
    seed: int
    device: str
    jobs: int
    flip: bool

    @property
    def common(self) -> dict[str, Any]:
        return {"skeleton": self.skeleton, "flip": self.flip, "random_state": self.seed, "verbose": True}

    @property
    def forest(self) -> dict[str, Any]:
        return {"n_rounds": self.rounds} if self.rounds else {}

    @property
    def net(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "device": self.device, "n_jobs": self.jobs}


# -- machines of stages -----------------------------------------------------------------------------------------------


def _forests(s: _Settings):
    return PoseMachine(s.stages, n_jobs=s.jobs, **s.forest, **s.common)


def _pretrained_forests(s: _Settings):
    return PoseMachine(s.stages, features=BACKBONES[0], n_jobs=s.jobs, **s.forest, **s.common)


def _net(s: _Settings):
    return ConvPoseMachine(s.stages, **s.net, **s.common)


def _lite(s: _Settings):
    return ConvPoseMachine(s.stages, network="cpm-lite", **s.net, **s.common)


def _one_stage(s: _Settings):
    return ConvPoseMachine(1, stage=ConvStage(**ONE_STAGE), **s.net, **s.common)


def _hybrid(s: _Settings, *, net_first: bool):
    forests, net = [ForestStage(**s.forest)] * (s.stages - 1), [ConvStage()]
    half = max(
        resolve_epochs(s.epochs, s.n_train, ConvStage().network) // 2, 1
    )  # mirrored copies double the number of crops
    return SequentialMachine(
        net + forests if net_first else forests + net,
        training=StackedTraining(n_augmented=2, net=JointTraining(epochs=half)),
        device=s.device,
        n_jobs=s.jobs,
        **s.common,
    )


# -- baselines --------------------------------------------------------------------------------------------------------


def _baseline(name: str):
    """A class of the package ``baselines``."""
    return getattr(importlib.import_module("baselines"), name)


def _mean(s: _Settings):
    return _baseline("MeanPose")(skeleton=s.skeleton)


def _encoder_decoder(s: _Settings):
    return ConvPoseMachine(1, stage=_baseline("EncoderDecoderStage")(), **s.net, **s.common)


def _deep_pose(s: _Settings):
    return _baseline("DeepPose")(**s.net, random_state=s.seed, skeleton=s.skeleton, verbose=True)


def _cascade(s: _Settings):
    levels = {"n_levels": s.rounds} if s.rounds else {}
    return _baseline("CascadedRegression")(random_state=s.seed, skeleton=s.skeleton, **levels)


def _dlib(s: _Settings):
    return _baseline("DlibPredictor")(random_state=s.seed, skeleton=s.skeleton)


def _neighbour(s: _Settings):
    return _baseline("NearestNeighbourHOG")(n_jobs=s.jobs, skeleton=s.skeleton)


def _ridge(s: _Settings):
    return _baseline("RidgeHOG")(n_jobs=s.jobs, skeleton=s.skeleton)


def _structures(s: _Settings):
    first = PoseMachine(1, n_jobs=s.jobs, **s.forest, random_state=s.seed, verbose=True)
    return _baseline("PictorialStructures")(first, random_state=s.seed, skeleton=s.skeleton)


def _net_structures(s: _Settings):
    first = ConvPoseMachine(1, **s.net, random_state=s.seed, verbose=True)
    return _baseline("PictorialStructures")(first, random_state=s.seed, skeleton=s.skeleton)


def _mediapipe(s: _Settings):
    return _baseline("MediaPipePose")(skeleton=s.skeleton)


# -- the registry -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """A machine with a name: its label, its builder, and whether it comes from the package ``baselines``."""

    label: str
    build: Callable[[_Settings], Any]
    is_baseline: bool = False


_KNOWN = {
    "mean": _Known("Mean pose", _mean, True),
    "pm": _Known("Pose Machine (forest)", _forests),
    "pm-pretrained": _Known("Pose Machine (forest, pretrained features)", _pretrained_forests),
    "cpm": _Known("Convolutional Pose Machine (pretrained)", _net),
    "cpm-lite": _Known("Convolutional Pose Machine (from nothing)", _lite),
    "hybrid": _Known("Hybrid (forest, then conv)", lambda s: _hybrid(s, net_first=False)),
    "reverse": _Known("Hybrid (conv, then forest)", lambda s: _hybrid(s, net_first=True)),
    "one-stage": _Known("One-stage net", _one_stage),
    "encoder-decoder": _Known("Encoder-decoder net", _encoder_decoder, True),
    "deep-pose": _Known("Direct regression (net)", _deep_pose, True),
    "cascade": _Known("Cascaded regression (trees)", _cascade, True),
    "dlib": _Known("dlib's shape predictor", _dlib, True),
    "neighbour": _Known("Nearest neighbour (HOG)", _neighbour, True),
    "ridge": _Known("Ridge regression (HOG)", _ridge, True),
    "structures": _Known("Pictorial structures (forest)", _structures, True),
    "net-structures": _Known("Pictorial structures (net)", _net_structures, True),
    "mediapipe": _Known("MediaPipe (peer, off-protocol)", _mediapipe, True),
}
FORESTS = ("pm", "pm-pretrained")
"""Machines that need no net, and compute on the CPU alone."""
_SYNONYMS = {"forest": "pm", "net": "cpm"}
LABELS = {name: known.label for name, known in _KNOWN.items()}
"""Display names of all known machines."""
BASELINES = tuple(name for name, known in _KNOWN.items() if known.is_baseline)
"""Those that come from the package ``baselines``."""


def full_name(name: str) -> str:
    """The name of a known machine in :data:`LABELS`; "forest" and "net" are synonyms of "pm" and "cpm".

    Raises
    ------
    ValueError
        If no machine has this name.
    """
    known = _SYNONYMS.get(name, name)
    if known not in _KNOWN:
        raise ValueError(f"no machine is called {name!r}; known are {', '.join((*_SYNONYMS, *_KNOWN))}")
    return known


def build(
    name: str,
    skeleton: Skeleton | None,
    n_train: int,
    *,
    stages: int = 3,
    rounds: int | None = None,
    epochs: int | str | None = None,
    seed: int = 0,
    device: str = "auto",
    jobs: int = -1,
    flip: bool = False,
):
    """An untrained machine.

    Parameters
    ----------
    name : str
        A key of :data:`LABELS`, "forest" or "net".
    skeleton : Skeleton or None
        None takes that of the training data.
    n_train : int
        Number of training subjects, on which the default of `epochs` depends.
    stages : int, default=3
    rounds : int, optional
        Rounds of boosting of each forest; by default the library's.
    epochs : int or "auto", optional
        Passes of nets over the training subjects; see :func:`posemachines.conv.training.resolve_epochs`.
    seed : int
    device : str
        Device of the nets.
    jobs : int
        Threads; -1 for all cores.
    flip : bool
        Test-time augmentation: average over the mirrored crop.

    Raises
    ------
    ValueError
        If no machine has this name.
    ImportError
        If it is a baseline and the package ``baselines`` is not installed.
    """
    known = _KNOWN[full_name(name)]
    if known.is_baseline and not has_baselines():
        raise ImportError(f"{name} needs the package baselines, which is part of the repository; run from a checkout")
    passes = "auto" if epochs is None else epochs
    return known.build(_Settings(skeleton, n_train, stages, rounds, passes, seed, device, jobs, flip))


def has_baselines() -> bool:
    """Whether the package ``baselines`` is there."""
    try:
        _baseline("MeanPose")
    except (ImportError, AttributeError):  # another package may have the name
        return False
    return True


def installed() -> list[str]:
    """The names of :data:`LABELS` whose packages are installed."""
    names = list(LABELS) if has_baselines() else [name for name in LABELS if name not in BASELINES]
    checks = {"mediapipe": ("mediapipe_pose", "check_mediapipe"), "dlib": ("dlib_predictor", "import_dlib")}
    for name, (module, check) in checks.items():
        if name in names:
            try:
                getattr(importlib.import_module(f"baselines.{module}"), check)()
            except ImportError:
                names.remove(name)
    return names


def runs_forests(machine) -> bool:
    """Whether a machine runs the kernels of the forests, which are compiled when they are first called."""
    if isinstance(machine, PoseMachine) or isinstance(getattr(machine, "machine", None), PoseMachine):
        return True
    return any(isinstance(stage, ForestStage) for stage in getattr(machine, "stages", None) or ())


def usual_seconds(machine) -> float:
    """An order of magnitude of the time that a training takes: nets more than forests, forests more than baselines."""
    inner = getattr(machine, "machine", None) or machine
    if "epochs" in inner.get_params(deep=False) or any(
        isinstance(stage, ConvStage) for stage in getattr(inner, "stages", None) or ()
    ):
        return 100.0
    return 30.0 if runs_forests(inner) else 1.0


def compile_kernels(jobs: int = -1) -> None:
    """Train a tiny forest, so that the compilation of its kernels does not count as training."""
    images, joints = make_dots(4)
    machine = PoseMachine(2, n_rounds=1, max_depth=2, n_jobs=jobs, skeleton=SKELETON)
    machine.fit(images, joints).predict(images)
