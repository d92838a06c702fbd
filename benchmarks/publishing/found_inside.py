"""Claims of "Convolutional Pose Machines" about gradients and context: findings and tables from the result files."""

from __future__ import annotations

from statistics import NormalDist

from benchmarks.publishing.found_words import (
    HELD,
    IN_PART,
    NOT_HELD,
    Finding,
    Rows,
    accuracy,
    interval,
    listed,
    number,
    verdict_of,
    verdict_sentence,
)

__all__ = ["context", "context_table", "gradient", "gradient_table"]

# -- gradients (figure 5) -------------------------------------------------------------------------------------------

NETS = {"cvpr": "the paper's net A", "lite": "cpm-lite"}
LOSSES = {"all": "a loss at every stage", "last": "one loss at the end"}
VANISHED = 10
"""Factor from which smaller gradients count as vanished."""


def gradient(result: dict) -> Finding:
    """Do the gradients of early layers vanish without a loss at every stage?"""
    nets = result["nets"]
    ratios = {net: _ratio(found) for net, found in nets.items()}
    held = {net: ratio >= VANISHED for net, ratio in ratios.items()}
    verdict = verdict_of(list(held.values()))
    parts = [
        f"{word} for {listed([NETS[net] for net in held if held[net] is each])}"
        for each, word in ((True, HELD), (False, NOT_HELD))
        if each in held.values()
    ]
    sizes = [f"{_times(ratio)} larger in {NETS[net]}" for net, ratio in ratios.items()]
    suffered = listed([NETS[net] for net, found in nets.items() if _suffered(found)])
    accuracies = f"suffers in {suffered}" if suffered else "does not suffer"
    sentence = (
        f"{verdict_sentence(listed(parts))}: early in training, the gradients of the first layer with {LOSSES['all']} "
        f"are {listed(sizes)} than with {LOSSES['last']} (root mean square; a factor of {VANISHED} counts as "
        f"vanished). Accuracy {accuracies} here: {'; '.join(_reached(net, found) for net, found in nets.items())}."
    )
    small = listed([f"{_times(ratio)} smaller in {NETS[net]}" for net, ratio in ratios.items()])
    short = f"{small}; accuracy {accuracies}"
    return Finding(verdict, sentence, short)


def _reached(net: str, found: dict) -> str:
    """Accuracy with both kinds of supervision."""
    every, last = (accuracy(found[key]["stages"][-1]) for key in LOSSES)
    after = f"after {found['all']['epochs']['late']} epochs {NETS[net]} reaches {every} at PCK@0.2"
    return f"{after} with {LOSSES['all']} and {last} with {LOSSES['last']}"


def _ratio(found: dict) -> float:
    """Gradient of the first layer early in training: with a loss at every stage, divided by that with a single loss."""
    every, last = (found[key]["layers"]["early"][0]["std"] for key in LOSSES)
    return every / last if last else float("inf")


def _times(ratio: float) -> str:
    """A ratio with two significant digits."""
    rounded = float(f"{ratio:.2g}")
    return "infinitely many times" if rounded == float("inf") else f"{rounded:,.{0 if rounded >= 10 else 1}f} times"


def _suffered(found: dict) -> bool:
    """Whether accuracy is lower with a single loss: the intervals do not overlap."""
    every, last = (found[key]["stages"][-1]["interval"]["0.2"] for key in LOSSES)
    return last[1] < every[0]


def gradient_table(result: dict) -> Rows:
    """One row per net and kind of supervision."""
    rows = []
    for net, found in result["nets"].items():
        for losses, each in found.items():
            sizes = [f"{each['layers'][when][0]['std']:.2g}" for when in ("early", "middle", "late")]
            rows.append((NETS[net], LOSSES[losses], *sizes, accuracy(each["stages"][-1])))
    return ("Net", "Losses", "First layer, root mean square, early", "middle", "late", "PCK@0.2 in the end"), rows


# -- context (figure 3) ---------------------------------------------------------------------------------------------

MACHINES = {"pm": "forests", "cpm": "net"}
ALL_OTHERS, EASY = "all but its own", ("head and neck", "shoulders", "hips")


