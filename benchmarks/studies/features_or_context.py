"""Learned features or convolutional stages: which of the two changes of "Convolutional Pose Machines" made the gain?

The paper of 2016 changed two things at once: features learned from images in place of hand-made ones, and convolutional
stages, which learn context from the beliefs, in place of forests. Here, every combination is trained: forests and nets,
each on hand-made features and on those of a backbone that was trained on ImageNet. Three stages, default settings.
Forests read the backbone as it is and nets train its later blocks further, which is part of the interaction; nets are
also shown rotated and scaled crops, which is part of the effect of the stages.

Every machine is trained several times, with other random states and, where fewer than all are used, on other subjects:
the first ones of a permutation for each seed, the same for all machines. Accuracy is measured with and without
test-time augmentation (the mirrored crop). Where all subjects are used, the tests allow for the luck of having these,
but the intervals do not. Trained machines and their predictions are kept, so an interrupted run, repeated, resumes
where it was.

    python benchmarks/studies/features_or_context.py
    python benchmarks/studies/features_or_context.py --sizes 50,200       # these numbers of training subjects only
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.studies.study import Study, run_study
from benchmarks.studies.study_plots import lines
from benchmarks.studies.two_by_two import Crossed, effects
from posemachines import ConvPoseMachine, ConvStage, ForestStage, PoseMachine
from posemachines._utils.figures import INK, SMALL, figure
from posemachines.comparison.cache import Trained
from posemachines.comparison.machines import compile_kernels
from posemachines.datasets import Crops
from posemachines.evaluation import holm, measures, seeds_test
from posemachines.geometry import to_photo
from posemachines.metrics import normalised_distances, pooled_pck, radial_errors, reference_length, within
from posemachines.training.checkpoints import fingerprint, read_arrays, write_arrays

SIZES = (50, 200, 1000, 8000)
MACHINES = {
    "forests-hand-made": "Forests, hand-made features",
    "forests-pretrained": "Forests, pretrained features",
    "nets-hand-made": "Nets, hand-made features",
    "nets-pretrained": "Nets, pretrained features",
}
"""Neither change, learned features, convolutional stages, both."""
VIEWS = {"crop": False, "crop+mirror": True}
"""Whether predictions are averaged with those of the mirrored crop."""
THRESHOLDS = (0.1, 0.2)
JUDGED = 0.2  # of the tests
LEVEL_OF_SIGNIFICANCE = 0.05
PANELS = {"features": "Learned features", "stages": "Convolutional stages", "interaction": "Interaction"}
Distances = dict[tuple[str, str], list[np.ndarray]]  # of the last stage by view and machine: (N, P) for each seed


def measure(study: Study) -> None:
    """Train the four machines with every number of subjects and every seed."""
    options = study.options
    options.seeds = (2 if study.quick else 3) if options.seeds is None else options.seeds
    if options.seeds < 2:
        raise ValueError(
            f"--seeds {options.seeds}: at least 2 are needed, since the interval counts the luck of training"
        )
    sizes = _sizes(study)
    compile_kernels(options.jobs)
    runs: list[dict] = []
    found: dict[str, list[dict]] = {"accuracy": [], "effects": [], "differences": []}
    for size in sizes:
        distances: Distances = {pair: [] for pair in itertools.product(VIEWS, MACHINES)}
        for seed in range(options.seed, options.seed + options.seeds):
            crops = _subjects(study.people().train, size, seed)
            for name in MACHINES:
                run, last = _run(study, name, crops, seed)
                runs.append(run)
                for view in VIEWS:
                    distances[view, name].append(last[view])
        analyse(size, distances, found, n_all=len(study.people().train), n_resamples=study.resamples)
        answer = {"seeds": options.seeds, "machines": MACHINES, "sizes": [each for each in sizes if each <= size]}
        study.write(answer | {"runs": runs} | found | {"best": best(found)}, draw, finished=size == sizes[-1])


def _sizes(study: Study) -> tuple[int, ...]:
    """Numbers of training subjects, increasing."""
    options = study.options
    if options.sizes is not None:
        try:
            sizes = tuple(sorted({int(size) for size in options.sizes.split(",")}))
        except ValueError as error:
            raise ValueError(
                f"--sizes takes numbers separated by commas, such as 50,200; got {options.sizes}"
            ) from error
    else:
        sizes = (options.train // 2, options.train) if study.quick else SIZES
        sizes = tuple(size for size in sizes if size <= options.train)
    if not sizes or not 2 <= sizes[0] <= sizes[-1] <= options.train:
        raise ValueError(
            f"numbers of training subjects must be from 2 to --train, {options.train}; got "
            f"{', '.join(map(str, sizes)) or 'none'}; pass --sizes or a larger --train"
        )
    return sizes


def _subjects(train: Crops, size: int, seed: int) -> Crops:
    """The first subjects of a permutation, in their own order."""
    return train[np.sort(np.random.default_rng(seed).permutation(len(train))[:size])]


# -- one training ---------------------------------------------------------------------------------------------------


def untrained(study: Study, name: str, seed: int):
    """One of :data:`MACHINES`, with three stages; small in a quick run."""
    options, quick = study.options, study.quick
    kind, _, features = name.partition("-")
    common = {"skeleton": study.people().skeleton, "n_jobs": options.jobs, "random_state": seed, "verbose": not quick}
    if kind == "forests":
        read = {"hand-made": "hand-made", "pretrained": "efficientnet-lite0"}[features]
        return PoseMachine(3, stage=ForestStage(features=read, **({"n_rounds": 2} if quick else {})), **common)
    epochs = {"epochs": 2} if quick else {}
    return ConvPoseMachine(3, stage=ConvStage(network=f"cpm-{features}"), device=options.device, **epochs, **common)


def _run(study: Study, name: str, crops: Crops, seed: int) -> tuple[dict, dict[str, np.ndarray]]:
    """Figures of one training, and the distances (N, P) of the last stage by view."""
    trained = study.trained(untrained(study, name, seed), name, crops=crops)
    cost = trained.record["cost"]
    run = {"people": len(crops), "machine": name, "seed": seed}
    run |= {key: cost[key] for key in ("seconds", "cpu_seconds")}
    last = {}
    for view, staged in _predictions(study, trained).items():
        errors, distances = _distances(study, staged)
        run[view] = [
            {
                "stage": number,
                "pck": {str(limit): pooled_pck(each, limit) for limit in THRESHOLDS},
                "mean_error_px": float(np.nanmean(error)),
            }
            for number, (error, each) in enumerate(zip(errors, distances, strict=True), 1)
        ]
        last[view] = distances[-1]
    return run, last


def _predictions(study: Study, trained: Trained) -> dict[str, np.ndarray]:
    """Joints (T, N, P, 2) of the test subjects after each stage, by view, in pixels of the crop; kept in a file."""
    test, file = study.people().test, study.options.trained / "predictions" / trained.file.name
    mark = fingerprint([], (np.fromfile(trained.file, np.uint8), test.X))
    if file.is_file():
        try:
            return read_arrays(file, mark)
        except ValueError:  # of another training or other test subjects
            file.unlink()
    found = {}
    for view, flip in VIEWS.items():
        trained.machine.set_params(flip=flip)
        found[view] = np.stack(list(trained.machine.staged_predict(test.X)))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(file, found | {"fingerprint": mark})
    return found


def _distances(study: Study, staged: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Errors (T, N, P) in pixels of the photos, and the same stage by stage in reference lengths."""
    test, skeleton = study.people().test, study.people().skeleton
    truth = test.y.copy()
    truth[..., :2] = to_photo(test.y[..., :2], test.transforms)
    scale, labelled = reference_length(truth, skeleton), truth[..., 2] > 0
    in_photo = [to_photo(joints, test.transforms) for joints in staged]
    distances = [normalised_distances(joints, truth[..., :2], scale, labelled=labelled) for joints in in_photo]
    return radial_errors(np.stack(in_photo), truth), distances


