"""What a comparison found, in sentences, made from the entry ``answer`` of its report."""

from __future__ import annotations

import re
from typing import Any

from benchmarks.publishing.found_words import listed

__all__ = [
    "Form", "against_best", "contour", "cost", "curve", "human", "known", "protocol", "ranked", "verdict",
]  # fmt: skip


class Form:
    """Numbers in the units of an answer."""

    def __init__(self, answer: dict) -> None:
        self.short, self.decimals = answer["units"]["short"], answer["units"]["decimals"]

    def number(self, value: float | None, sign: str = "") -> str:
        """With as many decimals as are worth printing."""
        return "-" if value is None else f"{value:{sign}.{self.decimals}f}"

    def ends(self, interval, sign: str = "") -> str:
        """Both bounds of an interval."""
        return f"{self.number(interval[0], sign)} to {self.number(interval[1], sign)}"

    def estimate(self, entry: dict) -> str:
        """A value with its interval."""
        shown = self.number(entry["value"])
        return f"{shown} ({self.ends(entry['interval'])})" if known(entry.get("interval")) else shown

    def unit(self, text: str) -> str:
        """With the unit behind it."""
        return f"{text} {self.short}"


def known(interval) -> bool:
    """Whether an interval has both bounds."""
    return interval is not None and all(end is not None for end in interval)


def against_best(answer: dict, name: str) -> dict | None:
    """The verdict on the mean errors of a machine and of the chosen one, as machine minus chosen."""
    for each in answer["verdicts"]:
        if each["measure"] == "mean error" and {each["a"], each["b"]} == {name, answer["chosen"]}:
            if each["a"] == name or each["difference"] is None:
                return each
            turned = [-end for end in reversed(each["interval"])] if known(each["interval"]) else None
            return each | {"difference": -each["difference"], "interval": turned}
    return None


def ranked(answer: dict) -> list[tuple[str, dict]]:
    """Machines by name, the lowest mean error first."""
    return sorted(answer["machines"].items(), key=lambda item: item[1]["mean"]["value"])


def verdict(answer: dict) -> str:
    """Which machine has the lowest error, and from which others that distinguishes it."""
    form, machines, chosen = Form(answer), answer["machines"], answer["chosen"]
    entry = machines[chosen]
    text = (
        f"**{entry['label']}** has the lowest mean error: {form.unit(form.estimate(entry['mean']))}, median "
        f"{form.unit(form.number(entry['median']['value']))}."
    )
    others = [name for name, _ in ranked(answer) if name not in (chosen, "mean")]
    clear = {name: (against_best(answer, name) or {}).get("significant", False) for name in others}
    worse = [machines[name]["label"] for name in others if clear[name]]
    alike = [machines[name]["label"] for name in others if not clear[name]]
    text += f" Significantly worse: {listed(worse)}." if worse else ""
    text += f" Not established: the difference from {listed(alike)}." if alike else ""
    return f"{text} ({_capital(answer['test'])}.)"


def human(answer: dict) -> str:
    """How far two people lie apart."""
    found, form = answer.get("human"), Form(answer)
    if not found:
        return ""
    apart = form.unit(form.number(found["mean"]))
    return (
        f"Two people's labels lie {apart} apart in the mean, {form.unit(form.number(found['median']))} in the median."
    )


def curve(answer: dict) -> str:
    """What more labels would give."""
    found, form = answer.get("curve"), Form(answer)
    if not found or not found["predictions"]:
        return ""
    outcome = {
        "helps": "More labels would help",
        "flat": "More labels would hardly help",
        "unclear": "Whether more labels would help is unclear",
    }[found["outcome"]]
    predicted = listed(
        [
            f"{form.unit(form.number(each['error']))} ({form.ends(each['interval'])}) with {each['labels']:,}"
            for each in found["predictions"]
        ]
    )
    now = f"{form.unit(form.number(found['errors'][-1]))} with {found['sizes'][-1]:,.0f} training subjects"
    return f"{outcome}: {now}; the fitted curve, extrapolated, predicts {predicted}."


def protocol(report: dict) -> str:
    """How it was tested: what was kept together, and how new photos are cropped."""
    found = report["answer"]["protocol"]
    repeats = found.get("repeats_done") or found["repeats"]
    if found["kind"] == "cross-validation":
        how = (
            f"Cross-validation of {report['dataset']['test']:,} subjects in {found['folds']} folds"
            f"{f', {repeats} times' if repeats > 1 else ''}, about {found['n_train']:,} for training in each"
        )
    else:
        how = (
            f"Trained on {found['n_train']:,} and tested on {found['n_test']:,} subjects"
            f"{f', {repeats} trainings with different seeds' if repeats > 1 else ''}"
        )
    text = f"{how}. Kept together: {found['n_groups']:,} groups ({_plain(found['groups'])})."
    if found["one_recording"]:
        text += " All frames are of one recording, and the figures hold for this recording only."
    height, width = found["crop_shape"]
    return (
        f"{text} Crop rule *{found['crop_rule']}*: {_plain(found['crop_reason'])}. Crops are {height} px high and "
        f"{width} px wide; one pixel of the crop is {found['photo_px_per_crop_px']:g} px of the photo. Errors are in "
        f"{_plain(report['answer']['units']['name'])}."
    )


def contour(result: dict) -> str:
    """The distance of tongue contours, beside the published one."""
    pixels, found, scale = result["contour_px"], result["contour_mm"], result["mm_per_px"]
    return (
        f"On {result['contours']:,} labelled tongues of {result['recordings']:,} recordings of unseen speakers, the "
        f"contours that a {result['machine']} finds lie {found['mean']:.2f} mm (s.d. {found['sd']:.2f}) from the "
        f"labelled ones in the mean, or {pixels['mean']:.2f} px (s.d. {pixels['sd']:.2f}), at {scale['lowest']:.3f} to "
        f"{scale['highest']:.3f} mm per pixel. On the scale: {_plain(result['note'])}. Wrench and Balch-Tomes "
        f"(Sensors 22(3):1133, 2022) publish {result['published_mm']:.2f} mm for DeepLabCut with an ImageNet "
        f"ResNet-50, on all 1,026 test frames, and {result['labellers_mm']:.2f} mm between two people."
    )


def cost(report: dict) -> str:
    """How long it took, and on what."""
    computer: dict[str, Any] = report["computer"]
    minutes = report["settings"]["total_seconds"] / 60
    return f"The comparison took {minutes:.1f} minutes on {computer['cores']} cores of {computer['processor']}."


def _plain(text: str) -> str:
    """Text without markup: a regular expression, for example, has its asterisks."""
    return re.sub(r"([\\*`_|])", r"\\\1", text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
