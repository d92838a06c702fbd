"""The training loop that greedy and joint training share."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import pickle
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import pad

from .._replacing import replacing
from ..progress import progress
from .augment import draw_motion, jitter_colours, move_beliefs, move_images, move_joints
from .devices import choose_device, choose_precision

__all__ = ["TrainingRun", "belief_loss", "gaussian_targets", "normalise"]

CHECKPOINT_SECONDS = 60.0  # write no more often than this
COLLAPSED = 0.02  # mean peak of the part maps below which a stage has learned nothing but zeros,
STEPS_TO_LEAVE_ZERO = 100  # if it had as many steps to learn more
NEGLIGIBLE = 0.01  # as in posemachines.beliefs
logger = logging.getLogger(__name__)


def normalise(images: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 (N, H, W, 3) on the host -> float32 (N, 3, H, W), pixel / 256 - 0.5, channels-last, on the device."""
    return _to_device(images, device).permute(0, 3, 1, 2).float() / 256 - 0.5


def gaussian_targets(joints: torch.Tensor, shape: tuple[int, int], *, stride: int, sigma: float) -> torch.Tensor:
    """:func:`posemachines.beliefs.gaussian_beliefs` on the device of the joints: (N, P, 3) -> (N, P+1, h, w)."""
    offset = (stride - 1) / 2
    columns = torch.arange(shape[1], device=joints.device) * stride + offset
    rows = torch.arange(shape[0], device=joints.device) * stride + offset
    along_x = torch.exp(-((columns - joints[..., :1]) ** 2) / (2 * sigma**2))
    along_y = torch.exp(-((rows - joints[..., 1:2]) ** 2) / (2 * sigma**2))
    parts = along_y[..., :, None] * along_x[..., None, :] * (joints[..., 2, None, None] > 0)
    parts = torch.where(parts < NEGLIGIBLE, 0.0, parts)
    return torch.cat([parts, 1 - parts.amax(1, keepdim=True)], dim=1)


def belief_loss(
    beliefs: torch.Tensor, targets: torch.Tensor, labelled: torch.Tensor | None = None, *, emphasis: float = 0.0
) -> torch.Tensor:
    """Half the squared error, summed over maps and cells and averaged over people.

    Parameters
    ----------
    beliefs, targets : tensor of shape (N, P+1, h, w)
        Background last.
    labelled : bool tensor of shape (N, P), optional
        Part maps that count; all of them by default. The background always counts.
    emphasis : float, default=0
        In the part maps an error counts ``1 + emphasis * target`` times.
    """
    errors = (beliefs - targets).square()
    parts = (errors[:, :-1] * (1 + emphasis * targets[:, :-1])).sum((2, 3))
    errors = torch.cat([parts, errors[:, -1:].sum((2, 3))], dim=1)
    if labelled is not None:
        errors = errors * pad(labelled.float(), (0, 1), value=1.0)
    return errors.sum() / (2 * len(beliefs))


def _to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor


