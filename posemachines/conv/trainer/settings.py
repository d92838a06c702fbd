"""Settings of the training of convolutional stages, as typed dataclasses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from .optimisers import OPTIMISERS, SCHEDULES

__all__ = ["Augmentation", "TrainingSettings", "resolve_epochs"]

CROPS, FEWEST_EPOCHS, MOST_EPOCHS = 16_000, 11, 100
PRETRAINED_CROPS, PRETRAINED_EPOCHS, MOST_PRETRAINED_EPOCHS = 8_000, 8, 50
DEFAULT_RATES = {
    ("lite", "adamw"): 5e-3,
    ("lite", "sgd"): 1e-2,
    ("published", "adamw"): 3e-4,
    ("published", "sgd"): 8e-5,
}
DEFAULT_SIGMAS = {"lite": 5.0, "published": 7.0}  # px
OPERATIONAL = ("accumulation_steps", "checkpoint", "checkpoint_minutes", "log_dir", "n_workers")
"""Settings that do not change the result of a training."""


def resolve_epochs(epochs: int | str, n_subjects: int, network: str = "cpm-lite") -> int:
    """Number of passes over the training subjects.

    Parameters
    ----------
    epochs : int or "auto"
        "auto" stands for 16,000 crops in all, but at least 11 and at most 100 passes. For `cpm-pretrained`, it stands
        for 8 passes and 8,000 crops, but at most 50 passes.
    n_subjects : int
        Training subjects, including augmented copies made before training.
    network : str, default="cpm-lite"

    Raises
    ------
    ValueError
        If `epochs` is neither "auto" nor a positive integer.
    """
    if isinstance(epochs, str) and epochs == "auto":
        if network == "cpm-pretrained":
            return min(PRETRAINED_EPOCHS + round(PRETRAINED_CROPS / n_subjects), MOST_PRETRAINED_EPOCHS)
        return int(np.clip(round(CROPS / n_subjects), FEWEST_EPOCHS, MOST_EPOCHS))
    if isinstance(epochs, bool) or not isinstance(epochs, int | np.integer) or epochs < 1:
        raise ValueError(f"epochs must be 'auto' or a positive integer; got {epochs!r}")
    return int(epochs)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of every training crop.

    Parameters
    ----------
    rotation : float, default=40
        Largest rotation to either side, in degrees.
    scale_jitter : (float, float), default=(0.75, 1.3)
        Smallest and largest scale factor.
    scale_law : {"log", "linear"}, default="log"
        Whether the logarithm of the factor is uniform, or the factor itself, as published.
    shift : float, default=0.06
        Largest shift in x and y, as a fraction of the shorter side of the crop.
    flip : bool, default=True
        Mirror half of the crops, if the skeleton has left-right pairs.
    colour : float, default=0.2
        Largest relative change of the contrast and of the gain of each channel.
    """

    rotation: float = 40.0
    scale_jitter: tuple[float, float] = (0.75, 1.3)
    scale_law: str = "log"
    shift: float = 0.06
    flip: bool = True
    colour: float = 0.2

    @classmethod
    def none(cls) -> Augmentation:
        """No augmentation at all."""
        return cls(rotation=0.0, scale_jitter=(1.0, 1.0), shift=0.0, flip=False, colour=0.0)

    def check(self) -> None:
        """Raise ValueError for values out of range."""
        check_choice("scale_law", self.scale_law, ("log", "linear"))
        pair = self.scale_jitter
        if not (isinstance(pair, Sequence) and len(pair) == 2 and 0 < pair[0] <= pair[1]):
            raise ValueError(f"scale_jitter must be (smallest, largest), both positive; got {pair!r}")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings that all strategies for convolutional stages share.

    Parameters
    ----------
    epochs : int or "auto", default="auto"
        Passes over the training subjects; see :func:`resolve_epochs`.
    batch_size : int, default=16
        Subjects per step and process.
    optimiser : {"adamw", "sgd"}, default="adamw"
    learning_rate : float, optional
        Largest learning rate, reached after the warm-up. Default: 5e-3 (AdamW) or 1e-2 (SGD) for `cpm-lite`, 3e-4 or
        the published 8e-5 for the other networks.
    momentum, weight_decay : float
        Momentum of SGD; weight decay of the kernels (biases have none).
    schedule : {"cosine", "step", "constant"}, default="cosine"
        Cosine decay to zero; multiplication by `decay` every `decay_every` steps, as published; or a constant rate.
    warm_up : float, default=0.05
        Fraction of the steps during which the learning rate rises.
    decay, decay_every : float, int
        Parameters of the schedule "step".
    published_rates : bool, default=False
        Biases learn twice as fast, first stages of nets A and B five times, later stages of net C four times.
    max_grad_norm : float or None, default=1
        Gradient clipping: largest norm of the gradient of a step.
    sigma : float, optional
        Standard deviation of the target Gaussians, in pixels; 5 for `cpm-lite`, 7 for the other networks by default.
    foreground_weight : float, default=9
        An error on a part counts up to ``1 + foreground_weight`` times as much as one on the background; 0 is the
        published loss.
    mask_unlabelled : bool, default=True
        Leave the maps of unlabelled joints out of the loss; otherwise their target is zero, as published.
    frozen_blocks : int, default=3
        Of a pretrained backbone, this many blocks and the stem keep their weights; 0 trains all of them.
    backbone_rate : float, default=0.2
        The other weights of a pretrained backbone learn at this multiple of the learning rate; 0 freezes them, too.
    ema_decay : float, default=0
        The trained network has the exponential moving average of the weights over the steps, with this decay: 0.999
        averages over some thousand steps. 0 keeps the weights of the last step.
    accumulation_steps : int, default=1
        Split each batch into this many parts to save memory; the result is the same.
    n_workers : int, default=0
        Threads that prepare batches ahead of the network.
    augmentation : Augmentation
    record_gradients : bool, default=False
        Add the size of each convolution's gradient in the last step of an epoch to ``history_``.
    checkpoint : path, optional
        File from which interrupted training resumes; removed when training is complete.
    checkpoint_minutes : float, default=2
        Minimum time between two checkpoints.
    log_dir : path, optional
        Folder for ``training.csv``, with one row per epoch, and for TensorBoard's events if that is installed.
    """

    epochs: int | str = "auto"
    batch_size: int = 16
    optimiser: str = "adamw"
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 0.01
    schedule: str = "cosine"
    warm_up: float = 0.05
    decay: float = 0.333
    decay_every: int = 136106
    published_rates: bool = False
    max_grad_norm: float | None = 1.0
    sigma: float | None = None
    foreground_weight: float = 9.0
    mask_unlabelled: bool = True
    frozen_blocks: int = 3
    backbone_rate: float = 0.2
    ema_decay: float = 0.0
    accumulation_steps: int = 1
    n_workers: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    record_gradients: bool = False
    checkpoint: str | Path | None = None
    checkpoint_minutes: float = 2.0
    log_dir: str | Path | None = None

    def rate_for(self, design) -> float:
        """The learning rate for a network of this design."""
        if self.learning_rate is not None:
            return self.learning_rate
        return DEFAULT_RATES[_kind(design), self.optimiser]

    def sigma_for(self, design) -> float:
        """Standard deviation of the target Gaussians for a network of this design, in pixels."""
        return DEFAULT_SIGMAS[_kind(design)] if self.sigma is None else self.sigma

    def check(self) -> None:
        """Raise ValueError for settings out of range."""
        check_choice("optimiser", self.optimiser, OPTIMISERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        for name in ("batch_size", "accumulation_steps", "decay_every", "learning_rate", "sigma"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive; got {value}")
        if isinstance(self.frozen_blocks, bool) or not isinstance(self.frozen_blocks, int) or self.frozen_blocks < 0:
            raise ValueError(f"frozen_blocks must be a number of blocks, or 0; got {self.frozen_blocks!r}")
        if not self.backbone_rate >= 0:
            raise ValueError(f"backbone_rate must be 0 or more; got {self.backbone_rate!r}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and less than 1; got {self.ema_decay!r}")
        if not (isinstance(self.n_workers, int) and self.n_workers >= 0):
            raise ValueError(f"n_workers must be a number of threads, or 0; got {self.n_workers!r}")
        if not isinstance(self.augmentation, Augmentation):
            raise ValueError(f"augmentation must be an Augmentation; got {self.augmentation!r}")
        self.augmentation.check()

    def that_matter(self) -> dict[str, Any]:
        """The settings that the result depends on, as plain values."""
        return {name: value for name, value in asdict(self).items() if name not in OPERATIONAL}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all settings."""
        return tuple(one.name for one in fields(cls))


def check_choice(name: str, value, known) -> None:
    """Raise ValueError if `value` is not one of the known ones."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; got {value!r}")


def _kind(design) -> str:
    return "published" if design.is_published else "lite"
