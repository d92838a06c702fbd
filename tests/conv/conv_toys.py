"""Small images, networks and trainings that the tests of this folder share.

Settings are given flat, as ``train(2, images, joints, epochs=3, n_blocks=1, rotation=0)``, and sorted here into the
stage, the strategy with its augmentation, and the runtime.
"""

from dataclasses import fields

from posemachines.conv import Augmentation, ConvPoseMachine, ConvStage, JointTraining
from posemachines.skeleton import Skeleton
from posemachines.stage import Runtime

DOTS = Skeleton("dots", ("left", "right", "middle"), pairs=(("right", "left"),))
NETWORK = {
    "network": "cpm-lite",
    "stem_width": 8, "feature_width": 16, "coarse_width": 16, "n_blocks": 1, "n_coarse_blocks": 1,
    "stage_width": 16, "stage_coarse_width": 16, "n_stage_blocks": 1, "n_stage_coarse_blocks": 1, "random_state": 0,
}  # fmt: skip
TRAINING = {"epochs": 2, "batch_size": 8}
RUNTIME = {"device": "cpu", "n_jobs": 1}


def _names(cls):
    return {field.name for field in fields(cls)}


def _sort(settings, *groups):
    """Settings divided among groups of names; a name that is in none of them is an error."""
    unknown = set(settings) - set().union(*groups)
    assert not unknown, f"unknown settings: {unknown}"
    return [{name: value for name, value in settings.items() if name in group} for group in groups]


def tiny_stage(**network):
    return ConvStage(**(NETWORK | network))


def tiny_training(strategy=JointTraining, **settings):
    """A strategy; settings of the augmentation may be given flat."""
    own, augmentation = _sort(settings, _names(strategy), _names(Augmentation))
    if augmentation:
        own["augmentation"] = Augmentation(**augmentation)
    return strategy(**(TRAINING | own))


def tiny_runtime(**settings):
    return Runtime(**(RUNTIME | settings))


def split(settings, strategy=JointTraining):
    """Stage, strategy and runtime of flat settings."""
    network = set(ConvStage(network="cpm-lite").get_params())
    network, training, runtime = _sort(settings, network, _names(strategy) | _names(Augmentation), _names(Runtime))
    return tiny_stage(**network), tiny_training(strategy, **training), tiny_runtime(**runtime)


def fit_alone(images, previous, joints, *, skeleton=DOTS, **settings):
    """One stage, fitted alone."""
    stage, training, stage_runtime = split(settings)
    stage.runtime = stage_runtime
    return stage.fit(images, previous, joints, skeleton=skeleton, training=training)


def train(n_stages, images, joints, skeleton=DOTS, *, strategy=JointTraining, others=None, **settings):
    """Stages trained together by a strategy."""
    stage, training, runtime = split(settings, strategy)
    return training.fit_stages([stage] * n_stages, images, joints, skeleton, runtime=runtime, others=others)


def tiny_machine(n_stages=2, *, training="joint", **settings):
    """A machine of tiny stages: parameters of the stage and keywords of the machine, or a strategy with its own."""
    machine = set(ConvPoseMachine(network="cpm-lite").get_params(deep=False)) - {
        "n_stages",
        "training",
        "stage",
        "network",
    }
    network, own = _sort(settings, set(ConvStage(network="cpm-lite").get_params()) - machine, machine)
    own = {"skeleton": DOTS, "random_state": 0} | RUNTIME | (TRAINING if isinstance(training, str) else {}) | own
    return ConvPoseMachine(n_stages, stage=tiny_stage(**network), training=training, **own)
