"""Which people a step trains on, and how they are moved: a function of the seed and the number of the step alone.

Nothing is drawn from a running generator. So a training that is continued, one with more workers, and one in several
processes see the same batches as one that was never broken off.
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
    """People to train on, and people to watch the training by.

    Attributes
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
    joints : float32 ndarray of shape (N, P, 3)
    previous : float32 ndarray of shape (N, P+1, h, w) or None
        Beliefs that the first stage is given.
    others : float32 ndarray of shape (N, K, P, 3) or None
        Joints of further people in each crop, whom a first stage is to find, too.
    watched : uint8 ndarray of shape (M, H, W, 3) or None
        Images of people who are not trained on.
    score : callable or None
        A list of joints (M, P, 2), an entry a stage, -> {name: list of figures, an entry a stage}.
    """

    images: np.ndarray
    joints: np.ndarray
    previous: np.ndarray | None = None
    others: np.ndarray | None = None
    watched: np.ndarray | None = None
    score: Callable[[list[np.ndarray]], dict[str, list[float]]] | None = None


class Batch(NamedTuple):
    """People of one forward pass, on the device, moved.

    Attributes
    ----------
    images : float32 tensor of shape (N, 3, H, W)
    joints : float32 tensor of shape (N, P, 3)
    previous : float32 tensor of shape (N, P+1, h, w) or None
    others : float32 tensor of shape (N, K, P, 3) or None
    centres : float32 tensor of shape (N, 2)
        Where the middle of the crop has moved to.
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
        Each process takes its share of every batch.
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
            raise ValueError(f"{len(data.images)} people are too few for {world.size} processes; start fewer")

    def generator(self, *numbers: int) -> torch.Generator:
        """A generator of the CPU that depends on the seed and these numbers alone."""
        state = np.random.SeedSequence([self.seed, *numbers]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(state >> 1))

    def epoch(self, phase: int, epoch: int, start: int = 0) -> Iterator[tuple[int, list[Batch]]]:
        """Batches number `start` and after of an epoch: the people of each in all processes, and parts of the share."""
        order = torch.randperm(len(self.data.images), generator=self.generator(phase, epoch)).numpy()
        people = np.array_split(order, self.per_epoch)
        numbers = ((phase, epoch, index) for index in range(start, self.per_epoch))
        jobs = ((number, np.sort(people[number[-1]])) for number in numbers)
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

    def _gather(self, number: tuple[int, int, int], people: np.ndarray) -> list[tuple]:
        """Arrays of this process's share of the people, in parts, on their way to the device, and their motions."""
        settings, generator = self.settings, self.generator(*number)
        augmentation = settings.augmentation
        motion = draw_motion(
            len(people), self.data.images.shape[1:3], rotation=augmentation.rotation,
            scale_jitter=augmentation.scale_jitter,
            scale_law=augmentation.scale_law, shift=augmentation.shift,
            flip=augmentation.flip and self.mirrors,
            generator=generator,
        )  # fmt: skip
        colours = torch.rand(len(people), 5, 1, 1, generator=generator)
        share = np.array_split(np.arange(len(people)), self.world.size)[self.world.rank]
        parts = []
        for rows in np.array_split(share, min(settings.accumulation_steps, len(share))):
            arrays = [
                None if array is None else to_device(array[people[rows]], self.device)
                for array in (self.data.images, self.data.joints, self.data.previous, self.data.others)
            ]
            parts.append((arrays, Motion(*(one[rows] for one in motion)), colours[rows]))
        return parts

    def _move(self, arrays: list, motion: Motion, colours: torch.Tensor) -> Batch:
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
