"""Learned features or convolutional stages: finding and table from the result file."""

from __future__ import annotations

from benchmarks.publishing.found_words import ANSWER, Finding, Rows, accuracy, interval, listed, number

__all__ = ["features", "features_table"]

NAMES = {
    "forests-hand-made": "forests on hand-made features", "forests-pretrained": "forests on pretrained features",
    "nets-hand-made": "nets on hand-made features", "nets-pretrained": "nets on pretrained features",
}  # fmt: skip
CHANGES = ("features", "stages")  # names of the main effects
VIEW, THRESHOLD = "crop", "0.2"


def features(result: dict) -> Finding:
    """How much of the gain do learned features and convolutional stages carry?"""
    sizes = result["sizes"]
    last = f"{sizes[-1]:,}"
    found = {name: _effect(result, sizes[-1], name) for name in ("distance", *CHANGES, "interaction")}
    parts = [f"{_points(found[name])} of {name}{_share(found[name])}" for name in CHANGES]
    others = [
        f"{' and '.join(_points(_effect(result, size, name)) for name in CHANGES)} with {size:,} subjects"
        for size in sizes[:-1]
    ]
    alone = [f"{_points(_effect(result, sizes[-1], f'{name} alone'))} of {name}" for name in CHANGES]
    sentence = (
        "From forests on hand-made features to nets on pretrained ones, PCK@0.2 changes by "
        f"{_points(found['distance'])} points with {last} training subjects. The main effects are {listed(parts)}. "
        f"Either change made alone gives {listed(alone)}; the interaction, what a change gives a machine with the "
        f"other less what it gives one with neither, is {_points(found['interaction'])}."
    )
    if others:
        sentence += f" The main effects of features and stages are {'; '.join(others)}."
    short = ", ".join(f"{name} {_points(found[name])}" for name in CHANGES)
    best = NAMES[result["best"][-1]["machine"]]
    return Finding(ANSWER, f"{sentence} {_best(result)}", f"{short} with {last} subjects; best: {best}")


def _effect(result: dict, people: int, name: str) -> dict:
    """One effect, on single crops."""
    return next(
        row
        for row in result["effects"]
        if (row["people"], row["effect"], row["view"], row["threshold"]) == (people, name, VIEW, THRESHOLD)
    )


def _points(effect: dict) -> str:
    return f"{number(effect['points'], '+')} ({interval(effect['interval'], '+')})"


def _share(effect: dict) -> str:
    """The fraction of the distance; empty if the distance is not clearly different from 0."""
    if effect["share"] is None:
        return ""
    low, high = (f"{100 * end:.0f}" for end in effect["share_interval"])
    return f" ({100 * effect['share']:.0f} % of the distance; {low} to {high})"


def _best(result: dict) -> str:
    """The most accurate machines; those with the same verdict share a clause."""
    clauses: dict[str, list[str]] = {}
    for row in result["best"]:
        above, n_others = row["significantly_above"], len(NAMES) - 1
        what = (
            "all others" if len(above) == n_others else listed([NAMES[name] for name in above]) or "none of the others"
        )
        clauses.setdefault(f"{NAMES[row['machine']]} (significantly above {what})", []).append(f"{row['people']:,}")
    with_sizes = [f"{clause} with {listed(sizes)} subjects" for clause, sizes in clauses.items()]
    return f"Most accurate are {'; '.join(with_sizes)}."


def features_table(result: dict) -> Rows:
    """One row per number of subjects and machine."""
    rows = []
    for size in result["sizes"]:
        for name, label in result["machines"].items():
            runs = [run for run in result["runs"] if (run["people"], run["machine"]) == (size, name)]
            figures = [_accuracy(result, size, name, view) for view in ("crop", "crop+mirror")]
            error = sum(run[VIEW][-1]["mean_error_px"] for run in runs) / len(runs)
            minutes = sum(run["cpu_seconds"] for run in runs) / len(runs) / 60
            rows.append((f"{size:,}", label, *map(accuracy, figures), number(error), f"{minutes:.1f}"))
    heads = ("Subjects", "Machine", "PCK@0.2", "with the mirrored crop", "Mean error [px of the photo]")
    return (*heads, "Training [core minutes]"), rows


def _accuracy(result: dict, people: int, machine: str, view: str) -> dict:
    """Accuracy at both thresholds, in the form of a stage's figures."""
    rows = [
        row for row in result["accuracy"] if (row["people"], row["machine"], row["view"]) == (people, machine, view)
    ]
    return {key: {row["threshold"]: row[key] for row in rows} for key in ("pck", "interval")}
