"""The running average of a network's weights during training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

__all__ = ["running_average"]


def running_average(network: nn.Module, decay: float) -> AveragedModel:
    """Exponential moving average of the weights of `network`; call its ``update_parameters`` after every step.

    After n steps the decay is the smaller of `decay` and ``(1 + n) / (10 + n)``, so that the random weights of the
    beginning are soon forgotten, as in TensorFlow's ``ExponentialMovingAverage``.

    Parameters
    ----------
    network : Module
    decay : float in [0, 1)

    Returns
    -------
    AveragedModel
        The averaged network is its ``module``.
    """

    @torch.no_grad()
    def average(averaged: Sequence[torch.Tensor], now: Sequence[torch.Tensor], n_averaged: int | torch.Tensor) -> None:
        n = int(n_averaged)
        weight = 1 - min(decay, (1 + n) / (10 + n))
        for mean, one in zip(averaged, now, strict=True):
            if mean.is_floating_point():
                mean.lerp_(one, weight)
            else:
                mean.copy_(one)

    return AveragedModel(network, multi_avg_fn=average)
