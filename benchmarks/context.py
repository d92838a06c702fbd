"""Does context from easy parts fix hard parts? What stage 2 corrects, and whose belief maps it took.

Figure 3 of "Convolutional Pose Machines" (CVPR 2016): beliefs of parts that are easy tell a later stage where the hard
ones are. Here for elbows and wrists: how often stage t finds a joint that stage t - 1 missed, and loses one that it
had; and how accuracy changes when one part's belief map is withheld from stage 2: the mean map of all people stands in
for it.

    python benchmarks/context.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machines import LABELS, build, compile_kernels
from benchmarks.study import Study, run_study
from benchmarks.study_plots import dress
from posemachines._plots import INK, SMALL, figure
from posemachines.beliefs import decode
from posemachines.crops import to_photo
from posemachines.evaluation import resampled_ratios
from posemachines.metrics import normalised_distances, reference_length, within

TARGETS = {"elbows": ("right elbow", "left elbow"), "wrists": ("right wrist", "left wrist")}
FOUND = 0.2
BATCH = 64


def measure(study: Study) -> None:
    """Both machines: corrections from stage to stage, and what stage 2 loses without a part."""
    people, options = study.people(), study.options
    compile_kernels(options.jobs)
    found = {}
    for name in ("pm", "cpm"):
        machine = build(
            name, people.skeleton, len(people.train.X), seed=options.seed, device=options.device, jobs=options.jobs,
            rounds=2 if study.quick else None, epochs=2 if study.quick else None,
        )  # fmt: skip
        machine = study.trained(machine, name).machine
        hits = [_hits(study, joints) for joints in machine.staged_predict(people.test.X)]
        found[name] = {"corrections": _corrections(study, hits), "withheld": _withheld(study, machine, hits)}
        parts = list(people.skeleton.parts)
        study.write({"parts": parts, "machines": found}, draw, finished=name == "cpm")


def _hits(study: Study, joints: np.ndarray) -> np.ndarray:
    """1 where a joint (N, P, 2) in pixels of the crop is found, 0 where not, NaN where it is not scored; (N, P)."""
    test, skeleton = study.people().test, study.people().skeleton
    truth = test.y.copy()
    truth[..., :2] = to_photo(test.y[..., :2], test.transforms)
    scale = reference_length(truth, skeleton)
    distances = normalised_distances(
        to_photo(joints, test.transforms), truth[..., :2], scale, visible=truth[..., 2] > 0
    )
    return np.where(np.isfinite(distances), within(distances, FOUND), np.nan)


def _parts(study: Study, target: str) -> list[int]:
    return [study.people().skeleton.index(part) for part in TARGETS[target]]


def _corrections(study: Study, hits: list[np.ndarray]) -> list[dict]:
    """Shares of the missed that the next stage finds, and of the found that it loses."""
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
    """Share in %, with its interval by resampling people."""
    part, whole = counted.sum(1).astype(float), of.sum(1).astype(float)
    if not whole.sum():
        return {"value": None, "interval": [None, None], "n": 0}
    ratios = 100 * resampled_ratios(part, whole, n_resamples=study.resamples)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    return {"value": 100 * part.sum() / whole.sum(), "interval": [low, high], "n": int(whole.sum())}


def _withheld(study: Study, machine, hits: list[np.ndarray]) -> dict:
    """What stage 2 finds of the targets when one part's map of stage 1 is withheld, or all are."""
    images = study.people().test.X
    n_parts = study.people().skeleton.n_parts
    given = [next(iter(machine.staged_beliefs(images[start : start + BATCH], composites=True)))
             for start in range(0, len(images), BATCH)]  # fmt: skip
    mean = np.concatenate(given).mean(0)
    features = [machine.stages_[1].features(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]

    def second(maps) -> np.ndarray:
        """Joints of stage 2 with some maps of stage 1 replaced by their mean."""
        joints = []
        for number, beliefs in enumerate(given):
            changed = beliefs.copy()
            changed[:, maps] = mean[maps]
            batch = images[number * BATCH : (number + 1) * BATCH]
            out = machine.stages_[1].predict(batch, changed, features=features[number])
            joints.append(decode(out, stride=machine.stride_)[0])
        return np.concatenate(joints)

    known = _hits(study, second([]))
    rows = {target: [] for target in TARGETS}
    names = [*study.people().skeleton.parts, "everything"]
    for part, name in enumerate(names):
        maps = list(range(given[0].shape[1])) if part == n_parts else [part]
        without = _hits(study, second(maps))
        for target in TARGETS:
            own = _parts(study, target)
            judged = [each for each in own if each != part]  # a part's own map is no context
            both = np.isfinite(known[:, judged])
            change = np.where(both, without[:, judged] - known[:, judged], 0)
            low, high = np.nanquantile(
                100 * resampled_ratios(change.sum(1), both.sum(1).astype(float), n_resamples=study.resamples),
                [0.025, 0.975],
            )
            corrected = (hits[0][:, judged] == 0) & (known[:, judged] == 1)
            rows[target].append(
                {
                    "withheld": name,
                    "points": 100 * change.sum() / max(both.sum(), 1),
                    "interval": [low, high],
                    "corrections_undone": _share(study, corrected & (without[:, judged] == 0), corrected),
                }
            )
    return rows


def draw(result: dict):
    """Points that elbows and wrists lose when a part is withheld, both machines."""
    names = [row["withheld"] for row in next(iter(result["machines"].values()))["withheld"]["elbows"]]
    made = figure(8.2, 4.6)
    axes = made.subplots(1, 2, sharey=True)
    places = np.arange(len(names))
    for ax, (name, found) in zip(axes, result["machines"].items(), strict=False):
        for offset, (target, rows), shade in zip(
            (-0.19, 0.19), found["withheld"].items(), ("#157a5a", "#8f5f00"), strict=True
        ):
            points = np.array([row["points"] for row in rows])
            ends = np.array([row["interval"] for row in rows])
            spread = [points - ends[:, 0], ends[:, 1] - points]
            ax.barh(places + offset, points, 0.36, xerr=np.maximum(spread, 0), color=shade, label=target,
                    error_kw={"elinewidth": 0.8, "ecolor": INK})  # fmt: skip
        dress(ax, xlabel="change of PCK@0.2 of stage 2 [points]", ylabel="")
        ax.grid(axis="x", color="#dcdde0", linewidth=0.7)
        ax.grid(visible=False, axis="y")
        ax.set_title(LABELS[name], fontsize=9.5, fontweight="bold", color=INK)
        ax.set_yticks(places, names, fontsize=SMALL)
        ax.axvline(0, color=INK, linewidth=0.7)
    axes[0].invert_yaxis()
    axes[0].legend(frameon=False, fontsize=SMALL, loc="lower left", title="of the", title_fontsize=SMALL)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the study."""
    return run_study("context", __doc__, measure, arguments, n_train=8000)


if __name__ == "__main__":
    sys.exit(main())
