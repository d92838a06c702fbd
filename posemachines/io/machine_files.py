"""Machines in files: arrays and JSON; nothing is executed on loading."""

from __future__ import annotations

import hashlib
import importlib
import json
import zipfile
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..skeleton import Skeleton
from ..stage import Stage
from .composite_files import machines_in
from .machine_arrays import FORMAT, VERSION, read_arrays, write_arrays
from .old_machines import modernise

__all__ = ["load_machine", "save_machine"]

_STAGES = {"ForestStage": "posemachines.forest", "ConvStage": "posemachines.conv"}
_MACHINES = {
    "SequentialMachine": "posemachines.machine",
    "PoseMachine": "posemachines.forest",
    "ConvPoseMachine": "posemachines.conv",
}
_STAGES_OF_BASELINES = ("EncoderDecoderStage",)
_STRATEGIES = {
    "JointTraining": "posemachines.conv",
    "StagewiseTraining": "posemachines.conv",
    "StackedTraining": "posemachines.training",
    "Augmentation": "posemachines.conv",
}
_COMPOSITES = {"LocatedMachine": "posemachines.located_machine"}
_RECORDS = {"CropRecord": "posemachines.inference.crop_record"}
_OBJECTS = ("stages", "stage", "skeleton", "training", "augmentation")  # parameters that are rebuilt from their parts
_OF_THE_RUN = ("checkpoint", "checkpoint_minutes", "compile", "device", "log_dir", "n_jobs", "precision", "verbose")
_SKELETON_FIELDS = ("parts", "limbs", "pairs", "reference", "levels")


def save_machine(machine, path: str | Path, *, half: bool = False) -> None:
    """Write a fitted machine into one file.

    Parameters
    ----------
    machine : SequentialMachine
        Fitted; its stages store what they learned as arrays (:meth:`posemachines.Stage.get_state`). A subclass of your
        own is saved, and loaded, as a SequentialMachine.
    path : path
        Written under a temporary name and renamed, so that a crash leaves an older file intact. A name ending in
        ``.safetensors`` selects that format, any other a zip of ``.npy`` arrays.
    half : bool, default=False
        Store float32 arrays in half precision: half the size, and predictions differ a little.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If a parameter of a stage is not text, a number, a list, None or one of the stage's dataclasses, or its state
        holds objects.

    Notes
    -----
    The file holds arrays and a JSON description (in a safetensors file, its metadata). Settings of a run (device,
    threads, checkpoint, ...) are not stored. An array that several stages share is stored once.
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
    name = type(machine).__name__
    known = name in _MACHINES and type(machine).__module__.startswith("posemachines.")
    name = name if known else "SequentialMachine"
    parameters = _class(_MACHINES, name)._get_param_names()
    own = {key: getattr(machine, key) for key in parameters if key not in (*_OBJECTS, *_OF_THE_RUN)}
    skeleton = machine.skeleton_
    description = {
        "format": FORMAT,
        "version": VERSION,
        "class": name,
        "parameters": _plain(own, type(machine).__name__),
        "skeleton": {key: getattr(skeleton, key) for key in ("name", *_SKELETON_FIELDS)},
        "stages": stages,
        "training": _strategy(machine.training),
        "augmentation": _strategy(getattr(machine, "augmentation", None)),
    }
    description |= _crops_of(machine)
    write_arrays(Path(path), description, arrays)


def _crops_of(machine) -> dict:
    """Size of the training crops, and how they were cut, as far as the machine knows."""
    shape, size = getattr(machine, "crop_shape_", None), getattr(machine, "crop_size_", None)
    known: dict[str, Any] = {}
    if shape:
        known = {"crop_size": int(shape[0]), "crop_shape": [int(side) for side in shape]}
    elif size:
        known = {"crop_size": int(size)}
    record = getattr(machine, "crop_record_", None)
    return known if record is None else known | {"crops": record.to_dict()}


def load_machine(
    path: str | Path,
    *,
    stage_classes: Iterable[type[Stage]] = (),
    device: str = "auto",
    precision: str = "auto",
    n_jobs: int | None = None,
):
    """A fitted machine from its file.

    Parameters
    ----------
    path : path
        Written by :meth:`SequentialMachine.save`, by this version of the library or an older one.
    stage_classes : iterable of Stage subclasses, optional
        Your own stages that the file may name; those of the library are known.
    device, precision, n_jobs
        Where the machine computes; see :class:`posemachines.Runtime`. Files do not store them.

    Returns
    -------
    SequentialMachine
        Predicts like the one that was saved; a PoseMachine or ConvPoseMachine if it was one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a machine file, is damaged, was written by a newer version, or names an unknown stage.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no machine at {path}")
    if _is_baseline(path):
        return _of_baselines("load_baseline")(path)
    try:
        description, arrays = read_arrays(path)
    except Exception as error:  # zipfile, zlib, numpy, safetensors and json raise many kinds for damaged bytes
        raise ValueError(f"{path} is not a machine's file, or is damaged ({error})") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ValueError(f"{path} is not a machine's file: its format is not {FORMAT!r}")
    if description.get("version") not in (1, 2, VERSION):
        raise ValueError(f"{path} has version {description.get('version')}; this library reads {VERSION}: update it")
    known = {cls.__name__: cls for cls in stage_classes}
    if description.get("class") in _COMPOSITES:
        return _composite(
            path,
            description,
            arrays,
            {"stage_classes": [*known.values()], "device": device, "precision": precision, "n_jobs": n_jobs},
        )
    try:
        description = modernise(description, known) if description["version"] == 1 else description
        machine = _rebuild(description, arrays, known)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} is damaged or was not written by this library: {error!r}") from error
    run = {"device": device, "precision": precision, "n_jobs": n_jobs}
    return machine.set_params(**{name: value for name, value in run.items() if name in machine._get_param_names()})


