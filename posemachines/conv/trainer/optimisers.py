"""Optimisers and learning-rate schedules, modern and as published."""

from __future__ import annotations

import math

import torch

from ..networks.network import PoseNetwork

__all__ = ["OPTIMISERS", "SCHEDULES", "learning_rate", "make_optimiser"]

OPTIMISERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "step", "constant")
FUSED = ("cpu", "cuda")  # devices on which a step of all weights is one kernel
BIAS_RATE = 2.0  # published multiplier of the learning rate of biases


def make_optimiser(network: PoseNetwork, settings, rate: float) -> torch.optim.Optimizer:
    """Optimiser for the weights of a network that are not frozen.

    Weight decay applies to kernels only. With ``settings.published_rates``, biases learn twice as fast, and first and
    later stages at the published ratio; a pretrained backbone learns at ``settings.backbone_rate``. Each parameter
    group stores its multiplier as ``"factor"``.
    """
    pretrained = network.pretrained_weights()
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            kernel = name.endswith("weight")
            factor = 1.0
            if settings.published_rates:
                factor = (1.0 if kernel else BIAS_RATE) * network.design.published_rate(_is_later(network, name))
            if name in pretrained:
                factor *= settings.backbone_rate
            groups.setdefault((factor, kernel), []).append(weight)
    described = [
        {"params": weights, "factor": factor, "weight_decay": settings.weight_decay if kernel else 0.0}
        for (factor, kernel), weights in groups.items()
    ]
    fused = next(network.parameters()).device.type in FUSED
    if settings.optimiser == "sgd":
        return torch.optim.SGD(described, lr=rate, momentum=settings.momentum, fused=fused)
    return torch.optim.AdamW(described, lr=rate, fused=fused)


def _is_later(network: PoseNetwork, name: str) -> bool:
    """Whether a parameter belongs to a later stage; a trunk belongs to the first stage that reads it."""
    kind, index = name.split(".")[:2]
    stage = int(index) if kind == "heads" else network.trunk_of.index(int(index))
    return bool(network.heads[stage].uses_beliefs)


def learning_rate(settings, rate: float, step: int, total: int) -> float:
    """Learning rate of a step out of `total`.

    After a linear warm-up: "cosine" decays to zero, "step" multiplies by ``decay`` every ``decay_every`` steps, as
    published, and "constant" stays at `rate`.
    """
    warm = settings.warm_up * total
    if step < warm:
        return rate * (step + 1) / (warm + 1)
    if settings.schedule == "cosine":
        return rate * (1 + math.cos(math.pi * (step - warm) / max(1.0, total - warm))) / 2
    if settings.schedule == "step":
        return rate * settings.decay ** (step // settings.decay_every)
    return rate
