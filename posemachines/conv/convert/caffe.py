"""Conversion of nets A, B and C from and to Caffe's layers.

The files are read and written by :mod:`posemachines.conv.convert.caffe_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ..networks.network import PoseNetwork, build_network
from .caffe_files import CaffeLayer, Layers, read_caffemodel, read_prototxt, write_caffemodel

__all__ = [
    "CaffeLayer",
    "network_from_caffe",
    "read_caffemodel",
    "read_prototxt",
    "to_caffe_layers",
    "write_caffemodel",
]

_STAGE = re.compile(r"_stage(\d{1,6})$")
_FEATURES = {"cpm-vgg": 128}  # channels of the features that later stages read; 32 for the other nets
_SHOWN = 6  # largest number of problems or names in an error message


def network_from_caffe(caffemodel, prototxt=None, *, caffe_compatible: bool = True) -> PoseNetwork:
    """Load a published net from a `.caffemodel`.

    Net A ("cpm"), B ("cpm-flic": the same with four stages and nine parts) or C ("cpm-vgg") is recognised by the names
    of its layers. The numbers of parts and stages and the centre map follow from names and shapes.

    Parameters
    ----------
    caffemodel : str or path
        File of weights.
    prototxt : str or path, optional
        Description of the net; if given, it is checked against the network.
    caffe_compatible : bool, default=True
        Pooling and centre map as in Caffe, where the weights were trained.

    Returns
    -------
    PoseNetwork
        On the CPU, in evaluation mode. It expects RGB: the weights of the first convolutions, trained on BGR, are
        reordered.

    Raises
    ------
    ImportError
        If protobuf is not installed: ``pip install "posemachines[caffe]"``.
    FileNotFoundError
        If a file does not exist.
    ValueError
        If a file is invalid, layers are missing, unexpected or of the wrong shape, or the description does not match
        the network.
    """
    layers = read_caffemodel(caffemodel)
    name, settings = _recognise(layers, caffemodel)
    with torch.device("meta"):  # allocate nothing before the shapes have been checked
        network = build_network(name, caffe_compatible=caffe_compatible, **settings)
    convolutions = _convolutions(network)
    net = f"net {name!r} of {settings['n_stages']} stages and {settings['n_maps'] - 1} parts"
    _raise_if(f"{caffemodel} does not fit {net}", _misfits(layers, convolutions))
    if prototxt is not None:
        _raise_if(f"{prototxt} does not describe {net}", _disagreements(read_prototxt(prototxt), network))
    for layer, convolution in convolutions.items():
        weight, bias = layers[layer]
        bias = np.zeros(len(weight), np.float32) if bias is None else bias
        convolution.weight = nn.Parameter(torch.from_numpy(_other_colours(weight)))
        convolution.bias = nn.Parameter(torch.from_numpy(bias))
    return network.eval()


def to_caffe_layers(network: PoseNetwork) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Weights of a published net by Caffe's layer names, for :func:`write_caffemodel`.

    Parameters
    ----------
    network : PoseNetwork
        The complete net A, B or C.

    Returns
    -------
    dict of str to (weight, bias)
        float32 arrays. The first convolutions expect BGR, as published.

    Raises
    ------
    ValueError
        If the network is not a complete published net.
    """
    found = {}
    for name, convolution in _convolutions(network).items():
        values = {kind: tensor.float().cpu().numpy().copy() for kind, tensor in convolution.state_dict().items()}
        found[name] = _other_colours(values["weight"]), values["bias"]
    return found


def _convolutions(network: PoseNetwork) -> dict[str, nn.Conv2d]:
    """Convolutions of a published net by Caffe's layer names, stage by stage."""
    design, uses = network.design, [head.uses_beliefs for head in network.heads]
    if design.name == "cpm-lite" or uses != [index > 0 for index in range(len(uses))]:
        raise ValueError(
            f"only complete published nets can be converted to Caffe; got {len(uses)} stages of {design.name!r}"
        )
    found = {}
    for index, (head, trunk) in enumerate(zip(network.heads, network.trunk_of, strict=True)):
        shared = trunk in network.trunk_of[:index]
        modules = [*([] if shared else network.trunks[trunk].named_modules()), *head.named_modules()]
        for path, module in modules:
            if isinstance(module, nn.Conv2d):
                own = path.rpartition(".")[2]
                own = (
                    "conv1" if index > 1 and own == "conv4" else own
                )  # stages that share a trunk are numbered from conv1
                found[own if design.name == "cpm-vgg" and not index else f"{own}_stage{index + 1}"] = module
    return found


def _recognise(layers: Layers, path) -> tuple[str, dict[str, Any]]:
    """Name of the network, and the other arguments of :func:`build_network`."""
    name, last = ("cpm-vgg", "conv5_2_CPM") if "conv5_2_CPM" in layers else ("cpm", "conv7_stage1")
    if last not in layers:
        raise ValueError(
            f"{path} is not net A, B or C: it has neither a layer conv7_stage1 (A and B) nor conv5_2_CPM (C); "
            f"got {_listed(layers)}"
        )
    weight = layers[last][0]
    if weight.ndim != 4 or len(weight) < 2:
        raise ValueError(f"{path}: layer {last} has weights {weight.shape}, expected (P + 1, 512, 1, 1)")
    n_maps = len(weight)
    stages = {1} | {int(match[1]) for match in map(_STAGE.search, layers) if match}
    if max(stages) != len(stages):
        raise ValueError(f"{path} has stages {_listed(map(str, sorted(stages)))}; expected 1, 2, ... without gaps")
    settings: dict[str, Any] = {"n_maps": n_maps, "n_stages": len(stages)}
    if "Mconv1_stage2" in layers:
        without = n_maps + _FEATURES.get(name, 32)
        settings["sees_centre"] = layers["Mconv1_stage2"][0].shape[1:2] != (without,)
    return "cpm-flic" if name == "cpm" and (len(stages), n_maps) == (4, 10) else name, settings


