"""What a checkpoint of a network's training must agree with, and how its file is read."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .batches import TrainingData
from .settings import TrainingSettings

__all__ = ["read_checkpoint", "training_fingerprint"]


def training_fingerprint(settings: TrainingSettings, n_processes: int, data: TrainingData, *rest: Any) -> str:
    """Everything that the result of a training depends on, as JSON; the data as a hash."""
    values = settings.that_matter()
    values["batch_size"] = settings.batch_size * n_processes
    digest = hashlib.sha256(str(data.images.shape).encode())
    for array in (data.images, data.joints, data.previous, data.others):
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return json.dumps([values, digest.hexdigest(), *rest], default=str, sort_keys=True)


def read_checkpoint(path: Path) -> dict:
    """The content of a checkpoint; ValueError if the file is damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        content["fingerprint"]
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ValueError(f"the checkpoint {str(path)!r} is damaged ({error}); remove the file") from error
    return content
