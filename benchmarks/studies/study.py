"""Options, data, measurements and result files of the scripts behind "What we found".

Every study trains on the first photos of LSPET and tests on photos 8001 to 9000, caches the trained machines (see
:mod:`posemachines.comparison.cache`), writes ``benchmarks/results/<name>.json`` and plots ``docs/images/<name>.png``.
``--quick`` runs it at tiny sizes on synthetic people, to check that it works.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.publishing.results_file import write_json
from posemachines.comparison.cache import FOLDER, PACKAGES, Trained, train
from posemachines.comparison.machines import build
from posemachines.datasets import Crops, PoseDataset, load_lspet, make_synthetic
from posemachines.evaluation import Evaluation, describe_reference, evaluate
from posemachines.profiling.cost import machine_description, versions
from posemachines.report import evaluation_to_json
from posemachines.skeleton import LSP, Skeleton

__all__ = ["People", "Study", "at_last", "run_study", "stage_figures"]

ROOT = Path(__file__).resolve().parents[2]
RESULTS, IMAGES = ROOT / "benchmarks" / "results", ROOT / "docs" / "images"
CROP = 128  # px
LAST_TRAIN = 8000  # last photo that is trained on
QUICK = {"train": 24, "test": 8}


class People(NamedTuple):
    """Training and test subjects as crops, and the test subjects in their photos."""

    train: Crops
    test: Crops
    skeleton: Skeleton
    photos: PoseDataset


class Study:
    """One run of a script.

    Parameters
    ----------
    name : str
        Name of the script and its result.
    options : Namespace
        From :func:`run_study`.
    command : str
        The command line that repeats it.
    """

    def __init__(self, name: str, options: argparse.Namespace, command: str) -> None:
        self.name, self.options, self.command = name, options, command
        self.began = time.perf_counter()
        self._people: People | None = None
        self._cpu_minutes: dict[str, float] = {}  # of the training of each machine
        self._training_seconds = 0.0  # of this run

    @property
    def quick(self) -> bool:
        """Whether this is a run at tiny sizes."""
        return self.options.quick

    def people(self) -> People:
        """Training and test crops, cut once."""
        if self._people is None:
            self._people = self._load()
        return self._people

    def _load(self) -> People:
        n_train, n_test = self.options.train, self.options.test
        if self.quick:
            data = make_synthetic(n_train + n_test, random_state=self.options.seed)
            first, last = data[:n_train], data[n_train:]
            return People(first.crops(CROP), last.crops(CROP), LSP, last)
        data = load_lspet(self.options.root)
        numbers = np.array([int(Path(photo).stem.removeprefix("im")) for photo in data.photos])
        first, last = data[numbers <= LAST_TRAIN], data[numbers > LAST_TRAIN]
        for what, wanted, there in (("--train", n_train, len(first)), ("--test", n_test, len(last))):
            if wanted > there:
                raise ValueError(f"{what} {wanted}: {self.options.root} has {there} subjects for it")
        kept = {"n_jobs": self.options.jobs, "cache": self.options.cache}
        first, last = first[:n_train], last[:n_test]
        return People(first.crops(CROP, **kept), last.crops(CROP, **kept), data.skeleton, last)

    def machine(self, name: str, n_train: int | None = None, **more):
        """An untrained machine of :data:`posemachines.comparison.machines.LABELS`; small in a quick run."""
        options, people = self.options, self.people()
        if self.quick:
            more = {"rounds": 2, "epochs": 2} | more
        common = {"seed": options.seed, "device": options.device, "jobs": options.jobs}
        return build(name, people.skeleton, n_train or len(people.train), **common, **more)

    def trained(self, machine, name: str, n_train: int | None = None, *, crops: Crops | None = None) -> Trained:
        """Train a machine on the first subjects or on `crops`, or read it if that was done before."""
        crops = self.people().train[:n_train] if crops is None else crops
        machine.set_params(**{"verbose": not self.quick} if "verbose" in machine.get_params(deep=False) else {})
        print(f"\n{name}, {len(crops)} subjects", flush=True)
        began = time.perf_counter()
        found = train(machine, crops, name=name, folder=self.options.trained, fresh=self.options.fresh)
        self._training_seconds += time.perf_counter() - began
        self._cpu_minutes[found.file.name] = round(found.record["cost"]["cpu_seconds"] / 60, 2)
        return found

    def evaluated(self, machine, test: Crops | None = None) -> Evaluation:
        """Accuracy on the test subjects, or on other crops of them, stage by stage."""
        test = self.people().test if test is None else test
        return evaluate(machine, test, n_resamples=self.resamples)

    @property
    def resamples(self) -> int:
        """Number of bootstrap resamples."""
        return 50 if self.quick else 1000

    def write(self, findings: dict, draw: Callable, *, finished: bool = True) -> dict:
        """Write the result and its plot, and return the result."""
        options = self.options
        names = ("train", "test", "seed", "device", "jobs", "quick")
        result = {
            "command": self.command,
            "finished": finished,
            "settings": {name: getattr(options, name) for name in names} | {"crop_size": CROP},
            "dataset": "synthetic" if self.quick else "lspet",
            "reference": describe_reference(self.people().skeleton),
            "measuring_minutes": round((time.perf_counter() - self.began - self._training_seconds) / 60, 2),
            "training_cpu_minutes": self._cpu_minutes,
            "computer": machine_description(),
            "versions": versions(PACKAGES),
            **findings,
        }
        options.results.mkdir(parents=True, exist_ok=True)
        options.images.mkdir(parents=True, exist_ok=True)
        write_json(result, options.results / f"{self.name}.json")
        draw(result).savefig(options.images / f"{self.name}.png", dpi=160, facecolor="white")
        return result


def run_study(
    name: str,
    description: str,
    measure: Callable[[Study], None],
    arguments: list[str] | None = None,
    *,
    n_train: int,
    add: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """Parse the options and run a study: 0 when finished, 130 when interrupted, 2 for invalid input.

    Parameters
    ----------
    name : str
    description : str
        The docstring of the script.
    measure : callable
        Takes the study and writes its result.
    arguments : list of str, optional
        By default those of the process.
    n_train : int
        Default number of training subjects.
    add : callable, optional
        Adds options to the parser.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--root", type=Path, default=ROOT / "data" / "lspet", help="folder of LSPET (default: data/lspet)"
    )
    parser.add_argument("--train", type=int, help=f"number of training subjects (default: {n_train})")
    parser.add_argument("--test", type=int, help="number of test subjects (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="device of the nets")
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")
    parser.add_argument("--trained", type=Path, default=FOLDER, help="folder that keeps trained machines between runs")
    parser.add_argument("--cache", type=Path, default=Path("runs/crops"), help="folder that keeps the crops")
    parser.add_argument("--fresh", action="store_true", help="train the machines even if they are in that folder")
    parser.add_argument("--results", type=Path, help=f"folder of the result (default: {RESULTS.relative_to(ROOT)})")
    parser.add_argument("--images", type=Path, help=f"folder of the plot (default: {IMAGES.relative_to(ROOT)})")
    parser.add_argument("--quick", action="store_true", help="tiny sizes on synthetic people, to check that it runs")
    if add is not None:
        add(parser)
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    sizes = QUICK if options.quick else {"train": n_train, "test": 1000}
    for key, default in sizes.items():
        setattr(options, key, default if getattr(options, key) is None else getattr(options, key))
        if getattr(options, key) < 2:
            parser.error(f"--{key} must be at least 2")
    kept = Path("runs/quick") if options.quick else None  # numbers of a quick run are not results
    options.results = options.results or kept or RESULTS
    options.images = options.images or kept or IMAGES
    warnings.filterwarnings("ignore", message=".*outside their photo.*")
    try:
        measure(Study(name, options, shlex.join(["python", f"benchmarks/studies/{name}.py", *given])))
    except KeyboardInterrupt:
        print("\ninterrupted: trained machines are kept; repeat the command to resume", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def stage_figures(evaluation: Evaluation) -> list[dict]:
    """PCK, intervals and curve after each stage."""
    names = ("stage", "pck", "interval", "curve", "curve_interval", "parts")
    stages = evaluation_to_json(evaluation)["stages"]
    return [{name: value for name, value in stage.items() if name in names} for stage in stages]


def at_last(figures: list[dict], threshold: str = "0.2") -> tuple[float, float, float]:
    """PCK after the last stage, and the bounds of its interval."""
    return (figures[-1]["pck"][threshold], *figures[-1]["interval"][threshold])
