"""Numbers, intervals and verdicts in words, shared by all findings."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "ANSWER", "HELD", "IN_PART", "NOT_HELD", "Finding", "Rows", "Step", "accuracy", "against", "climb", "interval",
    "listed", "number", "signed", "step", "verdict_of", "verdict_sentence",
]  # fmt: skip

HELD, IN_PART, NOT_HELD, ANSWER = "confirmed", "partly confirmed", "not confirmed", "answer"
Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]


class Finding(NamedTuple):
    """The finding of a study.

    Attributes
    ----------
    verdict : str
        `HELD`, `IN_PART` or `NOT_HELD` for a claim; `ANSWER` for an open question.
    sentence : str
    short : str
        The numbers only, for a cell of the summary.
    """

    verdict: str
    sentence: str
    short: str


class Step(NamedTuple):
    """The lead of one machine over another, in points of PCK.

    Attributes
    ----------
    points : float
    ends : list of float
        Bounds of the 95 % interval.
    sure : bool
        Whether the lead is significant after Holm's correction.
    p : float
        p-value after Holm's correction.
    """

    points: float
    ends: list[float]
    sure: bool
    p: float

    @property
    def gained(self) -> bool:
        """Whether the machine is significantly ahead."""
        return self.sure and self.points > 0

    @property
    def lost(self) -> bool:
        """Whether the machine is significantly behind."""
        return self.sure and self.points < 0


def step(differences: list[dict], first: str, second: str, threshold: str = "0.2") -> Step:
    """The lead of `first` over `second`, from the differences of a result."""
    for each in differences:
        if each["threshold"] == threshold and {each["a"], each["b"]} == {first, second}:
            (low, high), sure, p = each["interval"], each["significant"], each["p_holm"]
            if each["a"] == first:
                return Step(each["difference"], [low, high], sure, p)
            return Step(-each["difference"], [-high, -low], sure, p)
    raise ValueError(f"the result does not compare {first} with {second}")


def verdict_of(parts: list[bool]) -> str:
    """Verdict on a claim, given which of its parts are confirmed."""
    return HELD if all(parts) else IN_PART if any(parts) else NOT_HELD


def verdict_sentence(verdict: str) -> str:
    """The beginning of a sentence: "The claim is confirmed"."""
    return f"The claim is {verdict}"


def number(value: float, sign: str = "") -> str:
    """A number with one decimal, or up to three if it would be 0.0; with `sign` "+", gains have a sign too."""
    digits = next((digits for digits in (1, 2, 3) if round(value, digits)), 1)
    return f"{value:{sign}.{digits}f}" if round(value, digits) else "0.0"


def interval(ends, sign: str = "") -> str:
    """Both bounds of an interval."""
    return f"{number(ends[0], sign)} to {number(ends[1], sign)}"


def accuracy(figures: dict, threshold: str = "0.2") -> str:
    """PCK with its interval."""
    return f"{number(figures['pck'][threshold])} ({interval(figures['interval'][threshold])})"


def signed(found: Step, doubt: str = "; not significant") -> str:
    """Points with sign and interval, and a remark if they are not significant."""
    return f"{number(found.points, '+')} ({interval(found.ends, '+')}{'' if found.sure else doubt})"


def against(found: Step, name: str) -> str:
    """How a machine compares with another, as the end of a sentence."""
    if not found.sure:
        points = f"{number(found.points, '+')} points, {interval(found.ends, '+')}"
        return f"does not differ significantly from {name} ({points}; p = {found.p:.2g} after Holm's correction)"
    side = "above" if found.points > 0 else "below"
    return f"is {number(abs(found.points))} points {side} {name} ({interval(_sizes(found))})"


def _sizes(found: Step) -> list[float]:
    return sorted(found.ends) if found.points > 0 else sorted(-end for end in found.ends)


def climb(steps: list[Step], names: list[str]) -> tuple[int, str, str]:
    """Where a series stops rising: the index in `names` of the last significant gain (0 for none), and two phrases.

    The first describes the rise up to there, the second lists significant losses; either may be empty.
    """
    gains = [index for index, each in enumerate(steps, 1) if each.gained]
    last = gains[-1] if gains else 0
    rise = ""
    if gains:
        found = steps[last - 1]
        rise = f"with a last gain of {number(found.points)} points ({interval(found.ends)})"
        rise += f" and significant gains at {len(gains)} of {last} steps" if len(gains) < last else ""
    losses = [
        f"{number(-each.points)} points at {names[index]} ({interval(_sizes(each))})"
        for index, each in enumerate(steps, 1)
        if each.lost
    ]
    return last, rise, listed(losses)


def listed(words: list[str], last: str = "and") -> str:
    """Words separated by commas, with a conjunction before the last."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