# -- analysis -------------------------------------------------------------------------------------------------------


def analyse(size: int, distances: Distances, found: dict[str, list[dict]], *, n_all: int, n_resamples: int) -> None:
    """Add intervals, effects and tests for one number of subjects, of `n_all`, and correct all tests together."""
    for view, limit in itertools.product(VIEWS, THRESHOLDS):
        each = np.stack([np.stack(distances[view, name]) for name in MACHINES], 1)  # (S, M, N, P)
        hits, counts = within(each, limit).sum(-1), np.isfinite(each[0, 0]).sum(-1)
        crossed = Crossed(hits, counts, n_resamples=n_resamples)
        about = {"people": size, "view": view, "threshold": str(limit)}
        for number, name in enumerate(MACHINES):
            value, ends = crossed.accuracy(number)
            found["accuracy"].append({**about, "machine": name, "pck": value, "interval": list(ends)})
        found["effects"] += [{**about, "effect": name, **effect} for name, effect in effects(crossed).items()]
    found["differences"] += _differences(size, n_all, distances)
    corrected = holm([each["p"] for each in found["differences"]])
    for each, p in zip(found["differences"], corrected, strict=True):
        each |= {"p_holm": float(p), "family": len(corrected), "significant": bool(p < LEVEL_OF_SIGNIFICANCE)}


