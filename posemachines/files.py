"""Machines in files: arrays and JSON, nothing that is executed on loading."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from ._replacing import replacing
from .machine import SequentialMachine
from .skeleton import Skeleton
from .stage import Stage

__all__ = ["load", "save_machine"]

FORMAT = "posemachines machine"
VERSION = 1
SAFETENSORS = ".safetensors"  # ending of files of that format; any other is a zip of arrays
_STAGES = {"ForestStage": "posemachines.forest", "ConvStage": "posemachines.conv"}
_MACHINES = {
    "SequentialMachine": "posemachines.machine",
    "PoseMachine": "posemachines.forest",
    "ConvPoseMachine": "posemachines.conv",
}
_MADE_ON_LOADING = ("stages", "stage", "skeleton", "training")  # parameters that are objects


def save_machine(machine: SequentialMachine, path: str | Path, *, half: bool = False) -> None:
    """Write a fitted machine into one file.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted; its stages keep what they learned as arrays (:meth:`posemachines.Stage.get_state`). A subclass of your
        own is saved, and loaded, as the SequentialMachine that it is.
    path : path
        Written under a temporary name and renamed, so that a crash leaves an older file as it was. A name that ends in
        ``.safetensors`` is written in that format, any other as a zip of ``.npy`` arrays.
    half : bool, default=False
        Keep float32 arrays in half precision: half as large, and predictions differ a little.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If a parameter of a stage is not text, a number, a list or None, or its state holds objects.

    Notes
    -----
    The file holds arrays and a description in JSON (in a safetensors file, its metadata), and nothing that is executed
    on loading. An array that several stages share is stored once.
    """
    arrays: dict[str, np.ndarray] = {}
    stages = []
    for stage in machine._fitted_stages():
        keys = {}
        for name, array in stage.get_state().items():
            array = _halved(np.asarray(array), name) if half else np.asarray(array)
            content = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode() + array.tobytes()).hexdigest()[:24]
            arrays[content] = array
            keys[name] = content
        stages.append(
            {
                "class": type(stage).__name__,
                "parameters": _plain(stage.get_params(deep=False), type(stage).__name__),
                "uses_beliefs": stage.uses_beliefs_,
                "arrays": keys,
            }
        )
    known = type(machine).__name__ in _MACHINES and type(machine).__module__.startswith("posemachines.")
    kept = type(machine) if known else SequentialMachine
    own = {key: getattr(machine, key) for key in kept._get_param_names() if key not in _MADE_ON_LOADING}
    skeleton = machine.skeleton_
    description = {
        "format": FORMAT,
        "version": VERSION,
        "class": type(machine).__name__ if known else "SequentialMachine",
        "parameters": _plain(own, type(machine).__name__),
        "skeleton": {name: getattr(skeleton, name) for name in ("name", *_SKELETON_FIELDS)},
        "stages": stages,
    }
    description |= {"crop_size": machine.crop_size_} if hasattr(machine, "crop_size_") else {}
    _write(Path(path), description, arrays)


def _halved(array: np.ndarray, name: str) -> np.ndarray:
    """A float32 array in half precision; ValueError where a number is too large for that."""
    if array.dtype != np.float32:
        return array
    small = array.astype(np.float16)
    if not np.isfinite(small).all():
        raise ValueError(f"{name} holds numbers beyond half precision (65504); save it with half=False")
    return small


def _write(path: Path, description: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write the file, whole or not at all."""
    text = json.dumps(description)
    with replacing(path) as temporary:
        if path.suffix == SAFETENSORS:
            contiguous = {name: np.array(array, order="C") for name, array in arrays.items()}
            temporary.write_bytes(safetensors.numpy.save(contiguous, metadata={"machine": text}))
            return
        encoded = np.frombuffer(text.encode(), np.uint8)
        with open(temporary, "wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, machine=encoded, **arrays)


def _read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Description and arrays of a file, whatever its name, by its first bytes."""
    with open(path, "rb") as stream:
        is_zip = stream.read(2) == b"PK"
    if is_zip:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return json.loads(arrays.pop("machine").tobytes()), arrays
    with safetensors.safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["machine"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def load(path: str | Path, *, stage_classes: Iterable[type[Stage]] = ()) -> SequentialMachine:
    """A fitted machine from its file.

    Parameters
    ----------
    path : path
        Written by :meth:`SequentialMachine.save`.
    stage_classes : iterable of Stage subclasses, optional
        Your own stages that the file may name; those of the library are known.

    Returns
    -------
    SequentialMachine
        Predicts as the one that was saved; a PoseMachine or ConvPoseMachine where one was. Its ``training`` is the
        default one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, is damaged, comes from a newer version, or names an unknown stage.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no machine at {path}")
    try:
        description, arrays = _read(path)
    except Exception as error:  # zipfile, zlib, numpy, safetensors and json raise many kinds for damaged bytes
        raise ValueError(f"{path} is not a machine's file, or is damaged ({error})") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ValueError(f"{path} is not a machine's file: its format is not {FORMAT!r}")
    if description.get("version") != VERSION:
        raise ValueError(f"{path} has version {description.get('version')}; this library reads {VERSION}: update it")
    named = [name for name in _STAGES if _names(description, name)]
    known = {name: getattr(importlib.import_module(_STAGES[name]), name) for name in named}
    known.update({cls.__name__: cls for cls in stage_classes})
    try:
        return _rebuild(description, arrays, known)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is damaged or was not written by this library: {error!r}") from error


_SKELETON_FIELDS = ("parts", "limbs", "pairs", "reference", "levels")


def _names(description, stage_class: str) -> bool:
    stages = description.get("stages", []) if isinstance(description, dict) else []
    return any(isinstance(stage, dict) and stage.get("class") == stage_class for stage in stages)


def _rebuild(description: dict, arrays: dict[str, np.ndarray], known: dict[str, type[Stage]]) -> SequentialMachine:
    skeleton = Skeleton(**description["skeleton"])
    stages = []
    for saved in description["stages"]:
        if saved["class"] not in known:
            raise ValueError(f"the file names the stage {saved['class']!r}, which is unknown; pass stage_classes=[...]")
        stage = known[saved["class"]](**saved["parameters"])
        stage.n_parts_, stage.skeleton_ = skeleton.n_parts, skeleton
        stage.uses_beliefs_ = bool(saved["uses_beliefs"])
        stage.set_state({name: arrays[content] for name, content in saved["arrays"].items()})
        stages.append(stage)
    if not stages:
        raise ValueError("the file holds a machine without stages")
    name = description["class"]
    cls = getattr(importlib.import_module(_MACHINES[name]), name)
    made = {"stages": [type(stage)(**stage.get_params()) for stage in stages]}
    if name != "SequentialMachine":
        made = {"stage": made["stages"][0]}
    machine = cls(**made, skeleton=skeleton, **description["parameters"])
    machine.stages_, machine.skeleton_ = stages, skeleton
    if "crop_size" in description:
        machine.crop_size_ = int(description["crop_size"])
    return machine


def _plain(parameters: dict, owner: str) -> dict:
    """Parameters as JSON knows them; TypeError where one is an object."""
    try:
        return json.loads(json.dumps(parameters, default=_number))
    except TypeError as error:
        raise TypeError(
            f"{owner} cannot be saved: {error}; its parameters must be text, numbers, lists or None"
        ) from None


def _number(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a parameter is a {type(value).__name__}")
