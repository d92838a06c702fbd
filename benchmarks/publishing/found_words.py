"""Words for figures, intervals and verdicts, shared by all findings."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "ANSWER", "HELD", "IN_PART", "NOT_HELD", "Finding", "Rows", "Step", "accuracy", "against", "climb", "interval",
    "listed", "number", "signed", "step", "verdict_of",
]  # fmt: skip

HELD, IN_PART, NOT_HELD, ANSWER = "held", "held in part", "did not hold", "answer"
Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]


class Finding(NamedTuple):
    """What a study found.

    Attributes
    ----------
    verdict : str
        `HELD`, `IN_PART` or `NOT_HELD` of a claim; `ANSWER` of an open question.
    sentence : str
    short : str
        The figures alone, for a cell of the summary.
    """

    verdict: str
    sentence: str
    short: str


class Step(NamedTuple):
    """By how many points of PCK a machine is ahead of another.

    Attributes
    ----------
    points : float
    ends : list of float
        Of the 95 % interval.
    sure : bool
        Whether that is significant after Holm's correction.
    p : float
        After Holm's correction.
    """

    points: float
    ends: list[float]
    sure: bool
    p: float

    @property
    def gained(self) -> bool:
        """Whether it is significantly ahead."""
        return self.sure and self.points > 0

    @property
    def lost(self) -> bool:
        """Whether it is significantly behind."""
        return self.sure and self.points < 0


def step(differences: list[dict], first: str, second: str, threshold: str = "0.2") -> Step:
    """By how much `first` is ahead of `second`, of the differences of a result."""
    for each in differences:
        if each["threshold"] == threshold and {each["a"], each["b"]} == {first, second}:
            (low, high), sure, p = each["interval"], each["significant"], each["p_holm"]
            if each["a"] == first:
                return Step(each["difference"], [low, high], sure, p)
            return Step(-each["difference"], [-high, -low], sure, p)
    raise ValueError(f"the result does not compare {first} with {second}")


def verdict_of(parts: list[bool]) -> str:
    """Of a claim, from whether its parts held."""
    return HELD if all(parts) else IN_PART if any(parts) else NOT_HELD


def number(value: float, sign: str = "") -> str:
    """One decimal, or as many, up to three, as tell it from 0; `sign` is "+" where gains carry one, too."""
    digits = next((digits for digits in (1, 2, 3) if round(value, digits)), 1)
    return f"{value:{sign}.{digits}f}" if round(value, digits) else "0.0"


def interval(ends, sign: str = "") -> str:
    """Both ends."""
    return f"{number(ends[0], sign)} to {number(ends[1], sign)}"


def accuracy(figures: dict, threshold: str = "0.2") -> str:
    """PCK with its interval."""
    return f"{number(figures['pck'][threshold])} ({interval(figures['interval'][threshold])})"


def signed(found: Step, doubt: str = "; not significant") -> str:
    """Points with their sign and interval, and that they are not significant where they are not."""
    return f"{number(found.points, '+')} ({interval(found.ends, '+')}{'' if found.sure else doubt})"


def against(found: Step, name: str) -> str:
    """How a machine compares with another, as the end of a sentence."""
    if not found.sure:
        told = f"{number(found.points, '+')} points, {interval(found.ends, '+')}"
        return f"cannot be told from {name} ({told}; p = {found.p:.2g} after Holm's correction)"
    side = "above" if found.points > 0 else "below"
    return f"is {number(abs(found.points))} points {side} {name} ({interval(_sizes(found))})"


def _sizes(found: Step) -> list[float]:
    return sorted(found.ends) if found.points > 0 else sorted(-end for end in found.ends)


def climb(steps: list[Step], names: list[str]) -> tuple[int, str, str]:
    """Where a series ends to rise: the index in `names` of the last significant gain, 0 for none, and words.

    The words tell, first, how it rises up to there, and, second, where it loses significantly; empty where it doesn't.
    """
    gains = [index for index, each in enumerate(steps, 1) if each.gained]
    last = gains[-1] if gains else 0
    rise = ""
    if gains:
        found = steps[last - 1]
        rise = f"by {number(found.points)} points at the last gain ({interval(found.ends)})"
        rise += f" and with a significant gain at {len(gains)} of {last} steps" if len(gains) < last else ""
    losses = [
        f"{number(-each.points)} points at {names[index]} ({interval(_sizes(each))})"
        for index, each in enumerate(steps, 1)
        if each.lost
    ]
    return last, rise, listed(losses)


def listed(words: list[str], last: str = "and") -> str:
    """Words with commas between them and a word before the last."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
