"""Export of networks to ONNX, for runtimes without torch."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import torch
from torch import nn

from ..._utils.replacing import replacing
from ..networks.network import PoseNetwork
from ..trainer.targets import normalise

__all__ = ["export_network"]


class _Graph(nn.Module):
    """uint8 crops (N, H, W, 3) -> beliefs of the last stage, or of all stages."""

    def __init__(self, network: PoseNetwork, only_last: bool) -> None:
        super().__init__()
        self.network, self.only_last = network, only_last

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        staged = self.network(normalise(images))
        return (staged[-1],) if self.only_last else tuple(staged)


def export_network(network: PoseNetwork, path: str | Path, *, size: tuple[int, int], stages: str = "last") -> None:
    """Export a network to an ONNX file; see :meth:`posemachines.ConvPoseMachine.export_onnx`."""
    if stages not in ("last", "all"):
        raise ValueError(f"stages must be 'last' or 'all'; got {stages!r}")
    stride = network.design.stride
    if len(size) != 2 or any(side <= 0 or side % stride for side in size):
        raise ValueError(f"size must be (H, W), positive multiples of {stride}; got {size}")
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError("ONNX export needs onnxscript: pip install 'posemachines[onnx]'") from error
    graph = _Graph(copy.deepcopy(network).cpu().float().eval(), stages == "last").eval()
    names = ["beliefs"] if stages == "last" else [f"beliefs_{number}" for number in range(1, len(network.heads) + 1)]
    example = torch.zeros(2, *size, 3, dtype=torch.uint8)
    with replacing(path) as temporary, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns about internals of torch
        torch.onnx.export(
            graph, (example,), str(temporary), dynamo=True, external_data=False, verbose=False,
            input_names=["images"], output_names=names, dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
        )  # fmt: skip
