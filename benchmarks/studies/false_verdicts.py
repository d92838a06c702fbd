"""How often two equal machines are called different: a simulation of the verdicts of a comparison.

    python benchmarks/studies/false_verdicts.py --photos ../shared/data/lspet       # some minutes

Errors are drawn, no machine is trained. A machine's error on a subject is log-normal; its logarithm is the sum of how
hard the subject is (the same for both machines), how hard its group is for this machine, how good the subjects are that
the machine was trained on (each of them helps or harms a little, so trainings that share subjects are alike), the luck
of the training, and noise. The two machines are equal: all their effects have the same distribution. In the rows with
``better_by``, one machine has errors that are lower by that fraction.

How much the training subjects and luck matter is measured with ``--photos``: forests, with two seeds, and ridge
regression are trained on sixteen disjoint sets of 80 people of LSPET, and tested on 250 others.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run from a checkout, installed or not

from joblib import Parallel, delayed

from benchmarks.publishing.results_file import write_json
from posemachines.comparison.machines import build
from posemachines.datasets import load_lspet
from posemachines.evaluation import measures, verdicts
from posemachines.metrics import radial_errors

RESULTS = Path(__file__).resolve().parents[1] / "results" / "false_verdicts.json"
N_TRIALS = 1000
N_SETS, N_TRAIN, N_TEST = 16, 80, 250  # of the measurement
MEASURES = measures((0.7, 1.2, 2.0), "px", pck=(1.5,))
BETTER = 0.25


@dataclass(frozen=True)
class World:
    """Standard deviations, in logarithms of errors, and numbers of a kind of data."""

    subjects: int = 100
    groups: int = 20
    parts: int = 4
    hard: float = 0.5  # how hard a subject is, for both machines
    of_group: float = 0.15  # how hard a group is for one machine
    of_subjects: float = 0.25  # what a training subject contributes, before the mean over all
    of_training: float = 0.08  # luck
    noise: float = 0.6


WORLDS = {
    "100 subjects, 20 groups": World(),
    "60 frames, 10 blocks": World(subjects=60, groups=10),
    "300 subjects, each a group": World(subjects=300, groups=300, of_group=0.0),
    "lucky trainings": World(of_training=0.3),
    "heavy tails": World(noise=1.2, hard=1.0),
    "alike groups": World(of_group=0.4),
    "labels that matter": World(of_subjects=0.5),
    "labels that matter very much": World(of_subjects=1.0),
}
DESIGNS = {"3 folds x 1": (3, 1), "5 folds x 1": (5, 1), "5 folds x 2": (5, 2), "3 seeds": (0, 3)}


def trial(world: World, design: tuple[int, int], rng: np.random.Generator, better: float = 0.0) -> dict[str, bool]:
    """Whether one trial calls the machines different: by the mean error, which decides, and by any other measure."""
    n_folds, n_repeats = design
    groups = np.arange(world.subjects) * world.groups // world.subjects
    hard = rng.normal(0, world.hard, world.subjects)
    of_group = rng.normal(0, world.of_group, (2, world.groups))
    worth = rng.normal(0, world.of_subjects, (2, world.subjects))
    errors = np.full((2, n_repeats, world.subjects, world.parts), np.nan)  # who is in no test keeps it
    numbers = np.zeros((n_repeats, world.subjects), int)
    tested = np.ones(world.subjects, bool)
    if not n_folds:
        tested = np.isin(groups, rng.permutation(world.groups)[: world.groups // 4])
    for repeat in range(n_repeats):
        if n_folds:
            assigned = np.empty(world.groups, int)
            assigned[rng.permutation(world.groups)] = np.arange(world.groups) % n_folds
            numbers[repeat] = assigned[groups]
        for fold in range(max(n_folds, 1)):
            test = numbers[repeat] == fold if n_folds else tested
            for machine in range(2):
                quality = worth[machine, ~test].mean() + rng.normal(0, world.of_training)
                logs = hard[test] + of_group[machine, groups[test]] + quality
                noise = rng.normal(0, world.noise, (int(test.sum()), world.parts))
                errors[machine, repeat, test] = np.exp(logs[:, None] + noise)
    errors[0] *= 1 - better
    names = ("one", "other")
    seen = {name: each[:, tested] for name, each in zip(names, errors, strict=True)}
    found = verdicts(
        seen, seen, MEASURES, folds=numbers if n_folds else None, groups=groups[tested],
        n_train=world.subjects * (1 - 1 / n_folds if n_folds else 0.75),
    )  # fmt: skip
    return {"mean error": found[0]["significant"], "any other measure": any(one["significant"] for one in found[1:])}


def share_called_different(
    world: World, design: tuple[int, int], n_trials: int, *, better: float = 0.0, random_state: int = 0
) -> dict[str, float]:
    """Percentage of trials that call the machines different, after Holm's correction for the other measures."""
    rng = np.random.default_rng(random_state)
    found = [trial(world, design, rng, better) for _ in range(n_trials)]
    return {name: round(100 * float(np.mean([one[name] for one in found])), 1) for name in found[0]}


def measured_effects(folder: str, *, n_sets: int = N_SETS, n_train: int = N_TRAIN, n_test: int = N_TEST) -> dict:
    """Standard deviations ``of_subjects`` and ``of_training``, as in :class:`World`, of machines on LSPET."""
    people = load_lspet(folder)
    order = np.random.default_rng(0).permutation(len(people))
    test = people[order[:n_test]].crops(64)
    found: dict[str, list[list[float]]] = {"ridge": [], "pm": []}
    for index in range(n_sets):
        begin = n_test + index * n_train
        train = people[order[begin : begin + n_train]].crops(64)
        for name, seeds in (("ridge", (0,)), ("pm", (0, 1))):
            found[name].append([])
            for seed in seeds:
                machine = build(name, people.skeleton, n_train, stages=1, rounds=40, seed=seed).fit(train.X, train.y)
                found[name][-1].append(float(np.log(np.nanmean(radial_errors(machine.predict(test.X), test.y)))))
    ridge, forests = np.array(found["ridge"])[:, 0], np.array(found["pm"])
    luck = float(forests.var(axis=1, ddof=1).mean())
    of_sets = max(float((forests.mean(1) - ridge).var(ddof=1)) - luck / 2, 0.0)
    return {"of_subjects": round((of_sets * n_train / 2) ** 0.5, 3), "of_training": round(luck**0.5, 3)}


def main(arguments: list[str] | None = None) -> int:
    """Run the simulation and write its result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=N_TRIALS)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument(
        "--photos", metavar="FOLDER", help="of LSPET, to measure how much training subjects and luck matter"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    cells = [(world, design, better) for world in WORLDS for design in DESIGNS for better in (0.0, BETTER)]
    called = Parallel(options.jobs, return_as="generator")(
        delayed(share_called_different)(WORLDS[world], DESIGNS[design], options.trials, better=better)
        for world, design, better in cells
    )
    rows = []
    for (world, design, better), found in zip(cells, called, strict=True):
        rows.append({"data": world, "design": design, "better_by": better, "called_different": found})
        print(f"{world:30}{design:14}better by {better:<5g}", found, flush=True)
    given = sys.argv[1:] if arguments is None else arguments
    result = {
        "command": shlex.join(["python", "benchmarks/studies/false_verdicts.py", *given]),
        "trials": options.trials,
        "level": 0.05,
        "measured": measured_effects(options.photos) if options.photos else None,
        "rows": rows,
    }
    write_json(result, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