def _misfits(layers: Layers, convolutions: dict[str, nn.Conv2d]) -> list[str]:
    """Problems with the names and shapes of the layers."""
    problems = []
    for name, convolution in convolutions.items():
        if name not in layers:
            problems.append(f"layer {name} is missing")
            continue
        expected = tuple(convolution.weight.shape)
        weight, bias = layers[name]
        if weight.shape != expected:
            problems.append(f"layer {name} has weights {weight.shape}, expected {expected}")
        elif bias is not None and len(bias) != len(weight):
            problems.append(f"layer {name} has {len(bias)} biases, expected {len(weight)}")
    return problems + [f"layer {name} is unexpected" for name in layers if name not in convolutions]


def _disagreements(described: list[CaffeLayer], network: PoseNetwork) -> list[str]:
    """Differences between a description and the network."""
    convolutions = _convolutions(network)
    given = {layer.name: layer for layer in described if layer.type == "Convolution"}
    problems = [f"layer {name} is missing" for name in convolutions if name not in given]
    for name, layer in given.items():
        if name not in convolutions:
            problems.append(f"layer {name} is unexpected")
            continue
        own = convolutions[name]
        problems += _other_geometry(layer, _shaped(layer._replace(num_output=own.out_channels), own))
    return problems + _other_pools(described, network) + _other_order(described, network)


def _other_pools(described: list[CaffeLayer], network: PoseNetwork) -> list[str]:
    pools = [module for module in network.trunks.modules() if isinstance(module, nn.MaxPool2d)]
    layers = [layer for layer in described if layer.type == "Pooling"]
    problems = []
    for layer in layers:
        expected = nn.AvgPool2d(9, 8) if layer.pool == "AVE" else pools[0]
        aligned = not network.design.caffe_compatible and network.design.name != "cpm-vgg"  # by 2x2 pooling instead
        if expected is not pools[0] or not aligned:
            kind = "AVE" if layer.pool == "AVE" else "MAX"
            problems += _other_geometry(layer, _shaped(layer._replace(pool=kind), expected))
    n_given = sum(layer.pool != "AVE" for layer in layers)
    return problems if n_given == len(pools) else [*problems, f"{n_given} max pooling layers, expected {len(pools)}"]


def _other_order(described: list[CaffeLayer], network: PoseNetwork) -> list[str]:
    """Problems with the order in which features, beliefs and centre map are concatenated."""
    vgg, problems = network.design.name == "cpm-vgg", []
    made_by: dict[str, str] = {}
    for layer in described:  # the convolution that computes each map, through ReLU and dropout
        source = layer.name if layer.type == "Convolution" else made_by.get((*layer.bottoms, "")[0])
        if source and layer.type in ("Convolution", "ReLU", "Relu", "Dropout"):
            made_by.update(dict.fromkeys(layer.tops, source))
    concatenated = [layer for layer in described if layer.type == "Concat"]
    for stage, layer in enumerate(concatenated, 2):
        first = "conv5_2_CPM" if vgg else "conv7_stage1"
        beliefs = first if stage == 2 else f"Mconv{7 if vgg else 5}_stage{stage - 1}"
        features = "conv4_7_CPM" if vgg else f"conv{4 if stage == 2 else 1}_stage{stage}"
        expected = [beliefs, features] if vgg else [features, beliefs]
        given = [made_by.get(name, name) for name in layer.bottoms]
        if given[:2] != expected or len(given) != 2 + network.design.sees_centre:
            centre = ["the centre map"] * network.design.sees_centre
            problems.append(f"layer {layer.name} joins {_listed(given)}, expected {_listed(expected + centre)}")
    n_expected = len(network.heads) - 1
    if len(concatenated) != n_expected:
        problems.append(f"{len(concatenated)} Concat layers, expected {n_expected}")
    return problems


def _other_colours(weight: np.ndarray) -> np.ndarray:
    """Reverse the input channels of a convolution of images; other weights are returned unchanged."""
    return np.ascontiguousarray(weight[:, ::-1] if weight.shape[1] == 3 else weight)


def _shaped(layer: CaffeLayer, module: Any) -> CaffeLayer:
    """The layer, with the kernel, padding and stride of a torch module."""
    given = module.kernel_size, module.padding, module.stride
    kernel, pad, stride = ((sides, sides) if isinstance(sides, int) else sides for sides in given)
    return layer._replace(kernel=kernel, pad=pad, stride=stride)


def _other_geometry(layer: CaffeLayer, expected: CaffeLayer) -> list[str]:
    """Problems with the geometry of a layer."""

    def described(one: CaffeLayer) -> str:
        kernel, pad, stride = ("x".join(map(str, sides)) for sides in (one.kernel, one.pad, one.stride))
        return f"{one.pool or f'{one.num_output} maps'} with kernel {kernel}, pad {pad}, stride {stride}"

    return [] if layer == expected else [f"layer {layer.name} has {described(layer)}, expected {described(expected)}"]


def _raise_if(what: str, problems: Sequence[str]) -> None:
    """Raise a ValueError that lists the problems, if there are any."""
    if problems:
        raise ValueError(f"{what}: {_listed(problems, '; ')}")


def _listed(names: Iterable[str], between: str = ", ") -> str:
    names = list(names)
    more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return between.join(names[:_SHOWN] + more) or "nothing"
