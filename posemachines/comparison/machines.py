"""The machines that the scripts train, by name, with one set of defaults."""

from __future__ import annotations

import numpy as np

from baselines import (
    CascadedRegression,
    DeepPose,
    EncoderDecoderStage,
    MeanPose,
    MediaPipePose,
    NearestNeighbourHOG,
    PictorialStructures,
    RidgeHOG,
)
from baselines.mediapipe_pose import check_mediapipe
from posemachines import (
    ConvPoseMachine,
    ConvStage,
    ForestStage,
    PoseMachine,
    SequentialMachine,
    Skeleton,
    StackedTraining,
)
from posemachines.testing import SKELETON, make_dots

__all__ = ["LABELS", "ONE_STAGE", "PEERS", "build", "compile_kernels", "default_epochs", "installed"]

LABELS = {
    "mean": "Mean pose",
    "pm": "Pose Machine (forest)",
    "cpm": "Convolutional Pose Machine",
    "hybrid": "Hybrid (forest, then conv)",
    "reverse": "Hybrid (conv, then forest)",
    "one-stage": "One-stage net",
    "encoder-decoder": "Encoder-decoder net",
    "deep-pose": "Direct regression (net)",
    "cascade": "Cascaded regression (trees)",
    "neighbour": "Nearest neighbour (HOG)",
    "ridge": "Ridge regression (HOG)",
    "structures": "Pictorial structures (forest)",
    "net-structures": "Pictorial structures (net)",
    "mediapipe": "MediaPipe (peer, off-protocol)",
}
PEERS = ("mediapipe",)  # trained elsewhere, on other photographs; installed by an extra of the name
# a net of one stage with the multiply-adds, within 2 %, and about the receptive field of cpm-lite with three
ONE_STAGE = {"feature_width": 104, "n_blocks": 6, "n_coarse_blocks": 6}


def build(
    name: str,
    skeleton: Skeleton,
    n_train: int,
    *,
    stages: int = 3,
    rounds: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "auto",
    jobs: int = -1,
    flip: bool = False,
):
    """The machine of a name, not trained.

    Parameters
    ----------
    name : str
        A key of :data:`LABELS`.
    skeleton : Skeleton
    n_train : int
        People that it will be trained on, by whose number the passes of nets go.
    stages : int, default=3
    rounds, epochs : int, optional
        Rounds of boosting of a forest stage, and passes of a net over the people.
    seed : int
    device : str
        Of the nets.
    jobs : int
        Threads; -1 takes every core.
    flip : bool
        Average over the mirrored crop at test time.
    """
    if name == "mean":
        return MeanPose(skeleton=skeleton)
    if name in ("neighbour", "ridge"):
        return (NearestNeighbourHOG if name == "neighbour" else RidgeHOG)(n_jobs=jobs, skeleton=skeleton)
    if name == "mediapipe":
        return MediaPipePose(skeleton=skeleton)
    if name == "cascade":
        return CascadedRegression(random_state=seed, skeleton=skeleton, **({"n_levels": rounds} if rounds else {}))
    forest = ForestStage(n_jobs=jobs, **({"n_rounds": rounds} if rounds else {}))
    epochs = epochs or default_epochs(n_train)
    net = ConvStage(device=device, n_jobs=jobs, epochs=epochs)
    common = {"skeleton": skeleton, "flip": flip, "random_state": seed, "verbose": True}
    if name == "pm":
        return PoseMachine(stages, stage=forest, **common)
    if name == "cpm":
        return ConvPoseMachine(stages, stage=net, **common)
    if name == "one-stage":
        return ConvPoseMachine(1, stage=net.set_params(**ONE_STAGE), **common)
    if name == "encoder-decoder":
        stage = EncoderDecoderStage(device=device, n_jobs=jobs, epochs=epochs)
        return ConvPoseMachine(1, stage=stage, **common)
    if name == "deep-pose":
        return DeepPose(epochs=epochs, device=device, n_jobs=jobs, random_state=seed, skeleton=skeleton, verbose=True)
    if name in ("structures", "net-structures"):
        first = PoseMachine(1, stage=forest) if name == "structures" else ConvPoseMachine(1, stage=net)
        first.set_params(random_state=seed, verbose=True)
        return PictorialStructures(first, random_state=seed, skeleton=skeleton)
    half = net.set_params(epochs=max(epochs // 2, 1))  # everybody's mirror image is a person more
    kinds = {"hybrid": [forest] * (stages - 1) + [half], "reverse": [half] + [forest] * (stages - 1)}
    return SequentialMachine(kinds[name], training=StackedTraining(views=2), **common)


def installed() -> list[str]:
    """The names of :data:`LABELS` whose packages are there."""
    try:
        check_mediapipe()
    except ImportError:
        return [name for name in LABELS if name not in PEERS]
    return list(LABELS)


def default_epochs(n_train: int) -> int:
    """Passes that a net makes over the people: 16,000 crops in all, and at least 11 passes."""
    return int(np.clip(round(16_000 / n_train), 11, 100))


def compile_kernels(jobs: int = -1) -> None:
    """Train a tiny forest, so that the compilation of its kernels does not count as training."""
    images, joints = make_dots(4)
    stage = ForestStage(n_rounds=1, max_depth=2, n_jobs=jobs)
    PoseMachine(2, stage=stage, skeleton=SKELETON).fit(images, joints).predict(images)