def _differences(size: int, n_all: int, distances: Distances) -> Iterator[dict]:
    """Every pair of machines on single crops, each against those before it.

    Where the subjects are drawn anew for each seed, the luck of having these is part of the variance between trainings;
    only where all are used does the test have to add it.
    """
    measure_of = measures((), "px", pck=(JUDGED,))[-1]
    n_train = float(size) if size == n_all else float("inf")
    for b, a in itertools.combinations(MACHINES, 2):
        first, second = (np.stack(distances["crop", name]) for name in (a, b))
        result = seeds_test(first, second, measure_of, np.arange(first.shape[1]), n_train)
        yield {
            "people": size, "a": a, "b": b, "threshold": str(JUDGED), "difference": result.value,
            "interval": list(result.interval), "p": result.p,
        }  # fmt: skip


def best(found: dict[str, list[dict]]) -> list[dict]:
    """For each number of subjects, the most accurate machine on single crops, and those significantly below it."""
    rows = []
    for size in dict.fromkeys(each["people"] for each in found["accuracy"]):
        of_size = [row for row in found["accuracy"] if row["people"] == size]
        judged = [row for row in of_size if (row["view"], row["threshold"]) == ("crop", str(JUDGED))]
        first = max(judged, key=lambda row: row["pck"])["machine"]
        below = [
            each["b"] if each["a"] == first else each["a"]
            for each in found["differences"]
            if each["people"] == size and first in (each["a"], each["b"]) and each["significant"]
        ]
        rows.append(
            {"people": size, "machine": first, "significantly_above": [name for name in MACHINES if name in below]}
        )
    return rows


# -- plot -----------------------------------------------------------------------------------------------------------


def draw(result: dict):
    """PCK@0.2 of the four machines over the number of training subjects; beneath, the effects of both changes."""
    made = figure(5.6, 6.4)
    above, beneath = made.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    accuracy = {label: _points(result["accuracy"], "machine", name, "pck") for name, label in MACHINES.items()}
    changes = {label: _points(result["effects"], "effect", name, "points") for name, label in PANELS.items()}
    lines(_beside(accuracy), xlabel="", ylabel="PCK@0.2 [%], with 95 % interval", log=True, ax=above)
    lines(_beside(changes), xlabel="Training subjects", ylabel="Effect [points]", log=True, ax=beneath, bottom=None)
    beneath.axhline(0, color=INK, linewidth=0.7)
    for ax in (above, beneath):
        ax.set_xticks(result["sizes"], [f"{size:,}" for size in result["sizes"]])
        ax.get_legend().remove()
    white = {"facecolor": "white", "edgecolor": "none", "fontsize": SMALL, "labelcolor": INK, "handlelength": 3.2}
    above.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, **white)
    beneath.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, **white)
    return made


def _points(rows: list[dict], key: str, name: str, value: str) -> list[tuple]:
    """Number of subjects, value and interval of one line."""
    return [
        (row["people"], row[value], row["interval"])
        for row in rows
        if (row[key], row["view"], row["threshold"]) == (name, "crop", str(JUDGED))
    ]


def _beside(series: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    """The same lines, moved sideways a little, so that intervals do not hide each other."""
    places = [point[0] for points in series.values() for point in points]
    step = max((max(places) / min(places)) ** 0.009, 1.005)
    middle = (len(series) - 1) / 2
    return {
        label: [(people * step ** (number - middle), *more) for people, *more in points]
        for number, (label, points) in enumerate(series.items())
    }


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, help="trainings of each machine, at least 2 (default: 3; 2 with --quick)")
    parser.add_argument("--sizes", help=f"comma-separated numbers of training subjects (default: {SIZES})")


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("features_or_context", __doc__, measure, arguments, n_train=8000, add=_add)


if __name__ == "__main__":
    sys.exit(main())
