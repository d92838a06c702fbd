"""How convolutional stages are trained together: the strategies that the paper compares."""

from __future__ import annotations

from sklearn.base import BaseEstimator, clone

from .._checks import check_images, check_joints
from ..skeleton import get_skeleton
from .batches import TrainingData
from .loop import Phase
from .networks import PoseNetwork
from .stage import ConvStage

__all__ = ["STRATEGIES", "JointTraining", "StagewiseTraining", "get_strategy"]

_FREE_TO_DIFFER = {"checkpoint", "log", "random_state", "verbose"}


class _BackPropagation(BaseEstimator):
    """What the strategies have in common: one network of all stages, trained in phases."""

    def _phases(self, n_stages: int, epochs: int) -> list[Phase]:
        raise NotImplementedError

    def fit_stages(
        self, stages, images, joints, skeleton=None, *, random_state: int | None = None, verbose: bool = False,
        others=None, watched=None, score=None, start: PoseNetwork | None = None,
    ) -> list[ConvStage]:  # fmt: skip
        """Train the stages together, in their order, the first without previous beliefs.

        Parameters
        ----------
        stages : sequence of ConvStage
            Not trained; clones of them are, so that they stay as they are. Their settings must be equal, but for
            `random_state`, `checkpoint` and `log`, which are taken from the first.
        images : uint8 ndarray of shape (N, H, W, 3)
        joints : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible.
        skeleton : str or Skeleton, optional
        random_state : int, optional
            Where the first stage has none.
        verbose : bool, default=False
            Show a progress bar.
        others : ndarray of shape (N, K, P, 3), optional
            Joints of further people in each crop: the first stage's target shows them, too.
        watched : uint8 ndarray of shape (M, H, W, 3), optional
            People by whom the training is watched, after every epoch.
        score : callable, optional
            A list of joints (M, P, 2) of the watched, an entry a stage, -> {name: list of figures, an entry a stage}.
        start : PoseNetwork, optional
            Trained weights to go on from, as far as their shapes agree.

        Returns
        -------
        list of ConvStage
            Fitted clones, which share their trunks.

        Raises
        ------
        ValueError
            If a stage is not a ConvStage, settings disagree, or arrays are malformed.
        """
        _check_stages(list(stages))
        stages = [clone(stage) for stage in stages]
        first = stages[0]
        if first.random_state is None:
            first.random_state = random_state
        images = check_images(images, stride=first.stride)
        joints = check_joints(joints, n_people=len(images))
        if not joints[..., 2].any():
            raise ValueError("no joint is labelled (visible > 0 nowhere): there is nothing to learn")
        if others is not None and (others.ndim != 4 or others.shape[::2] != joints.shape[::2]):
            raise ValueError(f"others must be (N, K, P, 3) for joints {joints.shape}; got shape {others.shape}")
        skeleton = get_skeleton(skeleton, joints.shape[1])
        uses_beliefs = [index > 0 for index in range(len(stages))]
        data = TrainingData(images, joints, others=others, watched=watched, score=score)
        network, history = first._train(
            data, skeleton, uses_beliefs=uses_beliefs, phases=self._phases(len(stages), first.epochs), verbose=verbose,
            start=start, gradients=getattr(self, "gradients", False),
        )  # fmt: skip
        for index, stage in enumerate(stages):
            stage._adopt(network, index, history)
            stage.skeleton_, stage.n_parts_, stage.uses_beliefs_ = skeleton, joints.shape[1], index > 0
        return stages


class JointTraining(_BackPropagation):
    """Train convolutional stages by back-propagation through all of them.

    Parameters
    ----------
    supervision : {"all", "last"}, default="all"
        "all": a loss at every stage (intermediate supervision, as published). "last": at the last one only, the
        paper's comparison, in which the gradients of early layers vanish.
    gradients : bool, default=False
        Write into ``history_``, for every epoch, how large the gradients of each convolution are in its last step.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 3.3.
    """

    def __init__(self, supervision: str = "all", gradients: bool = False) -> None:
        self.supervision = supervision
        self.gradients = gradients

    def _phases(self, n_stages: int, epochs: int) -> list[Phase]:
        if self.supervision not in ("all", "last"):
            raise ValueError(f"supervision must be 'all' or 'last'; got {self.supervision!r}")
        every = tuple(range(n_stages))
        return [Phase("joint", epochs, every, every if self.supervision == "all" else every[-1:])]


class StagewiseTraining(_BackPropagation):
    """Train convolutional stages one after the other, each on the beliefs of those before it, which stay as they are.

    Parameters
    ----------
    then_joint : bool, default=False
        Train all stages together, with a loss at each, for the second half of the epochs.

    Notes
    -----
    The stages' ``epochs`` are all passes over the people: they are divided among the stages (and the joint phase), so
    that strategies of equal ``epochs`` see equally many people; each phase takes one at least. A trunk that several
    stages read learns with the first of them.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 4.1 and figure 6b.
    """

    def __init__(self, then_joint: bool = False) -> None:
        self.then_joint = then_joint

    def _phases(self, n_stages: int, epochs: int) -> list[Phase]:
        every = tuple(range(n_stages))
        greedy = max(epochs // 2 if self.then_joint else epochs, n_stages)
        ends = [greedy * (index + 1) // n_stages for index in every]
        phases = [
            Phase(f"stage {index + 1}", end - start, (index,), (index,))
            for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        ]
        return [*phases, Phase("joint", max(epochs - greedy, 1), every, every)] if self.then_joint else phases


STRATEGIES = {
    "joint": JointTraining(),
    "stagewise": StagewiseTraining(),
    "stagewise+joint": StagewiseTraining(then_joint=True),
    "joint-without-supervision": JointTraining(supervision="last"),
}


def get_strategy(training):
    """A strategy by its name ("joint", "stagewise", "stagewise+joint", "joint-without-supervision"), or as it is.

    Raises
    ------
    ValueError
        If there is no strategy of this name.
    """
    if not isinstance(training, str):
        return training
    if training not in STRATEGIES:
        raise ValueError(f"training must be one of {', '.join(map(repr, STRATEGIES))}, or a strategy; got {training!r}")
    return clone(STRATEGIES[training])


def _check_stages(stages: list) -> None:
    if not stages:
        raise ValueError("stages is empty; give at least one ConvStage")
    for number, stage in enumerate(stages, start=1):
        if not isinstance(stage, ConvStage):
            raise ValueError(
                f"stage {number} is a {type(stage).__name__} but joint training needs ConvStages; "
                "train the others greedily"
            )
    settings = stages[0].get_params()
    for number, stage in enumerate(stages[1:], start=2):
        for name, value in stage.get_params().items():
            if name not in _FREE_TO_DIFFER and value != settings[name]:
                raise ValueError(
                    f"stage {number} has {name}={value!r} but stage 1 has {settings[name]!r}; stages that are "
                    "trained together take equal settings"
                )
