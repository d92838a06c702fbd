"""Read and write Caffe's weights (`.caffemodel`) and network descriptions (`.prototxt`) without Caffe.

Both are protocol buffers, in the wire format and as text respectively. Only the few fields of Caffe's schema that are
needed are declared, on first use; all other fields are skipped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..._utils.replacing import replacing

__all__ = ["CaffeLayer", "Layers", "read_caffemodel", "read_prototxt", "write_caffemodel"]

Layers = Mapping[str, tuple[np.ndarray, "np.ndarray | None"]]
"""Weight (out, in, rows, columns) and bias (out,) or None of each layer, by name."""

_MESSAGES = {  # field=number:type, with * if repeated; packed floats and text are declared as bytes, like on the wire
    "BlobShape": "dim=1:int64*",
    "BlobProto": "num=1:int64 channels=2:int64 height=3:int64 width=4:int64 data=5:bytes* shape=7:BlobShape "
    "double_data=8:bytes*",
    "ConvolutionParameter": "num_output=1:uint32 pad=3:uint32* kernel_size=4:uint32* stride=6:uint32* pad_h=9:uint32 "
    "pad_w=10:uint32 kernel_h=11:uint32 kernel_w=12:uint32 stride_h=13:uint32 stride_w=14:uint32",
    "PoolingParameter": "pool=1:PoolMethod kernel_size=2:uint32* stride=3:uint32* pad=4:uint32* kernel_h=5:uint32 "
    "kernel_w=6:uint32 stride_h=7:uint32 stride_w=8:uint32 pad_h=9:uint32 pad_w=10:uint32",
    "LayerParameter": "name=1:bytes type=2:bytes bottom=3:bytes* top=4:bytes* blobs=7:BlobProto* "
    "convolution_param=106:ConvolutionParameter pooling_param=121:PoolingParameter",
    "V1LayerParameter": "bottom=2:bytes* top=3:bytes* name=4:bytes type=5:V1LayerType blobs=6:BlobProto* "
    "convolution_param=10:ConvolutionParameter pooling_param=19:PoolingParameter",
    "NetParameter": "name=1:bytes layers=2:V1LayerParameter* layer=100:LayerParameter*",
}
_ENUMS = {  # numbered from 0
    "PoolMethod": "MAX AVE STOCHASTIC",
    "V1LayerType": "NONE ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN HDF5_DATA HDF5_OUTPUT "
    "IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MULTINOMIAL_LOGISTIC_LOSS POOLING RELU SIGMOID SOFTMAX "
    "SOFTMAX_LOSS SPLIT TANH WINDOW_DATA ELTWISE POWER SIGMOID_CROSS_ENTROPY_LOSS HINGE_LOSS MEMORY_DATA ARGMAX "
    "THRESHOLD DUMMY_DATA SLICE MVN ABSVAL SILENCE CONTRASTIVE_LOSS EXP DECONVOLUTION",
}
_TYPES = {"int64": 3, "message": 11, "bytes": 12, "uint32": 13, "enum": 14}  # protobuf's own numbers
_LEGACY_CONVOLUTION = 4


class CaffeLayer(NamedTuple):
    """Description of a layer in a `.prototxt`; fields that do not apply to its type are empty or zero.

    Attributes
    ----------
    name, type : str
        The type is, for example, "Convolution", "Pooling" or "Concat".
    bottoms, tops : tuple of str
        Names of the input and output maps.
    num_output : int
        Number of output maps of a convolution.
    kernel, pad, stride : (int, int)
        In rows and columns.
    pool : {"MAX", "AVE", "STOCHASTIC", ""}
    """

    name: str
    type: str
    bottoms: tuple[str, ...] = ()
    tops: tuple[str, ...] = ()
    num_output: int = 0
    kernel: tuple[int, int] = (0, 0)
    pad: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (0, 0)
    pool: str = ""


def read_caffemodel(path) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Read the weights in a `.caffemodel`, by layer name; layers without weights are omitted.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    dict of str to (weight, bias)
        float32 arrays: weight, for a convolution (out, in, rows, columns); bias (out,) or None.

    Raises
    ------
    ImportError
        If protobuf is not installed: ``pip install "posemachines[caffe]"``.
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a `.caffemodel` or is truncated, or if weights are missing, not finite, or do not match their
        shape.
    """
    protobuf, stored = _protobuf(), Path(path).read_bytes()
    origin = f"it has {len(stored)} bytes and starts with {stored[:16]!r}"
    try:
        net = protobuf.Net.FromString(stored)
        found = [(_text(layer.name), layer.blobs) for layer in (*net.layer, *net.layers) if len(layer.blobs)]
    except protobuf.DecodeError as error:
        raise ValueError(f"{path} is not a .caffemodel, or is truncated: {origin} ({error})") from error
    if not found:
        raise ValueError(f"{path} is not a .caffemodel with weights: {origin}, and none of its layers has weights")
    layers: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    for name, blobs in found:
        if name in layers:
            raise ValueError(f"{path} has two layers named {name!r}")
        if len(blobs) > 2:
            raise ValueError(f"{path}: layer {name!r} has {len(blobs)} arrays; expected weights and optionally biases")
        weight, *bias = (_array(blob, f"{path}: layer {name!r}") for blob in blobs)
        layers[name] = weight, bias[0].reshape(-1) if bias else None
    return layers


