"""Strategies that train convolutional stages together, as compared in the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone

from .._utils.checks import check_images, check_joints
from .._utils.deprecation import renamed_keyword
from ..skeleton import get_skeleton
from ..stage import Runtime, Stage
from .networks.network import PoseNetwork
from .trainer.batches import TrainingData
from .trainer.loop import Phase
from .trainer.settings import Augmentation, TrainingSettings, resolve_epochs
from .trainer.train import train_network

__all__ = ["STRATEGIES", "Augmentation", "JointTraining", "StagewiseTraining", "get_strategy", "resolve_epochs"]


@dataclass(frozen=True, kw_only=True)
class _BackPropagation(TrainingSettings):
    """One network of all stages, trained in phases."""

    def _phases(self, n_stages: int, epochs: int) -> list[Phase]:
        raise NotImplementedError

    def fit_stages(
        self, stages: Sequence[Stage], images, joints, skeleton=None, *, random_state: int | None = None,
        runtime: Runtime = Runtime(), others=None, watched=None, score=None, warm_start: PoseNetwork | None = None,  # noqa: B008
    ) -> list:  # fmt: skip
        """Train the stages together, in order; the first one reads no previous beliefs.

        Parameters
        ----------
        stages : sequence of ConvStage
            Untrained, all with the same network. They are left unchanged; the fitted ones are copies.
        images : uint8 ndarray of shape (N, H, W, 3)
        joints : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and labelled.
        skeleton : str or Skeleton, optional
        random_state : int, optional
            Used if the first stage has none.
        runtime : Runtime
        others : ndarray of shape (N, K, P, 3), optional
            Joints of other subjects in each crop: the target of the first stage shows them too.
        watched : uint8 ndarray of shape (M, H, W, 3), optional
            Crops of validation subjects, on which progress is measured after every epoch.
        score : callable, optional
            Maps a list of predicted joints (M, P, 2), one array per stage, to {name: list of values, one per stage}.
        warm_start : PoseNetwork, optional
            Trained weights to start from, wherever their shapes agree.

        Returns
        -------
        list of ConvStage
            Fitted copies, which share their backbones.

        Raises
        ------
        ValueError
            If a stage is not convolutional, their networks differ, or the arrays are malformed.
        """
        first, stages = _checked(stages)
        images = check_images(images, stride=first.stride)
        joints = check_joints(joints, n_people=len(images))
        if not joints[..., 2].any():
            raise ValueError("no joint is labelled (labelled > 0 nowhere): there is nothing to learn")
        if others is not None:
            others = np.asarray(others, np.float32)
            if others.ndim != 4 or others.shape[::2] != joints.shape[::2] or others.shape[3] != 3:
                raise ValueError(f"others must be (N, K, P, 3) for joints {joints.shape}; got shape {others.shape}")
        skeleton = get_skeleton(skeleton, joints.shape[1])
        phases = self._phases(len(stages), resolve_epochs(self.epochs, len(images), first.design().name))
        network, history = train_network(
            first.design(), TrainingData(images, joints, others=others, watched=watched, score=score), skeleton, self,
            phases, uses_beliefs=[index > 0 for index in range(len(stages))], init=first.init,
            random_state=random_state if first.random_state is None else first.random_state, runtime=runtime,
            warm_start=warm_start,
        )  # fmt: skip
        for index, stage in enumerate(stages):
            stage.adopt(network, index, history)
            stage.skeleton_, stage.n_parts_, stage.uses_beliefs_ = skeleton, joints.shape[1], index > 0
            stage.runtime = runtime
        return list(stages)


@dataclass(frozen=True, kw_only=True)
class JointTraining(_BackPropagation):
    """Train convolutional stages together by back-propagation through all of them.

    Parameters
    ----------
    supervision : {"all", "last"}, default="all"
        "all": a loss at every stage (intermediate supervision, as published). "last": a loss at the last stage only,
        the paper's counterexample, in which the gradients of early layers vanish.
    epochs, batch_size, learning_rate, augmentation, ...
        See :class:`TrainingSettings <posemachines.conv.trainer.settings.TrainingSettings>`.

    Examples
    --------
    >>> from posemachines import ConvPoseMachine, JointTraining
    >>> from posemachines.conv import Augmentation
    >>> training = JointTraining(epochs=40, augmentation=Augmentation(rotation=10))
    >>> machine = ConvPoseMachine(training=training)

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 3.3.
    """

    supervision: str = "all"

    @classmethod
    def published(cls, **changes) -> JointTraining:
        """The paper's settings of loss, optimiser and augmentation.

        The number of epochs was not published; training took at most 600,000 steps with 16 people each.
        """
        published = cls(
            batch_size=16, optimiser="sgd", learning_rate=8e-5, momentum=0.9, weight_decay=5e-4, schedule="step",
            warm_up=0.0, published_rates=True, max_grad_norm=None, sigma=7.0, foreground_weight=0.0,
            mask_unlabelled=False,
            augmentation=Augmentation(
                rotation=40.0, scale_jitter=(0.7, 1.3), scale_law="linear", shift=0.0, colour=0.0
            ),
        )  # fmt: skip
        return replace(published, **changes)

    def _phases(self, n_stages: int, epochs: int) -> list[Phase]:
        if self.supervision not in ("all", "last"):
            raise ValueError(f"supervision must be 'all' or 'last'; got {self.supervision!r}")
        every = tuple(range(n_stages))
        return [Phase("joint", epochs, every, every if self.supervision == "all" else every[-1:])]


@dataclass(frozen=True, kw_only=True)
class StagewiseTraining(_BackPropagation):
    """Train convolutional stages one after the other, each on the beliefs of the frozen stages before it.

    Parameters
    ----------
    then_joint : bool, default=False
        Train all stages together, with a loss at each, for the second half of the epochs.
    epochs, batch_size, learning_rate, augmentation, ...
        See :class:`TrainingSettings <posemachines.conv.trainer.settings.TrainingSettings>`.

    Notes
    -----
    `epochs` counts all passes over the subjects. They are divided among the stages (and the joint phase), so that
    strategies with equal `epochs` see equally many crops; every phase gets at least one. A backbone shared by several
    stages is trained with the first of them.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 4.1 and figure 6b.
    """

    then_joint: bool = False

    def _phases(self, n_stages: int, epochs: int) -> list[Phase]:
        every = tuple(range(n_stages))
        greedy = max(epochs // 2 if self.then_joint else epochs, n_stages)
        ends = [greedy * (index + 1) // n_stages for index in every]
        phases = [
            Phase(f"stage {index + 1}", end - start, (index,), (index,))
            for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        ]
        return [*phases, Phase("joint", max(epochs - greedy, 1), every, every)] if self.then_joint else phases


JointTraining.__init__ = renamed_keyword(gradients="record_gradients")(  # type: ignore[method-assign]
    JointTraining.__init__
)

STRATEGIES = {
    "joint": JointTraining(),
    "stagewise": StagewiseTraining(),
    "stagewise+joint": StagewiseTraining(then_joint=True),
    "joint-without-supervision": JointTraining(supervision="last"),
}


def get_strategy(training):
    """A strategy by name ("joint", "stagewise", "stagewise+joint", "joint-without-supervision"), or `training` itself.

    Raises
    ------
    ValueError
        If there is no strategy of this name.
    """
    if not isinstance(training, str):
        return training
    if training not in STRATEGIES:
        raise ValueError(f"training must be one of {', '.join(map(repr, STRATEGIES))}, or a strategy; got {training!r}")
    return STRATEGIES[training]


def _checked(stages) -> tuple:
    """The first stage, and copies of all of them; ValueError if they cannot be trained together."""
    stages = list(stages)
    if not stages:
        raise ValueError("stages is empty; give at least one ConvStage")
    for number, stage in enumerate(stages, start=1):
        if not (isinstance(stage, Stage) and hasattr(stage, "adopt")):
            raise ValueError(
                f"stage {number} is a {type(stage).__name__}, but joint training needs ConvStages; "
                "train other stages with StackedTraining"
            )
        for name, mine, first in (
            ("network", stage.design(), stages[0].design()), ("init", stage.init, stages[0].init),
        ):  # fmt: skip
            if mine != first:
                raise ValueError(
                    f"stage {number} has {name} {mine!r} but stage 1 has {first!r}; stages trained together need the "
                    f"same {name}"
                )
    copies = [clone(stage) for stage in stages]
    return copies[0], copies
