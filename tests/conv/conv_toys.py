"""Small images, networks and trainings that the tests of this folder share.

Settings are given flat, as ``train(2, images, joints, epochs=3, n_blocks=1, rotation=0)``, and sorted here into the
stage, the strategy with its augmentation, and the runtime.
"""

from dataclasses import fields

import numpy as np

from posemachines.conv import Augmentation, ConvPoseMachine, ConvStage, JointTraining
from posemachines.skeleton import Skeleton
from posemachines.stage import Runtime

DOTS = Skeleton("dots", ("left", "right", "middle"), pairs=(("right", "left"),))
NETWORK = {
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
    network = set(ConvStage().get_params())
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
    machine = set(ConvPoseMachine().get_params(deep=False)) - {"n_stages", "training", "stage", "network"}
    network, own = _sort(settings, set(ConvStage().get_params()) - machine, machine)
    own = {"skeleton": DOTS, "random_state": 0} | RUNTIME | (TRAINING if isinstance(training, str) else {}) | own
    return ConvPoseMachine(n_stages, stage=tiny_stage(**network), training=training, **own)


def draw_dots(n, *, height=20, width=28, seed=0):
    """Images with a red, a green and a blue dot on grey, and the joints at the dots."""
    rng = np.random.default_rng(seed)
    joints = np.ones((n, 3, 3), np.float32)
    joints[..., 0] = rng.uniform(3, width - 4, (n, 3))
    joints[..., 1] = rng.uniform(3, height - 4, (n, 3))
    rows, columns = np.mgrid[:height, :width]
    distance = (columns - joints[..., 0, None, None]) ** 2 + (rows - joints[..., 1, None, None]) ** 2
    images = 128 + 120 * np.moveaxis(np.exp(-distance / 8), 1, -1)
    return images.round().astype(np.uint8), joints
