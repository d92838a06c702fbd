"""Settings under the names of version 1, and machine files of that version in the terms of version 2."""

from __future__ import annotations

__all__ = ["AUGMENTATION", "CONTEXT", "NETWORKS", "OF_THE_RUN", "SAMPLING", "TRAINING", "modernise"]

NETWORKS = {"lite": "cpm-lite", "cvpr": "cpm", "flic": "cpm-flic", "vgg": "cpm-vgg"}
_MACHINE = {"scales": "tta_scales", "batch_size": "predict_batch_size"}
_FOREST = {"refine": "residual", "poses": "n_mixtures"}
SAMPLING = {
    "cells_per_person": "cells_per_subject", "max_cells": "max_cells", "hard_negatives": "hard_negatives",
    "positive_radius": "positive_radius", "background_radius": "background_radius", "class_balance": "class_balance",
}  # fmt: skip
CONTEXT = {
    "context_patches": "patches", "context_offsets": "offsets", "n_peaks": "n_peaks", "position": "position",
}  # fmt: skip
TRAINING = {
    "epochs": "epochs", "batch_size": "batch_size", "optimiser": "optimiser", "learning_rate": "learning_rate",
    "momentum": "momentum", "weight_decay": "weight_decay", "schedule": "schedule", "warm_up": "warm_up",
    "decay": "decay", "decay_every": "decay_every", "published_rates": "published_rates", "clip": "max_grad_norm",
    "sigma": "sigma", "emphasis": "foreground_weight", "mask_unlabelled": "mask_unlabelled",
    "accumulate": "accumulation_steps", "n_workers": "n_workers", "log": "log_dir",
    "checkpoint_minutes": "checkpoint_minutes",
}  # fmt: skip
AUGMENTATION = {
    "rotation": "rotation", "scale": "scale_jitter", "scale_law": "scale_law", "shift": "shift", "flip": "flip",
    "colour": "colour",
}  # fmt: skip
OF_THE_RUN = ("checkpoint", "checkpoint_minutes", "compile", "device", "log", "n_jobs", "precision", "verbose")


def modernise(description: dict, own_stages=()) -> dict:
    """The description of a version-1 file as version 2 would have written it.

    Parameters
    ----------
    description : dict
    own_stages : collection of str
        Names of stages that do not belong to the library; their parameters are left unchanged.
    """
    parameters = {name: value for name, value in description["parameters"].items() if name not in OF_THE_RUN}
    new = description | {"version": 2, "parameters": _renamed(parameters, _MACHINE), "stages": []}
    trainings = []
    for stage in description["stages"]:
        given = stage["parameters"]
        if stage["class"] == "ForestStage" and stage["class"] not in own_stages:
            given = _forest(given)
        elif "accumulate" in given:  # a convolutional stage, possibly a subclass
            given, training = _conv(given)
            trainings.append(training)
        new["stages"].append(stage | {"parameters": given})
    if trainings:
        only_conv = len(trainings) == len(new["stages"]) and description["class"] == "ConvPoseMachine"
        stacked = {"class": "StackedTraining", "fields": {"net": trainings[0]}}
        new["training"] = trainings[0] if only_conv else stacked
    return new


def _renamed(values: dict, names: dict[str, str]) -> dict:
    return {names.get(name, name): value for name, value in values.items()}


def _group(given: dict, names: dict[str, str]) -> dict:
    """Remove a group of parameters from `given` and return it under its new names."""
    return {new: given.pop(old) for old, new in names.items() if old in given}


def _forest(given: dict) -> dict:
    given = {name: value for name, value in given.items() if name not in OF_THE_RUN}
    groups = {"sampling": _group(given, SAMPLING), "context": _group(given, CONTEXT)}
    return _renamed(given, _FOREST) | groups


def _conv(given: dict) -> tuple[dict, dict]:
    """Parameters of the stage, and how it was trained."""
    given = {name: value for name, value in given.items() if name not in OF_THE_RUN}
    training = _group(given, TRAINING)
    training["augmentation"] = {"class": "Augmentation", "fields": _group(given, AUGMENTATION)}
    given["caffe_compatible"] = given.pop("faithful", False)
    given["network"] = NETWORKS.get(given.get("network", "lite"), given.get("network"))
    return given, {"class": "JointTraining", "fields": training}
