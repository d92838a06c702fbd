"""The answer of a comparison: which machine, how far off it is, how sure that is, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._utils.json_files import plain
from ..evaluation.learning_curve import fit_learning_curve
from ..evaluation.radial_summary import choose_thresholds, saturated_rates, summarise
from ..evaluation.resampled import Measure, measures, verdicts
from ..metrics import normalised_distances, pooled_pck, radial_errors, reference_length, success_rates
from .experiment import CURVE_SHARES, Experiment
from .suspects import suspect_labels

__all__ = ["Answer"]

PCK = (0.1, 0.2)


class Answer:
    """What an experiment says, as far as it has come.

    Parameters
    ----------
    experiment : Experiment
    labels : dict of str to str
        Display names of the machines.
    thresholds : sequence of float, optional
        Distances, in the plan's units, at which the rate of success is given; chosen by the best machine by default.
    second_joints : ndarray of shape (N, P, 3), optional
        A second person's labels of the plan's subjects.
    label_check : dict, optional
        Numbers of ``errors``, ``warnings`` and ``notes`` in the labels.
    title : str, optional
    """

    def __init__(
        self,
        experiment: Experiment,
        labels: Mapping[str, str],
        *,
        thresholds: Sequence[float] | None = None,
        second_joints: np.ndarray | None = None,
        label_check: Mapping[str, int] | None = None,
        title: str | None = None,
    ) -> None:
        self.experiment, self.plan, self.labels = experiment, experiment.plan, dict(labels)
        self.given_thresholds, self.second_joints = thresholds, second_joints
        self.label_check, self.title = label_check, title
        self._kept: dict[tuple, np.ndarray] = {}

    # -- errors -------------------------------------------------------------------------------------------------------

    @property
    def truth(self) -> np.ndarray:
        """Labels (N, P, 3) of the tested subjects, in pixels of the photo."""
        return self.plan.data.joints[self.experiment.tested]

    def _in_units(self, errors: np.ndarray) -> np.ndarray:
        return self.plan.units.of(errors, self.experiment.tested)

    def _joints(self, name: str) -> np.ndarray:
        """Joints (R, N, P, 2) of the repeats that all machines have finished."""
        n = self.experiment.n_repeats()
        key = (name, n)
        if key not in self._kept:
            self._kept[key] = np.stack([self.experiment.gathered(name, repeat=each)[0][-1] for each in range(n)])
        return self._kept[key]

    def errors(self, name: str) -> np.ndarray:
        """Radial errors (R, N, P) of a machine, in the plan's units."""
        return self._in_units(radial_errors(self._joints(name), self.truth))

    def _distances(self, name: str) -> np.ndarray:
        """Distances (R, N, P) in reference lengths, for PCK."""
        scale = reference_length(self.truth, self.plan.data.skeleton)
        labelled = self.truth[..., 2] > 0
        return np.stack(
            [normalised_distances(one, self.truth[..., :2], scale, labelled=labelled) for one in self._joints(name)]
        )

    def _mean_error(self, name: str) -> float:
        found = self.errors(name)
        return float(np.nanmean(np.where(np.isinf(found), np.nan, found)))

    # -- findings -----------------------------------------------------------------------------------------------------

    def ranked(self) -> list[str]:
        """Machines that have finished, the lowest mean error first."""
        return sorted(self.experiment.finished(), key=self._mean_error)

    def chosen(self) -> str:
        """The machine with the lowest mean error; the mean pose only if there is no other."""
        ranked = self.ranked()
        return next((name for name in ranked if name != "mean"), ranked[0])

    def thresholds(self) -> list[float]:
        """Distances at which the rate of success is given."""
        if self.given_thresholds is not None:
            return [float(each) for each in self.given_thresholds]
        return choose_thresholds(self.errors(self.chosen())[0])

    def saturated(self) -> list[str]:
        """Names of measures at which even the mean pose exceeds 95 %."""
        if "mean" not in self.experiment.finished():
            return []
        limits, unit = self.thresholds(), self.plan.units.short
        found = success_rates(self.errors("mean")[0], limits)
        rates = {f"within {limit:g} {unit}": float(rate) for limit, rate in zip(limits, found, strict=True)}
        first = self._distances("mean")[0]
        return saturated_rates(rates | {f"PCK@{limit:g}": pooled_pck(first, limit) for limit in PCK})

    def measures(self) -> list[Measure]:
        """What machines are compared by."""
        return measures(self.thresholds(), self.plan.units.short, PCK, self.saturated())

    def verdicts(self) -> list[dict[str, Any]]:
        """Every pair of machines by every measure; see :func:`posemachines.evaluation.resampled.verdicts`."""
        done = self.experiment.finished()
        n_repeats, plan = self.experiment.n_repeats(), self.plan
        return verdicts(
            {name: self.errors(name) for name in done},
            {name: self._distances(name) for name in done},
            self.measures(),
            folds=None if plan.held_out else plan.folds.numbers[:n_repeats],
            groups=plan.groups.values[self.experiment.tested],
            n_train=plan.describe()["n_train"],
        )

    def pck_differences(self) -> list[dict[str, Any]]:
        """The verdicts about PCK, as the tables of differences list them."""
        n_subjects = int((self.truth[..., 2] > 0).any(1).sum())
        kept = ("a", "b", "threshold", "difference", "interval", "p_holm", "family", "significant")
        return [
            {name: one[name] for name in kept}
            | {"n_people": n_subjects, "saturated": one["saturated"]}
            for one in self.verdicts()
            if one["kind"] == "pck"
        ]  # fmt: skip

    # -- the content --------------------------------------------------------------------------------------------------

    def content(self, timed: Mapping[str, Mapping], final: Mapping[str, Any] | None) -> dict[str, Any]:
        """The entry ``answer`` of a report."""
        plan, ranked = self.plan, self.ranked()
        chosen = self.chosen()
        curve, suspects = self._curve(chosen), self._suspects()
        return plain(
            {
                "title": self.title,
                "units": {"name": plan.units.name, "short": plan.units.short, "decimals": plan.units.decimals},
                "chosen": chosen,
                "second": next((name for name in ranked if name not in ("mean", chosen)), None),
                "machines": {name: self._machine(name) for name in self.experiment.finished()},
                "verdicts": self.verdicts(),
                "test": self._how_tested(),
                "training_variance": not plan.held_out or self.experiment.n_repeats() > 1,
                "human": self._human(),
                "curve": curve,
                "suspects": suspects,
                "label_check": self.label_check,
                "speed": {name: {"ms": each["ms_per_image"]["median"]} for name, each in timed.items()},
                "protocol": plan.describe() | {"repeats_done": self.experiment.n_repeats()},
                "saturated": [name.removeprefix("PCK@") for name in self.saturated() if name.startswith("PCK@")],
                "notes": [*plan.notes, *self.experiment.notes],
                "next": self._next(final, suspects),
                "final": final,
            }
        )

    def _machine(self, name: str) -> dict[str, Any]:
        errors = self.errors(name)
        groups = self.plan.groups.values[self.experiment.tested]
        found = summarise(errors, groups, self.thresholds())
        saturated = {*self.saturated()}
        for each in found["success"]:
            each["saturated"] = f"within {each['threshold']:g} {self.plan.units.short}" in saturated
        staged = self.experiment.gathered(name)[0]
        by_stage = self._in_units(radial_errors(staged, self.truth))
        return {
            "label": self.labels.get(name, name),
            **found,
            "parts": [self._of_part(errors[..., part], part) for part in range(errors.shape[-1])],
            "stages": [_mean(one) for one in by_stage],
            "boxed": self._boxed(name),
        }

    def _of_part(self, errors: np.ndarray, part: int) -> dict[str, Any]:
        known = errors[np.isfinite(errors)]
        values = (known.mean(), np.median(known), np.quantile(known, 0.95)) if len(known) else (None,) * 3
        return {
            "part": self.plan.data.skeleton.parts[part],
            **dict(zip(("mean", "median", "p95"), values, strict=True)),
        }

    def _boxed(self, name: str) -> dict[str, float] | None:
        """Errors with perfect boxes: crops around the labels."""
        joints = self.experiment.boxed(name)
        if joints is None:
            return None
        errors = self._in_units(radial_errors(joints, self.truth))
        known = errors[np.isfinite(errors)]
        return {"mean": float(known.mean()), "median": float(np.median(known))}

    def _how_tested(self) -> str:
        plan, repeats = self.plan, self.experiment.n_repeats()
        if plan.held_out:
            if repeats < 2:
                return "one training each, so there is no test of the difference"
            return f"t-test over {repeats} trainings and the test subjects, with Holm's correction"
        times = f" x {repeats} repeats" if repeats > 1 else ""
        return (
            f"t-test over {plan.folds.n_folds} folds{times}, corrected for the training subjects that they share, with "
            "Holm's correction"
        )

    def _human(self) -> dict[str, Any] | None:
        """How far a second person's labels lie from the first's."""
        if self.second_joints is None:
            return None
        second = self.second_joints[self.experiment.tested]
        both = self.truth.copy()
        both[..., 2] = (both[..., 2] > 0) & (second[..., 2] > 0)
        errors = self._in_units(radial_errors(second[..., :2], both))
        known = errors[np.isfinite(errors)]
        if not len(known):
            return None
        return {
            "mean": float(known.mean()), "median": float(np.median(known)), "p95": float(np.quantile(known, 0.95)),
            "n_joints": len(known),
        }  # fmt: skip

    def _curve(self, name: str) -> dict[str, Any] | None:
        """The learning curve of a machine: measured in a few folds; the others tell how much folds differ."""
        keys = [key for key in self.experiment.results if key[1] == name]
        measured = {key[2:] for key in keys if key[0].startswith("curve")}
        if not measured:
            return None
        folds = sorted(measured | {key[2:] for key in keys if key[0] == "fold"})
        shares = (*CURVE_SHARES, 1.0)
        n_train = self.plan.describe()["n_train"]
        errors = np.full((len(shares), len(folds)), np.nan)
        for row, share in enumerate(shares):
            for column, (repeat, fold) in enumerate(folds):
                purpose = "fold" if share == 1 else f"curve {share:g}"
                result = self.experiment.results.get((purpose, name, repeat, fold))
                if result is not None:
                    test = self.plan.folds.test(repeat, fold)
                    found = radial_errors(result.staged[-1], self.plan.data.joints[test])
                    errors[row, column] = _mean(self.plan.units.of(found, test))
        fitted = fit_learning_curve([round(share * n_train) for share in shares], errors)
        return None if fitted is None else {"machine": name, "folds": len(measured)} | fitted

    def _suspects(self) -> list[dict[str, Any]]:
        """Labels that every machine contradicts, with their photos."""
        others = [name for name in self.experiment.finished() if name != "mean"]
        found = suspect_labels({name: self._joints(name)[0] for name in others}, self.truth)
        scale, tested = self.plan.units.scale, self.experiment.tested
        return [
            {
                "photo": _name(self.plan.data.photos[tested[one["subject"]]]),
                "subject": int(tested[one["subject"]]),
                "part": self.plan.data.skeleton.parts[one["part"]],
                "distance": one["distance"] * float(scale[tested[one["subject"]]]),
            }
            for one in found
        ]

    def _next(self, final: Mapping[str, Any] | None, suspects: list) -> list[dict[str, Any]]:
        """What to do next, as commands where there are some."""
        steps: list[dict[str, Any]] = []
        if final is not None:
            machine = shlex.quote(str(final["file"]))
            box = " --box X,Y,WIDTH,HEIGHT" if self.plan.rule.rule not in ("photo", "located") else ""
            command = f"python -m posemachines predict PHOTO --machine {machine}{box}"
            steps.append({"text": "Predict new photos.", "command": command})
        wrong = 0 if self.label_check is None else self.label_check["errors"] + self.label_check["warnings"]
        if suspects or wrong:
            number = len(suspects)
            which = "the label" if number == 1 else f"the {number} labels"
            text = f"Look at {which} that all machines contradict" if number else "Look at the labels"
            steps.append({"text": f"{text}, correct what is wrong, and compare again.", "command": None})
        if self.plan.groups.kind == "one recording":
            steps.append(
                {
                    "text": "Label a few frames of other recordings: one recording cannot tell how others fare.",
                    "command": None,
                }
            )
        return steps


def _mean(errors: np.ndarray) -> float | None:
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if len(known) else None


def _name(photo) -> str:
    return "/".join(Path(photo).parts[-2:]) if isinstance(photo, str | Path) else "array"
