"""Batches of training subjects and their augmentation, as a function of the seed and the step number only.

No random state is carried from step to step. Training that is resumed, uses more workers, or runs in several processes
therefore sees the same batches as an uninterrupted training in a single process.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from .augment import Motion, draw_motion, jitter_colours, move_beliefs, move_images, move_joints
from .distributed import World
from .settings import TrainingSettings
from .targets import normalise, to_device

__all__ = ["Batch", "Batches", "TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """Training subjects and validation subjects.

    Attributes
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
    joints : float32 ndarray of shape (N, P, 3)
    previous : float32 ndarray of shape (N, P+1, h, w) or None
        Beliefs that the first stage reads.
    others : float32 ndarray of shape (N, K, P, 3) or None
        Joints of other subjects in each crop; the target of a first stage shows them too.
    watched : uint8 ndarray of shape (M, H, W, 3) or None
        Crops of validation subjects.
    score : callable or None
        Maps the joints (M, P, 2) predicted by each stage to {name: list of values, one per stage}.
    """

    images: np.ndarray
    joints: np.ndarray
    previous: np.ndarray | None = None
    others: np.ndarray | None = None
    watched: np.ndarray | None = None
    score: Callable[[list[np.ndarray]], dict[str, list[float]]] | None = None


class Batch(NamedTuple):
    """Augmented subjects of one forward pass, on the device.

    Attributes
    ----------
    images : float32 tensor of shape (N, 3, H, W)
    joints : float32 tensor of shape (N, P, 3)
    previous : float32 tensor of shape (N, P+1, h, w) or None
    others : float32 tensor of shape (N, K, P, 3) or None
    centres : float32 tensor of shape (N, 2)
        Position of the original crop's centre after the augmentation.
    """

    images: torch.Tensor
    joints: torch.Tensor
    previous: torch.Tensor | None
    others: torch.Tensor | None
    centres: torch.Tensor


class Batches:
    """The batches of a training.

    Parameters
    ----------
    data : TrainingData
    settings : TrainingSettings
    stride : int
        Stride of the belief grid, in pixels.
    flip_order : sequence of P ints
    mirrors : bool
        Whether crops may be mirrored.
    seed : int
    world : World
        The processes among which every batch is divided.
    device : torch.device
    """

    def __init__(
        self, data: TrainingData, settings: TrainingSettings, *, stride: int, flip_order, mirrors: bool, seed: int,
        world: World, device,
    ) -> None:  # fmt: skip
        self.data, self.settings, self.stride, self.mirrors, self.seed = data, settings, stride, mirrors, seed
        self.world, self.device = world, device
        self.flip_order = torch.tensor(flip_order, device=device)
        self.per_epoch = math.ceil(len(data.images) / (settings.batch_size * world.size))
        if len(data.images) // self.per_epoch < world.size:
            raise ValueError(
                f"{len(data.images)} subjects are too few for {world.size} processes; start fewer processes"
            )

    def generator(self, *numbers: int) -> torch.Generator:
        """A CPU generator that depends only on the seed and these numbers."""
        state = np.random.SeedSequence([self.seed, *numbers]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(state >> 1))

    def epoch(self, phase: int, epoch: int, start: int = 0) -> Iterator[tuple[int, list[Batch]]]:
        """Batches of an epoch, from number `start`.

        Yields
        ------
        n_subjects : int
            Size of the batch in all processes.
        parts : list of Batch
            The share of this process, in `accumulation_steps` parts.
        """
        order = torch.randperm(len(self.data.images), generator=self.generator(phase, epoch)).numpy()
        batches = np.array_split(order, self.per_epoch)
        numbers = ((phase, epoch, index) for index in range(start, self.per_epoch))
        jobs = ((number, np.sort(batches[number[-1]])) for number in numbers)
        workers = self.settings.n_workers
        if not workers:
            for number, group in jobs:
                yield len(group), [self._move(*part) for part in self._gather(number, group)]
            return
        with ThreadPoolExecutor(workers) as pool:
            waiting: deque = deque()
            for number, group in jobs:
                waiting.append((len(group), pool.submit(self._gather, number, group)))
                if len(waiting) > workers:
                    size, job = waiting.popleft()
                    yield size, [self._move(*part) for part in job.result()]
            for size, job in waiting:
                yield size, [self._move(*part) for part in job.result()]

    def _gather(self, number: tuple[int, int, int], subjects: np.ndarray) -> list[tuple]:
        """Arrays, motions and colour changes of this process's share of a batch, part by part, on the device."""
        settings, generator = self.settings, self.generator(*number)
        augmentation = settings.augmentation
        motion = draw_motion(
            len(subjects), self.data.images.shape[1:3], rotation=augmentation.rotation,
            scale_jitter=augmentation.scale_jitter, scale_law=augmentation.scale_law, shift=augmentation.shift,
            flip=augmentation.flip and self.mirrors, generator=generator,
        )  # fmt: skip
        colours = torch.rand(len(subjects), 5, 1, 1, generator=generator)
        share = np.array_split(np.arange(len(subjects)), self.world.size)[self.world.rank]
        parts = []
        for rows in np.array_split(share, min(settings.accumulation_steps, len(share))):
            arrays = [
                None if array is None else to_device(array[subjects[rows]], self.device)
                for array in (self.data.images, self.data.joints, self.data.previous, self.data.others)
            ]
            parts.append((arrays, Motion(*(one[rows] for one in motion)), colours[rows]))
        return parts

    def _move(self, arrays: list, motion: Motion, colours: torch.Tensor) -> Batch:
        """One part of a batch, augmented."""
        images, joints, previous, others = arrays
        motion = motion.to(self.device)
        shape = images.shape[1], images.shape[2]
        if previous is not None:
            previous = move_beliefs(previous, motion, self.flip_order, stride=self.stride)
        if others is not None:
            moved = [move_joints(one, motion, self.flip_order, shape) for one in others.unbind(1)]
            others = torch.stack(moved, dim=1) if moved else None
        middle = motion.matrix.new_tensor([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 1.0])
        coloured = jitter_colours(normalise(images), self.settings.augmentation.colour, colours.to(self.device))
        joints = move_joints(joints, motion, self.flip_order, shape)
        return Batch(move_images(coloured, motion), joints, previous, others, motion.matrix @ middle)
