"""Direct regression of the joints by a convolutional network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from posemachines import Runtime
from posemachines.conv import Augmentation, JointTraining
from posemachines.conv.devices import choose_device, choose_precision, threads
from posemachines.conv.networks.facts import multiply_adds
from posemachines.conv.networks.lite import ScaledConv2d, activation, full
from posemachines.conv.networks.network import PoseNetwork
from posemachines.conv.trainer.batches import TrainingData
from posemachines.conv.trainer.loop import Phase, TrainingRun
from posemachines.conv.trainer.targets import normalise
from posemachines.conv.training import resolve_epochs
from posemachines.skeleton import Skeleton

from ._baseline import Baseline
from ._encoder import ENCODER_STRIDE, Encoder

__all__ = ["DeepPose"]

AT_ONCE = 64  # subjects per batch


class DeepPose(Baseline):
    """Direct regression: a network that outputs joints, without belief maps.

    An encoder down to stride 32, then two fully connected layers that output x and y of every part. The training loop
    and the augmentation are those of :class:`posemachines.JointTraining`; the loss is the squared distance of labelled
    joints.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the training subjects, and subjects per step.
    learning_rate : float, default=2e-3
        Largest learning rate of AdamW, reached after the warm-up.
    augmentation : Augmentation, optional
        Random changes of the training crops.
    device, n_jobs, precision, checkpoint, log_dir, random_state, verbose
        See :class:`posemachines.ConvPoseMachine`.
    n_workers, checkpoint_minutes
        See :class:`posemachines.JointTraining`.
    skeleton : str or Skeleton, optional

    Attributes
    ----------
    history_ : list of dict
        One entry per epoch; "peak" is the spread of the poses over the subjects, relative to that of the ground truth.

    Notes
    -----
    The first stage of the paper [1]_, without the cascade of networks that refine each joint in a crop around it. Poses
    are measured from the centre of the crop, in units of its side, and the network starts at the mean pose. Instead of
    AlexNet, the encoder has residual blocks with standardised weights. On crops of 128 px it needs as many
    multiply-adds, within 5 %, as `cpm-lite` with three stages.

    References
    ----------
    .. [1] Toshev and Szegedy, "DeepPose: Human Pose Estimation via Deep Neural Networks", CVPR 2014.
    """

    STATE = ("weights",)

    def __init__(
        self,
        *,
        epochs: int = 15,
        batch_size: int = 16,
        learning_rate: float = 2e-3,
        augmentation: Augmentation | None = None,
        device: str = "auto",
        n_jobs: int | None = None,
        n_workers: int = 0,
        precision: str = "auto",
        checkpoint=None,
        checkpoint_minutes: float = 2.0,
        log_dir=None,
        random_state: int | None = None,
        verbose: bool = False,
        skeleton: str | Skeleton | None = None,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.augmentation = augmentation
        self.device = device
        self.n_jobs = n_jobs
        self.n_workers = n_workers
        self.precision = precision
        self.checkpoint = checkpoint
        self.checkpoint_minutes = checkpoint_minutes
        self.log_dir = log_dir
        self.random_state = random_state
        self.verbose = verbose
        self.skeleton = skeleton

    def _fit(self, X, y) -> None:
        settings = self._settings()
        settings.check()
        epochs = resolve_epochs(self.epochs, len(X))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with threads(self.n_jobs):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = PoseRegressor(RegressorDesign(tuple(self.shape_.tolist()), y.shape[1]))
                network.start_from(y)
            run = RegressionRun(
                network, TrainingData(X, y.astype(np.float32)), settings, [Phase("alone", epochs, (0,), (0,))],
                runtime=Runtime(self.device, self.precision, self.n_jobs, verbose=self.verbose),
                flip_order=self.skeleton_.flip_order, mirrors=bool(self.skeleton_.pairs), seed=seed,
            )  # fmt: skip
            self.history_ = run.run()
        plain = network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.weights_ = parameters_to_vector(plain.parameters()).detach().numpy()
        self._built = None

    def _settings(self) -> JointTraining:
        names = ("epochs", "batch_size", "learning_rate", "n_workers", "checkpoint", "checkpoint_minutes", "log_dir")
        own = {name: getattr(self, name) for name in names}
        return JointTraining(augmentation=self.augmentation or Augmentation(), **own)

    def _network(self) -> PoseRegressor:
        """The trained network, built when it is first used."""
        if getattr(self, "_built", None) is None:
            network = PoseRegressor(RegressorDesign(tuple(self.shape_.tolist()), self.skeleton_.n_parts))
            network.bake()
            vector_to_parameters(torch.from_numpy(np.array(self.weights_, np.float32)), network.parameters())
            self._built = network.eval().requires_grad_(False)
        return self._built

    def _predict(self, X) -> np.ndarray:
        device = choose_device(self.device)
        precision = choose_precision(self.precision, device)
        network = self._network().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        poses = []
        with threads(self.n_jobs), torch.inference_mode():
            for start in range(0, len(X), AT_ONCE):
                images = torch.from_numpy(np.array(X[start : start + AT_ONCE])).to(device)
                with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                    poses.append(network(normalise(images))[0].cpu().numpy())
        return in_pixels(np.concatenate(poses), X.shape[1:3])

    def count_operations(self, images) -> dict[str, float]:
        """{"multiply_adds": n} per image."""
        return {"multiply_adds": multiply_adds(self._network(), np.shape(images)[1:3])}

    def __getstate__(self):
        """Everything but the network, which is rebuilt from the weights."""
        return super().__getstate__() | {"_built": None}


class RegressorDesign(NamedTuple):
    """Specification of the network.

    Attributes
    ----------
    shape : (H, W)
        Size of the crops, in pixels.
    n_parts : int
    widths, blocks
        See :class:`Encoder`.
    hidden : int
        Units between the encoder and the joints.
    """

    shape: tuple[int, int]
    n_parts: int
    widths: tuple[int, int, int, int] = (64, 96, 160, 256)
    blocks: tuple[int, int, int] = (5, 4, 4)
    hidden: int = 512

    @property
    def stride(self) -> int:
        """Stride of the features, in pixels."""
        return ENCODER_STRIDE


class PoseRegressor(PoseNetwork):
    """Encoder and regression head, as trunk and head of a network, so that the common training loop can train it."""

    def __init__(self, design: RegressorDesign) -> None:
        super().__init__([Encoder(design.widths, design.blocks)], [RegressorHead(design)], [0], design)  # type: ignore[arg-type]

    def forward(self, images, beliefs=None, centres=None, n_stages=None) -> list[torch.Tensor]:
        """Joints (N, P, 2), from the centre of the crop in units of its side, as a list of one."""
        return [self.heads[0](self.trunks[0](images))]

    def start_from(self, joints: np.ndarray) -> None:
        """Let the untrained network output the mean pose of the labelled joints (N, P, 3), in pixels."""
        labelled = joints[..., 2:] > 0
        mean = np.where(labelled, joints[..., :2], 0).sum(0) / labelled.sum(0)
        with torch.no_grad():
            pose = torch.from_numpy(in_sides(mean, self.design.shape).ravel())  # type: ignore[attr-defined]
            self.heads[0].joints.bias.copy_(pose)  # type: ignore[union-attr, operator]


class RegressorHead(nn.Module):
    """Features (N, C, h, w) -> joints (N, P, 2)."""

    uses_beliefs = False

    def __init__(self, design: RegressorDesign) -> None:
        super().__init__()
        cells = int(np.prod([-(-side // ENCODER_STRIDE) for side in design.shape]))
        self.body = nn.Sequential(
            activation(), nn.Flatten(1), nn.Unflatten(1, (-1, 1, 1)),
            ScaledConv2d(design.widths[-1] * cells, design.hidden, 1), activation(),
        )  # fmt: skip
        self.joints = ScaledConv2d(design.hidden, 2 * design.n_parts, 1, gain=0.1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return full(self.joints(self.body(features))).reshape(len(features), -1, 2)


class RegressionRun(TrainingRun):
    """A training run of a network that outputs joints."""

    COLLAPSED = "stage %d outputs nearly the same pose for every subject (spread relative to the ground truth: %.3f)"

    def _judge(self, staged, part, n_subjects):
        poses = staged[0]
        height, width = part.images.shape[2:]
        shift = poses.new_tensor([width - 1, height - 1]) / 2
        truth = (part.joints[..., :2] - shift) / max(height, width)
        labelled = part.joints[..., 2:] > 0
        errors = torch.where(labelled, poses - truth, 0.0)
        loss = errors.square().sum() / (2 * n_subjects)
        return loss[None], self._spread(poses.detach(), truth, labelled)[None] * len(poses)

    @staticmethod
    def _spread(poses, truth, labelled) -> torch.Tensor:
        """Spread of poses over the subjects, relative to that of the ground truth."""
        count = labelled.sum(0).clamp(min=1)

        def variance(values: torch.Tensor) -> torch.Tensor:
            values = torch.where(labelled, values, 0.0)
            mean = values.sum(0) / count
            return torch.where(labelled, values - mean, 0.0).square().sum()

        true = variance(truth)
        return torch.where(true > 0, variance(poses) / true, 1.0).sqrt()


def in_sides(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Points (..., 2) in pixels, from the centre of the crop in units of its longer side."""
    height, width = shape
    return (points - np.array([width - 1, height - 1]) / 2) / max(height, width)


def in_pixels(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The inverse of :func:`in_sides`."""
    height, width = shape
    return points * max(height, width) + np.array([width - 1, height - 1]) / 2
