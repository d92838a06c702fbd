import copy

import pytest

from posemachines import ForestStage, SequentialMachine
from posemachines.datasets import make_synthetic
from posemachines.skeleton import LSP
from tests.evaluation.machines import MeanMachine
from tests.report.made import FORK, made_examples, made_report


@pytest.fixture(scope="module", params=[FORK, LSP], ids=["fork", "lsp"])
def examples(request):
    return made_examples(request.param)


@pytest.fixture(scope="module")
def _shared_report(examples):
    return made_report(examples)


@pytest.fixture
def report(_shared_report):
    return copy.deepcopy(_shared_report)


@pytest.fixture(scope="module")
def fitted():
    crops = make_synthetic(14, random_state=3, size=64).crops(64)
    X, y = crops.X, crops.y
    forest = SequentialMachine([ForestStage(n_rounds=2, max_depth=3)], skeleton=LSP, random_state=0)
    mean = MeanMachine(LSP)
    return {"mean": mean.fit(X[:10], y[:10]), "forest": forest.fit(X[:10], y[:10])}, crops[10:]
