"""The training loop that all strategies share."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, cast

import torch

from ..._utils.progress import progress
from ...stage import Runtime
from ...training.checkpoints import StepCheckpoint
from ..devices import choose_device, choose_precision
from ..networks.network import PoseNetwork
from .averaging import running_average
from .batches import Batch, Batches, TrainingData
from .distributed import join_world
from .gradients import gradient_magnitudes
from .log import TrainingLog
from .optimisers import learning_rate, make_optimiser
from .resuming import read_checkpoint, training_fingerprint
from .settings import TrainingSettings
from .targets import belief_loss, gaussian_targets
from .validation import score_validation

__all__ = ["Phase", "TrainingRun"]

LOWEST_PEAK = 0.02  # a stage whose part maps have a lower mean peak predicts nothing but zeros
WINDOW = 100  # steps over which peaks are averaged; the first window is ignored
logger = logging.getLogger(__name__)


class Phase(NamedTuple):
    """A part of a training, with a new optimiser and learning-rate schedule.

    Attributes
    ----------
    name : str
    epochs : int
    trained : tuple of int
        Stages whose weights change, with those trunks that no earlier stage reads; all other weights are frozen.
    supervised : tuple of int
        Stages that have a loss.
    """

    name: str
    epochs: int
    trained: tuple[int, ...]
    supervised: tuple[int, ...]


class TrainingRun:
    """One training of a network, from the first step to the last.

    Parameters
    ----------
    network : PoseNetwork
    data : TrainingData
    settings : TrainingSettings
        Batch size, augmentation, optimiser and so on.
    phases : sequence of Phase
    runtime : Runtime
        Device, precision and progress bar.
    flip_order : sequence of P ints
    mirrors : bool
        Whether crops may be mirrored.
    seed : int
    any_seed : bool, default=False
        Resume from a checkpoint whatever its seed; otherwise the seeds must agree.

    Notes
    -----
    ``_judge`` computes the losses. A subclass that overrides it trains networks that predict something other than
    beliefs.
    """

    COLLAPSED = "the beliefs of stage %d are almost zero (mean peak %.3f)"  # what is logged of a stage that collapsed

    def __init__(
        self, network: PoseNetwork, data: TrainingData, settings: TrainingSettings, phases: Sequence[Phase], *,
        runtime: Runtime, flip_order, mirrors: bool, seed: int, any_seed: bool = False,
    ) -> None:  # fmt: skip
        device = choose_device(runtime.device)
        self.world = join_world(cuda=device.type == "cuda")
        if device.type == "cuda" and self.world.size > 1 and device.index is None:
            device = torch.device("cuda", self.world.local_rank)
        self.device = device
        self.precision = choose_precision(runtime.precision, device)
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.data, self.settings, self.runtime, self.phases = data, settings, runtime, tuple(phases)
        self.seed, self.any_seed, self.flip_order = seed, any_seed, list(flip_order)
        self.stride = network.design.stride
        self.magnitudes: list[dict] = []
        self.batches = Batches(
            data, settings, stride=self.stride, flip_order=flip_order, mirrors=mirrors, seed=seed, world=self.world,
            device=device,
        )  # fmt: skip
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)
        self.history: list[dict] = []
        self.step = 0  # counted through all phases
        self.phase = self.epoch = self.batch = 0  # position of the training
        self.warned: set[int] = set()
        self._clear_sums()
        self.window = torch.zeros(len(network.heads), device=device)
        self.checkpoint = StepCheckpoint(
            settings.checkpoint, settings.checkpoint_minutes, write=torch.save, read=read_checkpoint
        )

    def run(self) -> list[dict]:
        """Train to the end, from the checkpoint if there is one, and return the history: one dict per epoch."""
        total = sum(phase.epochs for phase in self.phases) * self.batches.per_epoch
        content = self.checkpoint.load(self._fingerprint()) if self.world.leads else None
        content = self.world.share(content)
        done = 0 if content is None else content["step"]
        shown = self.runtime.verbose and self.world.leads
        log = TrainingLog(self.settings.log_dir if self.world.leads else None)
        try:
            with (
                torch.random.fork_rng(devices=self._cuda_devices()),
                progress((), "training", shown=shown, total=total, done=done) as bar,
            ):
                for number in range(0 if content is None else content["phase"], len(self.phases)):
                    self._start(number, content)
                    while self.epoch < self.phases[number].epochs:
                        self._run_epoch(bar, log)
                    if self.average is not None:
                        self.network.load_state_dict(self._result().state_dict())
                    content = None
        finally:
            log.close()
        self._finish()
        return self.history

    # -- phases and epochs ------------------------------------------------------------------------------------------

    def _start(self, number: int, content: dict | None) -> None:
        """Start a phase, or resume it from the content of a checkpoint."""
        phase = self.phases[number]
        self.phase, self.epoch, self.batch = number, 0, 0
        self._clear_sums()
        self.window.zero_()
        self._freeze(phase)
        self.rate = self.settings.rate_for(self.network.design)
        self.optimiser = make_optimiser(self.network, self.settings, self.rate)
        self.average = running_average(self.network, self.settings.ema_decay) if self.settings.ema_decay else None
        if content is not None:
            self.network.load_state_dict(content["network"])
            self.optimiser.load_state_dict(content["optimiser"])
            self.scaler.load_state_dict(content["scaler"])
            for name in ("step", "epoch", "batch", "history"):
                setattr(self, name, content[name])
            self.warned = set(content["warned"])
            self.sums, self.window = content["sums"].to(self.device), content["window"].to(self.device)
            self.seconds, self.seed = content["seconds"], content["seed"]
            self.batches.seed = self.seed
            if self.average is not None:
                self.average.load_state_dict(content["average"])
            logger.info("resuming from %s after step %d", self.checkpoint.path, self.step)
        self.wrapped = self.world.wrap(self.network, self.device)

    def _freeze(self, phase: Phase) -> None:
        """Freeze everything but the stages of the phase and the trunks that no earlier stage reads."""
        own = [self.network.heads[index] for index in phase.trained]
        for index, trunk in enumerate(self.network.trunks):
            if self.network.trunk_of.index(index) in phase.trained:
                own.append(trunk)
        self.network.eval().requires_grad_(False)
        for module in own:
            module.train().requires_grad_(True)
        self.network.freeze_blocks(self.settings.frozen_blocks if self.settings.backbone_rate else None)

    def _run_epoch(self, bar, log: TrainingLog) -> None:
        began = time.monotonic() - self.seconds
        for n_subjects, parts in self.batches.epoch(self.phase, self.epoch, self.batch):
            self._train_on(n_subjects, parts)
            self.batch += 1
            self.step += 1
            bar.update()
            if self.step % WINDOW == 0:
                self._warn_of_collapse()
            if self.batch < self.batches.per_epoch and self._checkpoint_is_due():
                self.seconds = time.monotonic() - began
                self._save()
        row = self._row(began)
        self.history.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self._clear_sums()
        log.write(self.history)
        text = ", ".join(f"{loss:.3f}" for loss in row["loss"])
        bar.set_postfix_str(f"loss by stage {text}")
        n_epochs = sum(phase.epochs for phase in self.phases)
        logger.info("epoch %d of %d: loss by stage %s (%.1f s)", row["epoch"], n_epochs, text, row["seconds"])
        if self.epoch < self.phases[self.phase].epochs and self._checkpoint_is_due():
            self._save()

    def _row(self, began: float) -> dict:
        """The history's row of the epoch that just ended."""
        means = (self.world.sum(self.sums) / len(self.data.images)).tolist()
        n_stages = max(self.phases[self.phase].supervised) + 1
        row = {
            "phase": self.phases[self.phase].name, "epoch": len(self.history) + 1, "step": self.step,
            "learning_rate": self._current_rate(self.batch - 1), "loss": means[0][:n_stages],
            "peak": means[1][:n_stages], "seconds": time.monotonic() - began,
        }  # fmt: skip
        if self.settings.record_gradients:
            row["gradients"] = self.magnitudes
        if not self.world.leads:
            return row
        return row | score_validation(
            self._result(), self.data, n_stages, batch_size=self.settings.batch_size, device=self.device,
            precision=self.precision,
        )  # fmt: skip

    def _result(self) -> PoseNetwork:
        """The network, or its running average."""
        return self.network if self.average is None else cast(PoseNetwork, self.average.module)

    # -- one step ---------------------------------------------------------------------------------------------------

    def _train_on(self, n_subjects: int, parts: list[Batch]) -> None:
        """One step on a batch of `n_subjects` in all processes; `parts` are the share of this process."""
        torch.manual_seed(self.batches.generator(self.phase, self.epoch, self.batch, self.world.rank).initial_seed())
        for group in self.optimiser.param_groups:
            group["lr"] = group["factor"] * self._current_rate(self.batch)
        self.optimiser.zero_grad(set_to_none=True)
        for number, part in enumerate(parts, 1):
            if number < len(parts):
                with self.world.without_averaging(self.wrapped):
                    self._add_gradients(part, n_subjects)
            else:
                self._add_gradients(part, n_subjects)
        self.scaler.unscale_(self.optimiser)
        if self.settings.record_gradients and self.batch == self.batches.per_epoch - 1:
            self.magnitudes = gradient_magnitudes(self.network)
        if self.settings.max_grad_norm is not None:
            weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
            torch.nn.utils.clip_grad_norm_(weights, self.settings.max_grad_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.network)

    def _add_gradients(self, part: Batch, n_subjects: int) -> None:
        supervised = self.phases[self.phase].supervised
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            staged = self.wrapped(part.images, part.previous, part.centres, max(supervised) + 1)
        losses, peaks = self._judge(staged, part, n_subjects)
        # DistributedDataParallel averages gradients over the processes; multiplying by their number gives the sum
        self.scaler.scale(losses[list(supervised)].sum() * self.world.size).backward()
        self.sums[:, : len(staged)] += torch.stack([losses.detach() * n_subjects, peaks])
        self.window[: len(staged)] += peaks / n_subjects

    def _judge(self, staged: list[torch.Tensor], part: Batch, n_subjects: int) -> tuple[torch.Tensor, torch.Tensor]:
        """For each stage, the contribution of `part` to the mean loss of `n_subjects`, and its sum of mean peaks."""
        settings = self.settings
        height, width = staged[0].shape[2:]
        sigma = settings.sigma_for(self.network.design)
        draw = partial(gaussian_targets, part.joints, (height, width), stride=self.stride, sigma=sigma)
        targets = first_targets = draw()
        if part.others is not None and part.previous is None:
            first_targets = draw(others=part.others)
        labelled = part.joints[..., 2] > 0 if settings.mask_unlabelled else None
        loss = partial(
            belief_loss, labelled=labelled, foreground_weight=settings.foreground_weight, n_subjects=n_subjects
        )
        losses = [loss(beliefs, targets if index else first_targets) for index, beliefs in enumerate(staged)]
        peaks = [beliefs[:, :-1].detach().amax((2, 3)).mean(1).sum() for beliefs in staged]
        return torch.stack(losses), torch.stack(peaks)

    def _current_rate(self, batch: int) -> float:
        """Learning rate of a batch of this epoch."""
        total = self.phases[self.phase].epochs * self.batches.per_epoch
        return learning_rate(self.settings, self.rate, self.epoch * self.batches.per_epoch + batch, total)

    def _clear_sums(self) -> None:
        self.sums = torch.zeros(2, len(self.network.heads), device=self.device)
        self.seconds = 0.0

    # -- collapsed stages -------------------------------------------------------------------------------------------

    def _warn_of_collapse(self) -> None:
        """Warn, once per stage, if its beliefs were almost zero during the last window of steps."""
        peaks = (self.world.sum(self.window.clone()) / WINDOW).tolist()
        self.window.zero_()
        for number in self.phases[self.phase].supervised:
            if peaks[number] < LOWEST_PEAK and number not in self.warned and self.step > WINDOW and self.world.leads:
                self.warned.add(number)
                logger.warning(
                    f"{self.COLLAPSED} after %d steps: it may learn nothing; if this persists, stop and train with "
                    "another learning_rate, random_state, init or optimiser",
                    number + 1, peaks[number], self.step,
                )  # fmt: skip

    def _finish(self) -> None:
        self.network.requires_grad_(True).eval()
        self.network.bake()
        if not self.world.leads:
            return
        self.checkpoint.remove()
        for number, peak in enumerate(self.history[-1]["peak"], start=1):
            if peak < LOWEST_PEAK and self.step > WINDOW:
                logger.warning(
                    f"{self.COLLAPSED}: it has learned nothing; train for more epochs, or with another random_state or "
                    "learning_rate", number, peak,
                )  # fmt: skip

    # -- checkpoints ------------------------------------------------------------------------------------------------

    def _checkpoint_is_due(self) -> bool:
        return self.world.leads and self.checkpoint.is_due()

    def _fingerprint(self) -> str:
        """What must agree before training resumes from a checkpoint."""
        seed = None if self.any_seed else self.seed
        return training_fingerprint(
            self.settings, self.world.size, self.data, self.phases, seed, self.flip_order, self.network.design
        )

    def _save(self) -> None:
        names = ("phase", "step", "epoch", "batch", "history", "sums", "window", "seconds", "seed")
        content = {name: getattr(self, name) for name in names} | {
            "fingerprint": self._fingerprint(),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "warned": sorted(self.warned),
        }
        if self.average is not None:
            content["average"] = self.average.state_dict()
        self.checkpoint.save(content)

    def _cuda_devices(self) -> list[int]:
        return [self.device.index or 0] if self.device.type == "cuda" else []
