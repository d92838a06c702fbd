"""What a network is given and what it is held to, as tensors: images, Gaussian targets, and the loss."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import pad

__all__ = ["belief_loss", "gaussian_targets", "normalise", "to_device"]

NEGLIGIBLE = 0.01  # as in posemachines.beliefs


def to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array of the host as a tensor on the device; through pinned memory where that is a GPU."""
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
    """:func:`posemachines.beliefs.gaussian_beliefs` on the device of the joints.

    Parameters
    ----------
    joints : float32 tensor of shape (N, P, 3)
        x, y in pixels of the crop, and labelled.
    shape : (h, w)
        Grid size, in cells.
    stride : int
        Pixels a cell.
    sigma : float
        Standard deviation, in pixels.
    others : float32 tensor of shape (N, K, P, 3), optional
        Joints of further people in the crop, whose Gaussians are added, clipped at 1.

    Returns
    -------
    float32 tensor of shape (N, P+1, h, w)
        Background, one minus the largest part, last.
    """
    offset = (stride - 1) / 2
    columns = torch.arange(shape[1], device=joints.device) * stride + offset
    rows = torch.arange(shape[0], device=joints.device) * stride + offset
    people = joints[:, None] if others is None else torch.cat([joints[:, None], others], dim=1)
    along_x = torch.exp(-((columns - people[..., :1]) ** 2) / (2 * sigma**2))
    along_y = torch.exp(-((rows - people[..., 1:2]) ** 2) / (2 * sigma**2))
    parts = along_y[..., :, None] * along_x[..., None, :] * (people[..., 2, None, None] > 0)
    parts = torch.where(parts < NEGLIGIBLE, 0.0, parts).sum(1).clamp(max=1)
    return torch.cat([parts, 1 - parts.amax(1, keepdim=True)], dim=1)


def belief_loss(
    beliefs: torch.Tensor,
    targets: torch.Tensor,
    labelled: torch.Tensor | None = None,
    *,
    foreground_weight: float = 0.0,
    n_people: int | None = None,
) -> torch.Tensor:
    """Half the squared error, summed over maps and cells and averaged over people.

    Parameters
    ----------
    beliefs, targets : tensor of shape (N, P+1, h, w)
        Background last.
    labelled : bool tensor of shape (N, P), optional
        Part maps that count; all of them by default. The background always counts.
    foreground_weight : float, default=0
        In the part maps an error counts ``1 + foreground_weight * target`` times.
    n_people : int, optional
        Number that the sum is divided by, where these people are only some of a batch; N by default.
    """
    errors = (beliefs - targets).square()
    parts = (errors[:, :-1] * (1 + foreground_weight * targets[:, :-1])).sum((2, 3))
    errors = torch.cat([parts, errors[:, -1:].sum((2, 3))], dim=1)
    if labelled is not None:
        errors = errors * pad(labelled.float(), (0, 1), value=1.0)
    return errors.sum() / (2 * (len(beliefs) if n_people is None else n_people))
