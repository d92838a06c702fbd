"""Magnitudes of the gradients of a network's convolutions."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

__all__ = ["GRADIENT_EDGES", "gradient_magnitudes"]

GRADIENT_EDGES = np.arange(-12.0, 2.01, 0.25)
"""Bin edges of the histograms, log10 of the magnitude; the outermost bins also count smaller and larger values."""


def gradient_magnitudes(network: nn.Module) -> list[dict]:
    """Histogram of the gradients of every convolution's kernel, after a backward pass.

    Parameters
    ----------
    network : Module

    Returns
    -------
    list of dict
        One per convolution, in the order of the network's modules: ``name``, ``std`` (root mean square), ``median`` of
        the magnitudes, ``zeros`` (fraction of exact zeros) and ``histogram`` (fraction of the other values in each bin
        of `GRADIENT_EDGES`). Convolutions without a gradient are left out.
    """
    rows = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or module.weight.grad is None:
            continue
        sizes = module.weight.grad.detach().float().abs().flatten()
        above = sizes[sizes > 0]
        low, high = float(GRADIENT_EDGES[0]), float(GRADIENT_EDGES[-1])
        logs = above.log10().clamp(low, high).cpu()
        counts = torch.histc(logs, bins=len(GRADIENT_EDGES) - 1, min=low, max=high)
        rows.append(
            {
                "name": name,
                "std": float(sizes.square().mean().sqrt()),
                "median": float(sizes.median()),
                "zeros": 1 - len(above) / len(sizes),
                "histogram": (counts / max(len(above), 1)).tolist(),
            }
        )
    return rows
