"""Scores of validation subjects during training."""

from __future__ import annotations

import numpy as np
import torch

from ...beliefs import decode
from ..networks.network import PoseNetwork
from .batches import TrainingData
from .targets import normalise, to_device

__all__ = ["score_validation"]


def score_validation(
    network: PoseNetwork,
    data: TrainingData,
    n_stages: int,
    *,
    batch_size: int,
    device: torch.device,
    precision: torch.dtype,
) -> dict[str, list[float]]:
    """Scores of the first `n_stages` stages on the validation subjects, one entry per stage; {} if there are none.

    Every module of the network returns to the mode (training or evaluation) that it was in.
    """
    if data.watched is None or data.score is None:
        return {}
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    staged: list[list[np.ndarray]] = [[] for _ in range(n_stages)]
    with torch.inference_mode():
        for start in range(0, len(data.watched), batch_size):
            images = to_device(data.watched[start : start + batch_size], device)
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                beliefs = network(normalise(images), None, None, n_stages)
            for joints, maps in zip(staged, beliefs, strict=True):
                joints.append(decode(maps.float().cpu().numpy(), stride=network.design.stride)[0])
    for module, mode in modes:
        module.training = mode
    return data.score([np.concatenate(joints) for joints in staged])
