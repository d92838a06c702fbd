"""One call that builds a network and trains it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from sklearn.utils import check_random_state

from ...skeleton import Skeleton
from ...stage import Runtime
from ..devices import threads
from ..networks.network import Design, PoseNetwork, assemble
from .batches import TrainingData
from .loop import Phase, TrainingRun
from .settings import TrainingSettings

__all__ = ["train_network"]

logger = logging.getLogger(__name__)


def train_network(
    design: Design,
    data: TrainingData,
    skeleton: Skeleton,
    settings: TrainingSettings,
    phases: Sequence[Phase],
    *,
    uses_beliefs: Sequence[bool],
    init: str = "he",
    random_state=None,
    runtime: Runtime = Runtime(),  # noqa: B008 - immutable
    warm_start: PoseNetwork | None = None,
) -> tuple[PoseNetwork, list[dict]]:
    """Build and train a network with one head per entry of `uses_beliefs`.

    Parameters
    ----------
    design : Design
    data : TrainingData
    skeleton : Skeleton
    settings : TrainingSettings
    phases : sequence of Phase
    uses_beliefs : sequence of bool
        For each stage, whether it reads previous beliefs.
    init : {"he", "gaussian"}
        Initial weights of the published networks.
    random_state : int, RandomState or None
    runtime : Runtime
    warm_start : PoseNetwork, optional
        Trained weights to start from, wherever their shapes agree.

    Returns
    -------
    network : PoseNetwork
    history : list of dict
        One entry per epoch.
    """
    settings.check()
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    with threads(runtime.n_jobs):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = assemble(design, data.joints.shape[1] + 1, uses_beliefs)
            network.initialise(init)
        if warm_start is not None:
            _start_from(network, warm_start)
        run = TrainingRun(
            network, data, settings, phases, runtime=runtime, flip_order=skeleton.flip_order,
            mirrors=bool(skeleton.pairs), seed=seed, any_seed=random_state is None,
        )  # fmt: skip
        return network, run.run()


def _start_from(network: PoseNetwork, trained: PoseNetwork) -> None:
    """Copy trained weights into a fresh network of the same design; ValueError for another design."""
    if trained.design != network.design:
        raise ValueError(f"warm_start has the network {trained.design}, but these stages have {network.design}")
    left = network.take_over(trained)
    if left:
        logger.info("initialised anew because the shapes differ: %s", ", ".join(left))