def _array(blob: Any, where: str) -> np.ndarray:
    """Convert a blob to a float32 array."""
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else (blob.num, blob.channels, blob.height, blob.width)
    kind = "<f4" if len(blob.data) else "<f8"
    stored = b"".join(blob.data if len(blob.data) else blob.double_data)
    n_values, rest = divmod(len(stored), np.dtype(kind).itemsize)
    if not stored:
        raise ValueError(
            f"{where} has an array of shape {shape} without values; is the file a description instead of weights?"
        )
    if rest or min(shape, default=1) < 1 or math.prod(shape) != n_values:
        raise ValueError(f"{where} has {n_values} values for an array of shape {shape}; expected {math.prod(shape)}")
    with np.errstate(over="ignore"):
        values = np.frombuffer(stored, kind).astype(np.float32).reshape(shape)
    if not np.isfinite(values).all():
        raise ValueError(f"{where} has weights that are infinite or NaN")
    return values


def write_caffemodel(path, layers: Layers, *, legacy: bool = False, double: bool = False) -> None:
    """Write weights to a `.caffemodel`, from which Caffe loads them by layer name.

    Parameters
    ----------
    path : str or path
        On failure, an existing file is left unchanged.
    layers : dict of str to (weight, bias)
        As returned by :func:`read_caffemodel` or :func:`posemachines.conv.convert.caffe.to_caffe_layers`.
    legacy : bool, default=False
        Use the format from before 2015, with version-1 layers and four-dimensional arrays.
    double : bool, default=False
        Store values as float64.

    Raises
    ------
    ImportError
        If protobuf is not installed: ``pip install "posemachines[caffe]"``.
    """
    net = _protobuf().Net(name=b"posemachines")
    for name, arrays in layers.items():
        layer = net.layers.add(type=_LEGACY_CONVOLUTION) if legacy else net.layer.add(type=b"Convolution")
        layer.name = name.encode()
        for array in arrays:
            if array is None:
                continue
            blob, shape = layer.blobs.add(), np.shape(array)
            if legacy:
                blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - len(shape)) + shape
            else:
                blob.shape.dim.extend(shape)
            (blob.double_data if double else blob.data).append(np.asarray(array, "<f8" if double else "<f4").tobytes())
    with replacing(path) as temporary:
        temporary.write_bytes(net.SerializeToString())


def read_prototxt(path) -> list[CaffeLayer]:
    """Read the layers described in a `.prototxt`, in order.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    list of CaffeLayer

    Raises
    ------
    ImportError
        If protobuf is not installed: ``pip install "posemachines[caffe]"``.
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file does not describe a network.
    """
    protobuf = _protobuf()
    net = protobuf.Net()
    try:
        protobuf.parse(Path(path).read_text(encoding="utf-8"), net, allow_unknown_field=True)
    except (protobuf.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not a .prototxt: {error}") from error
    layers = [*net.layer, *net.layers]
    if not layers:
        raise ValueError(f"{path} describes no layers; is it the .prototxt of a solver instead of a network?")
    return [_described(layer) for layer in layers]


def _described(layer: Any) -> CaffeLayer:
    old = isinstance(layer.type, int)
    kind = _label(layer, "type").title().replace("_", "") if old else _text(layer.type)
    named = CaffeLayer(_text(layer.name), kind, tuple(map(_text, layer.bottom)), tuple(map(_text, layer.top)))
    if kind not in ("Convolution", "Pooling"):
        return named
    given = layer.convolution_param if kind == "Convolution" else layer.pooling_param
    named = named._replace(
        kernel=_sides(given, "kernel_size", "kernel", 0),
        pad=_sides(given, "pad", "pad", 0),
        stride=_sides(given, "stride", "stride", 1),
    )
    return (
        named._replace(num_output=given.num_output)
        if kind == "Convolution"
        else named._replace(pool=_label(given, "pool"))
    )


def _sides(given: Any, both: str, one: str, default: int) -> tuple[int, int]:
    """Rows and columns of a kernel, padding or stride, which may be given jointly or separately."""
    if given.HasField(f"{one}_h") or given.HasField(f"{one}_w"):
        return getattr(given, f"{one}_h"), getattr(given, f"{one}_w")
    sizes = list(getattr(given, both)) or [default]
    return sizes[0], sizes[-1]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _label(message: Any, field: str) -> str:
    """Name of an enumeration value."""
    return message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(message, field)].name


@cache
def _protobuf() -> SimpleNamespace:
    """The message class ``Net``, and the functions and errors of protobuf for reading it."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, text_format
    except ImportError as error:
        raise ImportError('Caffe files need protobuf; pip install "posemachines[caffe]"') from error
    schema = descriptor_pb2.FileDescriptorProto(name="posemachines_caffe.proto", package="caffe", syntax="proto2")
    for name, values in _ENUMS.items():
        enum = schema.enum_type.add(name=name)
        for number, value in enumerate(values.split()):
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        kind = schema.message_type.add(name=name)
        for own, number, of, many in re.findall(r"(\w+)=(\d+):(\w+)(\*?)", fields):
            field = kind.field.add(name=own, number=int(number), label=3 if many else 1)
            declared = "message" if of in _MESSAGES else "enum" if of in _ENUMS else of
            field.type = _TYPES[declared]
            field.options.packed = of == "int64" and bool(many)
            if declared != of:
                field.type_name = f".caffe.{of}"
    pool = (
        descriptor_pool.DescriptorPool()
    )  # separate from the default pool, where Caffe itself may have declared its schema
    pool.AddSerializedFile(schema.SerializeToString())
    net = message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))
    return SimpleNamespace(
        Net=net, DecodeError=message.DecodeError, ParseError=text_format.ParseError, parse=text_format.Parse
    )