def _is_baseline(path: Path) -> bool:
    """Whether the file holds a machine of the package ``baselines``."""
    try:
        with zipfile.ZipFile(path) as file:
            names = {*file.namelist()}
    except (zipfile.BadZipFile, OSError):
        return False
    return "description.npy" in names


def _of_baselines(name: str):
    """A function or class of the package ``baselines``."""
    try:
        return getattr(importlib.import_module("baselines"), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            "the file holds a baseline, whose class is in the package baselines, a part of the repository; run from a "
            "checkout"
        ) from error


def _composite(path: Path, description: dict, arrays: dict[str, np.ndarray], options: dict):
    """A machine that consists of others, each of which is stored as a whole file."""
    machines = machines_in(path, arrays, lambda file: load_machine(file, **options))
    try:
        cls = _class(_COMPOSITES, description["class"])
        return cls.of_parts(description["parameters"], machines, description["record"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged or was not written by this library: {error!r}") from error


def _rebuild(description: dict, arrays: dict[str, np.ndarray], known: dict[str, type[Stage]]):
    skeleton = Skeleton(**description["skeleton"])
    stages = []
    for saved in description["stages"]:
        if saved["class"] in _STAGES_OF_BASELINES and saved["class"] not in known:
            known = known | {saved["class"]: _of_baselines(saved["class"])}
        if saved["class"] not in known and saved["class"] not in _STAGES:
            raise ValueError(f"the file names the stage {saved['class']!r}, which is unknown; pass stage_classes=[...]")
        cls = known.get(saved["class"]) or _class(_STAGES, saved["class"])
        stage = cls(**_typed(saved["parameters"], getattr(cls, "PARAMETER_TYPES", {})))
        stage.n_parts_, stage.skeleton_ = skeleton.n_parts, skeleton
        stage.uses_beliefs_ = bool(saved["uses_beliefs"])
        stage.set_state({name: arrays[content] for name, content in saved["arrays"].items()})
        stages.append(stage)
    if not stages:
        raise ValueError("the file holds a machine without stages")
    cls = _class(_MACHINES, description["class"])
    made: dict[str, Any] = {"stages": [type(stage)(**stage.get_params(deep=False)) for stage in stages]}
    parameters = dict(description["parameters"])
    if "stage" in cls._get_param_names():
        made = {"stage": made["stages"][0]}
        defaults = cls().get_params(deep=False)  # what the stage holds is not also a keyword of the machine
        parameters |= {name: defaults[name] for name in parameters if name in made["stage"].get_params(deep=False)}
    for name in ("training", "augmentation"):
        if description.get(name) is not None:
            made[name] = _restored(description[name])
    machine = cls(**made, skeleton=skeleton, **parameters)
    machine.stages_, machine.skeleton_ = stages, skeleton
    machine.crop_record_ = _class(_RECORDS, "CropRecord").from_dict(description.get("crops"))
    if "crop_shape" in description:
        machine._set_crop_shape(description["crop_shape"])
    elif "crop_size" in description:  # version 1: the height only
        machine.crop_size_ = int(description["crop_size"])
    return machine


def _class(homes: dict[str, str], name: str):
    return getattr(importlib.import_module(homes[name]), name)


# -- strategies as JSON -----------------------------------------------------------------------------------------------


def _strategy(value) -> Any:
    """A strategy by name as it is, a dataclass of the library as its class and fields; None for any other."""
    if value is None or isinstance(value, str):
        return value
    if not is_dataclass(value) or type(value).__name__ not in _STRATEGIES:
        return None
    own = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in _OF_THE_RUN}
    nested = {name: _strategy(each) if is_dataclass(each) else each for name, each in own.items()}
    return {"class": type(value).__name__, "fields": _plain(nested, type(value).__name__)}


def _restored(value):
    if not isinstance(value, dict) or "class" not in value:
        return tuple(value) if isinstance(value, list) else value
    cls = _class(_STRATEGIES, value["class"])
    return cls(**{name: _restored(each) for name, each in value["fields"].items()})


def _typed(parameters: dict, types: dict[str, type]) -> dict:
    """Parameters with those of the stage's dataclasses rebuilt."""
    return {
        name: types[name](**value) if name in types and isinstance(value, dict) else value
        for name, value in parameters.items()
    }


def _plain(parameters: dict, owner: str) -> dict:
    """Parameters as JSON represents them; TypeError if one is an object."""
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
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    raise TypeError(f"a parameter is a {type(value).__name__}")


# -- bytes ------------------------------------------------------------------------------------------------------------


def _halved(array: np.ndarray, name: str) -> np.ndarray:
    """A float32 array in half precision; ValueError if a number is too large for that."""
    if array.dtype != np.float32:
        return array
    small = array.astype(np.float16)
    if not np.isfinite(small).all():
        raise ValueError(f"{name} holds numbers beyond half precision (65504); save it with half=False")
    return small
