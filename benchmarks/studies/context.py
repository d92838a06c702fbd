"""Does context from easy parts fix hard parts? What stage 2 corrects, and which belief maps it needs for that.

Figure 3 of "Convolutional Pose Machines" (CVPR 2016): the beliefs of easy parts help a later stage to locate the hard
ones. Here for elbows and wrists: how often stage t finds a joint that stage t - 1 missed, and loses one that it found;
and how accuracy changes when the belief maps of a part, or of a group of parts, are withheld from stage 2, that is,
replaced by the mean maps over all subjects. Forests also read maps of limbs and of the body, which only the last two
groups withhold.

    python benchmarks/studies/context.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.studies.study import Study, run_study
from benchmarks.studies.study_plots import colour, dress, legend
from posemachines._utils.figures import GRID, INK, SMALL, figure
from posemachines.beliefs import decode
from posemachines.comparison.machines import LABELS, compile_kernels
from posemachines.evaluation import resampled_ratios
from posemachines.geometry import to_photo
from posemachines.metrics import normalised_distances, reference_length, within

TARGETS = {"elbows": ("right elbow", "left elbow"), "wrists": ("right wrist", "left wrist")}
FOUND = 0.2
BATCH = 64


def measure(study: Study) -> None:
    """Corrections from stage to stage, and the loss of stage 2 without a part, for both machines."""
    people, options = study.people(), study.options
    compile_kernels(options.jobs)
    found = {}
    for name in ("pm", "cpm"):
        machine = study.machine(name)
        machine = study.trained(machine, name).machine
        hits = [_hits(study, joints) for joints in machine.staged_predict(people.test.X)]
        found[name] = {"corrections": _corrections(study, hits), "withheld": _withheld(study, machine, hits)}
        parts = list(people.skeleton.parts)
        study.write({"parts": parts, "machines": found}, draw, finished=name == "cpm")


def _hits(study: Study, joints: np.ndarray) -> np.ndarray:
    """1 for each of the joints (N, P, 2), in pixels of the crop, that is found, 0 if missed, NaN if not scored."""
    test, skeleton = study.people().test, study.people().skeleton
    truth = test.y.copy()
    truth[..., :2] = to_photo(test.y[..., :2], test.transforms)
    scale = reference_length(truth, skeleton)
    distances = normalised_distances(
        to_photo(joints, test.transforms), truth[..., :2], scale, labelled=truth[..., 2] > 0
    )
    return np.where(np.isfinite(distances), within(distances, FOUND), np.nan)


def _parts(study: Study, target: str) -> list[int]:
    return [study.people().skeleton.index(part) for part in TARGETS[target]]


def _corrections(study: Study, hits: list[np.ndarray]) -> list[dict]:
    """Shares of missed joints that the next stage finds, and of found joints that it loses."""
    rows = []
    for target in TARGETS:
        parts = _parts(study, target)
        for stage in range(1, len(hits)):
            before, after = hits[stage - 1][:, parts], hits[stage][:, parts]
            rows.append(
                {
                    "target": target,
                    "stage": stage + 1,
                    "corrected": _share(study, (before == 0) & (after == 1), before == 0),
                    "lost": _share(study, (before == 1) & (after == 0), before == 1),
                    "pck_before": _share(study, before == 1, np.isfinite(before)),
                    "pck_after": _share(study, after == 1, np.isfinite(after)),
                }
            )
    return rows


def _share(study: Study, counted: np.ndarray, of: np.ndarray) -> dict:
    """Share in %, with its bootstrap interval over subjects."""
    part, whole = counted.sum(1).astype(float), of.sum(1).astype(float)
    if not whole.sum():
        return {"value": None, "interval": [None, None], "n": 0}
    ratios = 100 * resampled_ratios(part, whole, n_resamples=study.resamples)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    return {"value": 100 * part.sum() / whole.sum(), "interval": [low, high], "n": int(whole.sum())}


def _withheld(study: Study, machine, hits: list[np.ndarray]) -> dict:
    """Accuracy of stage 2 on the targets when the maps of a part, or of a group, of stage 1 are withheld."""
    images, skeleton = study.people().test.X, study.people().skeleton
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    given = [next(iter(machine.staged_beliefs(batch, composites=True))) for batch in batches]
    mean = np.concatenate(given).mean(0)
    features = [machine.stages_[1].compute_features(batch) for batch in batches]

    @cache
    def second(maps: tuple[int, ...]) -> np.ndarray:
        """Which joints stage 2 finds when some maps of stage 1 are replaced by their mean."""
        joints = []
        for batch, beliefs, seen in zip(batches, given, features, strict=True):
            changed = beliefs.copy()
            changed[:, list(maps)] = mean[list(maps)]
            out = machine.stages_[1].predict(batch, changed, features=seen)
            joints.append(decode(out, stride=machine.stride_)[0])
        return _hits(study, np.concatenate(joints))

    n_maps, rows = given[0].shape[1], {}
    for target in TARGETS:
        parts = _parts(study, target)
        rows[target] = []
        for name, maps_of in _withholdings(skeleton, n_maps).items():
            judged = [part for part in parts if maps_of(part)]
            known = second(())[:, judged]
            without = np.stack([second(maps_of(part))[:, part] for part in judged], 1)
            rows[target].append({"withheld": name, **_loss(study, hits[0][:, judged], known, without)})
    return rows


def _withholdings(skeleton, n_maps: int) -> dict[str, Callable[[int], tuple[int, ...]]]:
    """By name, the maps that are withheld when a part is judged; none where the question makes no sense."""
    n_parts = skeleton.n_parts

    def one(part: int) -> Callable[[int], tuple[int, ...]]:
        return lambda judged: () if judged == part else (part,)

    def named(*words: str) -> Callable[[int], tuple[int, ...]]:
        found = [part for part, name in enumerate(skeleton.parts) if any(word in name for word in words)]
        return lambda judged: tuple(part for part in found if part != judged)

    single = {name: one(part) for part, name in enumerate(skeleton.parts)}
    groups = {
        "head and neck": named("head", "neck"),
        "shoulders": named("shoulder"),
        "other joints of the arms": named("elbow", "wrist"),
        "hips": named("hip"),
        "knees and ankles": named("knee", "ankle"),
        "its own": lambda judged: (judged,),
        "all but its own": lambda judged: tuple(number for number in range(n_maps) if number not in (judged, n_parts)),
        "everything": lambda judged: tuple(range(n_maps)),
    }
    return single | groups


def _loss(study: Study, first: np.ndarray, known: np.ndarray, without: np.ndarray) -> dict:
    """Change of accuracy in points, and the share of the corrections of stage 2 that are undone."""
    both = np.isfinite(known)
    change = np.where(both, without - known, 0).sum(1)
    ratios = 100 * resampled_ratios(change, both.sum(1).astype(float), n_resamples=study.resamples)
    corrected = (first == 0) & (known == 1)
    return {
        "points": 100 * change.sum() / max(both.sum(), 1),
        "interval": np.nanquantile(ratios, [0.025, 0.975]),
        "corrections_undone": _share(study, corrected & (without == 0), corrected),
    }


def draw(result: dict):
    """Change of accuracy for elbows and wrists when beliefs are withheld, for both machines."""
    names = [row["withheld"] for row in next(iter(result["machines"].values()))["withheld"]["elbows"]]
    made = figure(8.6, 6.2)
    axes = made.subplots(1, 2, sharex=True, sharey=True)
    places = np.arange(len(names)) + 0.8 * (np.arange(len(names)) >= len(result["parts"]))  # a gap before the groups
    for ax, (name, found) in zip(axes, result["machines"].items(), strict=False):
        for number, (target, rows) in enumerate(found["withheld"].items()):
            points, ends = (np.array([row[key] for row in rows]) for key in ("points", "interval"))
            spread = np.maximum([points - ends[:, 0], ends[:, 1] - points], 0)
            ax.barh(
                places + (-0.19, 0.19)[number], points, 0.36, xerr=spread, color=(colour(0), colour(2))[number],
                label=target, error_kw={"elinewidth": 0.8, "ecolor": INK},
            )  # fmt: skip
        dress(ax, xlabel="Change of PCK@0.2 of stage 2 [points]", ylabel="")
        ax.grid(axis="x", color=GRID, linewidth=0.7)
        ax.grid(visible=False, axis="y")
        ax.set_title(LABELS[name], fontsize=9.5, fontweight="bold", color=INK)
        ax.set_yticks(places, names, fontsize=SMALL)
        ax.axvline(0, color=INK, linewidth=0.7)
    axes[0].invert_yaxis()
    axes[0].set_ylabel("Beliefs of stage 1 that are withheld", fontsize=8.5, color=INK)
    legend(axes[0], loc="upper left")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("context", __doc__, measure, arguments, n_train=8000)


if __name__ == "__main__":
    sys.exit(main())