def context(result: dict) -> Finding:
    """Does context from easy parts fix hard parts?"""
    withheld = {name: result["machines"][name]["withheld"] for name in MACHINES}
    family = sum(len(rows) for rows in withheld.values()) * (1 + len(EASY))
    found = {name: _of_machine(rows, family) for name, rows in withheld.items()}
    verdicts = {name: each.verdict for name, each in found.items()}
    same = len(set(verdicts.values())) == 1
    each_one = listed([f"{verdict} for the {MACHINES[name]}" for name, verdict in verdicts.items()])
    judged = f"{verdicts['pm']} for the forests and the net" if same else each_one
    sentence = " ".join(f"For the {MACHINES[name]}, {each.sentence}." for name, each in found.items())
    sentence += f" Significance is after Bonferroni's correction for {family} intervals."
    every = [row for rows in withheld.values() for target in rows for row in _rows(rows, target, (ALL_OTHERS,))]
    easy = [row for rows in withheld.values() for target in rows for row in _rows(rows, target, EASY)]
    most, least = max(easy, key=_loss), min(every, key=_loss)
    short = f"without all other parts {_change(least)} or more; without one easy group {_change(most)} at most"
    short += "" if any(_surely(row, family) for row in easy) else ", not significant"
    return Finding(verdicts["pm"] if same else IN_PART, f"{verdict_sentence(judged)}. {sentence}", short)


def _of_machine(withheld: dict, family: int) -> Finding:
    """Confirmed if the other parts matter together and, for each target, an easy group matters alone."""
    others = {target: _rows(withheld, target, (ALL_OTHERS,))[0] for target in withheld}
    easy = {target: _rows(withheld, target, EASY) for target in withheld}
    sure = {target: [row for row in rows if _surely(row, family)] for target, rows in easy.items()}
    lost = [_surely(row, family) for row in others.values()]
    change = listed([f"{_change(row, f' points for {target}')}" for target, row in others.items()])
    text = f"withholding all other parts from stage 2 changes its PCK@0.2 by {change}"
    text += "" if all(lost) else ", not significant" if not any(lost) else ", not all significant"
    if any(sure.values()):
        named = [
            _change(row, f" for {target} without {row['withheld']}") for target, rows in sure.items() for row in rows
        ]
        text += f"; of the easy groups alone, significant are {listed(named)}"
    else:
        pairs = [(target, row) for target, rows in easy.items() for row in rows]
        target, row = max(pairs, key=lambda pair: _loss(pair[1]))
        least = _change(row, f" for {target} without {row['withheld']}")
        text += f"; no easy group alone ({listed(list(EASY), 'or')}) is a significant loss, the largest being {least}"
    return Finding(verdict_of([*lost, *map(bool, sure.values())]), text, "")


def _rows(withheld: dict, target: str, names: tuple[str, ...]) -> list[dict]:
    """The rows of a target for some withheld groups."""
    return [next(row for row in withheld[target] if row["withheld"] == name) for name in names]


def _loss(row: dict) -> float:
    return -row["points"]


def _change(row: dict, what: str = "") -> str:
    return f"{number(row['points'], '+')}{what} ({interval(row['interval'], '+')})"


def _surely(row: dict, family: int) -> bool:
    """Whether it is a loss after Bonferroni's correction; the interval is widened as for a normal distribution."""
    normal = NormalDist()
    wider = normal.inv_cdf(1 - 0.025 / family) / normal.inv_cdf(0.975)
    return row["points"] + wider * (row["interval"][1] - row["points"]) < 0


def context_table(result: dict) -> Rows:
    """One row per machine, target and stage."""
    rows = []
    for name, label in MACHINES.items():
        for row in result["machines"][name]["corrections"]:
            shares = [f"{row[key]['value']:.1f} %" for key in ("corrected", "lost")]
            sizes = [number(row[key]["value"]) for key in ("pck_before", "pck_after")]
            rows.append((label, row["target"], str(row["stage"]), *shares, *sizes))
    return (
        "Machine",
        "Joints",
        "Stage",
        "Missed joints corrected",
        "Found joints lost",
        "PCK@0.2 before",
        "after",
    ), rows
