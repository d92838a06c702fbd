"""Input, targets and loss of a network, as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import pad

__all__ = ["belief_loss", "gaussian_targets", "normalise", "to_device"]

NEGLIGIBLE = 0.01  # as in posemachines.beliefs


def to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """A numpy array as a tensor on the device, copied through pinned memory if that is a GPU."""
    tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, H, W, 3) -> float32 (N, 3, H, W), pixel / 256 - 0.5, channels-last."""
    return images.permute(0, 3, 1, 2).float() / 256 - 0.5


def gaussian_targets(
    joints: torch.Tensor,
    shape: tuple[int, int],
    *,
    stride: int,
    sigma: float,
    others: torch.Tensor | None = None,
) -> torch.Tensor:
    """:func:`posemachines.beliefs.gaussian_beliefs` for tensors, on the device of the joints.

    Parameters
    ----------
    joints : float32 tensor of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    shape : (h, w)
        Grid size, in cells.
    stride : int
        Stride of the belief grid, in pixels.
    sigma : float
        Standard deviation, in pixels.
    others : float32 tensor of shape (N, K, P, 3), optional
        Joints of other subjects in the crop. Their Gaussians are added, and the sum is clipped at 1.

    Returns
    -------
    float32 tensor of shape (N, P+1, h, w)
        The background, one minus the largest part, is last.
    """
    offset = (stride - 1) / 2
    columns = torch.arange(shape[1], device=joints.device) * stride + offset
    rows = torch.arange(shape[0], device=joints.device) * stride + offset
    subjects = joints[:, None] if others is None else torch.cat([joints[:, None], others], dim=1)
    along_x = torch.exp(-((columns - subjects[..., :1]) ** 2) / (2 * sigma**2))
    along_y = torch.exp(-((rows - subjects[..., 1:2]) ** 2) / (2 * sigma**2))
    parts = along_y[..., :, None] * along_x[..., None, :] * (subjects[..., 2, None, None] > 0)
    parts = torch.where(parts < NEGLIGIBLE, 0.0, parts).sum(1).clamp(max=1)
    return torch.cat([parts, 1 - parts.amax(1, keepdim=True)], dim=1)


def belief_loss(
    beliefs: torch.Tensor,
    targets: torch.Tensor,
    labelled: torch.Tensor | None = None,
    *,
    foreground_weight: float = 0.0,
    n_subjects: int | None = None,
) -> torch.Tensor:
    """Half the squared error, summed over maps and cells and averaged over subjects.

    Parameters
    ----------
    beliefs, targets : tensor of shape (N, P+1, h, w)
        Background last.
    labelled : bool tensor of shape (N, P), optional
        Part maps that count; all of them by default. The background always counts.
    foreground_weight : float, default=0
        Errors in the part maps are weighted by ``1 + foreground_weight * target``.
    n_subjects : int, optional
        Size of the whole batch, if these are only some of its subjects; N by default.
    """
    errors = (beliefs - targets).square()
    parts = (errors[:, :-1] * (1 + foreground_weight * targets[:, :-1])).sum((2, 3))
    errors = torch.cat([parts, errors[:, -1:].sum((2, 3))], dim=1)
    if labelled is not None:
        errors = errors * pad(labelled.float(), (0, 1), value=1.0)
    return errors.sum() / (2 * (len(beliefs) if n_subjects is None else n_subjects))