class TrainingRun:
    """One training of a network on people, from the first step to the last.

    Parameters
    ----------
    network : PoseNetwork
    images : uint8 ndarray of shape (N, H, W, 3)
    previous : float32 ndarray of shape (N, P+1, h, w) or None
        Beliefs that the first head of the network is given.
    joints : float32 ndarray of shape (N, P, 3)
    settings : ConvStage
        Epochs, batch size, augmentation and so on.
    flip_order : sequence of P ints
    mirrors : bool
        Whether crops may be mirrored.
    seed : int
    supervision : {"all", "last"}
        Stages that have a loss.
    """

    def __init__(
        self, network, images, previous, joints, settings, *, flip_order, mirrors, seed, supervision="all"
    ) -> None:
        self.device = choose_device(settings.device)
        self.precision = choose_precision(settings.precision, self.device)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.images, self.previous, self.joints = images, previous, joints
        self.settings, self.supervision, self.mirrors = settings, supervision, mirrors
        self.flip_order = torch.tensor(flip_order, device=self.device)
        self.seed, self.generator = seed, torch.Generator().manual_seed(seed)
        named = dict(network.named_parameters())
        decayed = [weight for name, weight in named.items() if name.endswith("weight")]
        others = [weight for name, weight in named.items() if not name.endswith("weight")]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == torch.float16)
        self.n_batches = math.ceil(len(images) / settings.batch_size)
        self.step = 0
        self.history: list[dict] = []

    def run(self, *, verbose: bool = False) -> list[dict]:
        """Train to the end, from the checkpoint if there is one; the history, a dict an epoch."""
        epochs, written = self.settings.epochs, time.monotonic()
        self._resume()
        self.network.train()
        with progress((), "training", shown=verbose, total=epochs * self.n_batches) as bar:
            bar.update(self.step)
            while len(self.history) < epochs:
                self._epoch(bar)
                unfinished = len(self.history) < epochs and self.settings.checkpoint is not None
                if unfinished and time.monotonic() - written >= CHECKPOINT_SECONDS:
                    self._save()
                    written = time.monotonic()
        self.network.eval()
        self.network.bake()
        if self.settings.checkpoint is not None:
            Path(self.settings.checkpoint).unlink(missing_ok=True)
        for number, peak in enumerate(self.history[-1]["peak"], start=1):
            if peak < COLLAPSED and self.step >= STEPS_TO_LEAVE_ZERO:
                logger.warning(
                    "the beliefs of stage %d are all but zero (mean peak %.3f): it has learned nothing; train for "
                    "more epochs, with another random_state, or with another learning_rate", number, peak,
                )  # fmt: skip
        return self.history

    def _epoch(self, bar) -> None:
        start = time.monotonic()
        order = torch.randperm(len(self.images), generator=self.generator).numpy()
        sums = torch.zeros(2, len(self.network.heads), device=self.device)
        for people in np.array_split(order, self.n_batches):
            losses, peaks = self._train_on(np.sort(people))
            sums = sums + torch.stack([losses, peaks]) * len(people)
            bar.update()
        means = (sums / len(order)).tolist()
        rate = self.optimizer.param_groups[0]["lr"]
        seconds = time.monotonic() - start
        epoch = {"epoch": len(self.history) + 1, "loss": means[0], "peak": means[1], "learning_rate": rate}
        self.history.append(epoch | {"seconds": seconds})
        text = ", ".join(f"{loss:.3f}" for loss in means[0])
        bar.set_postfix_str(f"loss by stage {text}")
        logger.info("epoch %d of %d: loss by stage %s (%.1f s)", epoch["epoch"], self.settings.epochs, text, seconds)

    def _train_on(self, people: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """One step; loss and mean peak of the beliefs, by stage."""
        images, previous, joints = self._batch(people)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            staged = self.network(images, previous)
        targets = gaussian_targets(joints, staged[0].shape[-2:], stride=self.settings.stride, sigma=self.settings.sigma)
        labelled = joints[..., 2] > 0
        counted = labelled if self.settings.mask_unlabelled else None
        emphasis = self.settings.emphasis
        losses = torch.stack([belief_loss(beliefs, targets, counted, emphasis=emphasis) for beliefs in staged])
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(losses.sum() if self.supervision == "all" else losses[-1]).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        peaks = torch.stack([beliefs[:, :-1].detach().amax((2, 3)).mean() for beliefs in staged])
        return losses.detach(), peaks

    def _batch(self, people: np.ndarray):
        """Images, previous beliefs and joints of these people on the device, augmented."""
        settings = self.settings
        images = normalise(self.images[people], self.device)
        joints = _to_device(self.joints[people], self.device)
        previous = None if self.previous is None else _to_device(self.previous[people], self.device)
        shape = images.shape[2], images.shape[3]
        motion = draw_motion(
            len(people), shape, rotation=settings.rotation, scale=settings.scale, shift=settings.shift,
            flip=settings.flip and self.mirrors, generator=self.generator,
        ).to(self.device)  # fmt: skip
        images = jitter_colours(images, settings.colour, self.generator)
        if previous is not None:
            previous = move_beliefs(previous, motion, self.flip_order, stride=settings.stride)
        return move_images(images, motion), previous, move_joints(joints, motion, self.flip_order, shape)

    def _learning_rate(self) -> float:
        """Warm-up along a line, then a cosine down to zero."""
        total = self.settings.epochs * self.n_batches
        warm = max(1.0, self.settings.warm_up * total)
        if self.step < warm:
            return self.settings.learning_rate * (self.step + 1) / (warm + 1)
        return self.settings.learning_rate * (1 + math.cos(math.pi * (self.step - warm) / max(1.0, total - warm))) / 2

    def _fingerprint(self) -> str:
        """What has to agree for a checkpoint to be continued."""
        free = ("checkpoint", "device", "n_jobs", "precision", "random_state", "verbose")
        settings = {name: value for name, value in self.settings.get_params().items() if name not in free}
        data = hashlib.sha256(str(self.images.shape).encode())
        for array in (self.images, self.joints, self.previous):
            data.update(b"" if array is None else np.ascontiguousarray(array).data)
        seed = None if self.settings.random_state is None else self.seed
        rest = [data.hexdigest(), len(self.network.heads), seed, self.supervision, self.flip_order.tolist()]
        return json.dumps([settings, *rest], default=str, sort_keys=True)

    def _save(self) -> None:
        content = {
            "fingerprint": self._fingerprint(),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "history": self.history,
        }
        with replacing(self.settings.checkpoint) as temporary:
            torch.save(content, temporary)

    def _resume(self) -> None:
        path = self.settings.checkpoint
        if path is None or not Path(path).exists():
            return
        try:
            content = torch.load(path, map_location=self.device, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise ValueError(f"the checkpoint {str(path)!r} is damaged ({error}); remove the file") from error
        if content["fingerprint"] != self._fingerprint():
            raise ValueError(
                f"the checkpoint {str(path)!r} is of another training (other settings or data: "
                f"{content['fingerprint']}); remove the file, or pass the settings and people that it was begun with"
            )
        self.network.load_state_dict(content["network"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.scaler.load_state_dict(content["scaler"])
        self.generator.set_state(content["generator"].cpu())
        self.step, self.history = content["step"], content["history"]
        logger.info("continuing from %s after epoch %d", path, len(self.history))
