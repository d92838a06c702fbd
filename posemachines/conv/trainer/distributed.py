"""Training in several processes that ``torchrun`` starts on one or more machines."""

from __future__ import annotations

import atexit
import os
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import distributed, nn

__all__ = ["World", "join_world"]


class World(NamedTuple):
    """The processes that train together.

    Attributes
    ----------
    rank : int
        Index of this process.
    size : int
        Number of processes.
    local_rank : int
        Index of this process on its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Sum over all processes."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def share(self, content):
        """Send the content of the leading process to all others, and return it."""
        if self.size == 1:
            return content
        box = [content]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Wrap the network so that its gradients are averaged over the processes."""
        if self.size == 1:
            return network
        ids = [device.index or 0] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=ids)

    def without_averaging(self, network: nn.Module):
        """Context in which a backward pass does not average the gradients over the processes."""
        return network.no_sync() if isinstance(network, nn.parallel.DistributedDataParallel) else nullcontext()


def join_world(*, cuda: bool) -> World:
    """Join the processes that ``torchrun`` has started; without it, the world is this process alone."""
    if not distributed.is_available():
        return World()
    if not distributed.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
            return World()
        if cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # the default device of `World.share`
        distributed.init_process_group("nccl" if cuda else "gloo")
        atexit.register(_leave)
    return World(distributed.get_rank(), distributed.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
