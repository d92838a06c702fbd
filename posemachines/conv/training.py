"""Joint training: all stages as one network."""

from __future__ import annotations

from sklearn.base import BaseEstimator, clone

from .._checks import check_images, check_joints
from ..skeleton import get_skeleton
from .stage import ConvStage

__all__ = ["JointTraining"]

_FREE_TO_DIFFER = {"checkpoint", "random_state", "verbose"}


class JointTraining(BaseEstimator):
    """Train convolutional stages by back-propagation through all of them, with one trunk.

    Parameters
    ----------
    supervision : {"all", "last"}, default="all"
        "all": a loss at every stage (intermediate supervision, as published). "last": at the last one only, the
        paper's comparison, in which the gradients of early layers vanish.

    References
    ----------
    .. [1] Wei et al., "Convolutional Pose Machines", CVPR 2016, section 3.3.
    """

    def __init__(self, supervision: str = "all") -> None:
        self.supervision = supervision

    def fit_stages(
        self, stages, images, joints, skeleton=None, *, random_state: int | None = None, verbose: bool = False
    ) -> list[ConvStage]:
        """Train the stages together, in their order, the first without previous beliefs.

        Parameters
        ----------
        stages : sequence of ConvStage
            Not trained; clones of them are, so that they stay as they are. Their settings must be equal, but for
            `random_state` and `checkpoint`, which are taken from the first.
        images : uint8 ndarray of shape (N, H, W, 3)
        joints : ndarray of shape (N, P, 3)
            x, y in pixels of the crop, and visible.
        skeleton : str or Skeleton, optional
        random_state : int, optional
            Where the first stage has none.
        verbose : bool, default=False
            Show a progress bar.

        Returns
        -------
        list of ConvStage
            Fitted clones, which share their trunk.

        Raises
        ------
        ValueError
            If a stage is not a ConvStage, settings disagree, `supervision` is unknown, or arrays are malformed.
        """
        self._check(list(stages))
        stages = [clone(stage) for stage in stages]
        first = stages[0]
        if first.random_state is None:
            first.random_state = random_state
        images = check_images(images, stride=first.stride)
        joints = check_joints(joints, n_people=len(images))
        if not joints[..., 2].any():
            raise ValueError("no joint is labelled (visible > 0 nowhere): there is nothing to learn")
        skeleton = get_skeleton(skeleton, joints.shape[1])
        uses_beliefs = [index > 0 for index in range(len(stages))]
        network, history = first._train(
            images, None, joints, skeleton, uses_beliefs=uses_beliefs, supervision=self.supervision, verbose=verbose
        )
        for index, stage in enumerate(stages):
            stage._adopt(network, index, history)
            stage.skeleton_, stage.n_parts_, stage.uses_beliefs_ = skeleton, joints.shape[1], index > 0
        return stages

    def _check(self, stages: list) -> None:
        if self.supervision not in ("all", "last"):
            raise ValueError(f"supervision must be 'all' or 'last'; got {self.supervision!r}")
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
