"""Which machine is worse than which, by every measure, as an answer's verdicts say."""

from __future__ import annotations

from math import isfinite

from .._utils import formatting as form

__all__ = ["Quantities", "Verdicts"]

WORDS = {
    "worse": "worse",
    "better": "better",
    "open": "not established",
    "untested": "not tested",
    "saturated": "says nothing",
}
"""State of a verdict in words, from the point of view of the machine that is compared with the chosen one."""


class Quantities:
    """Errors of an answer as text, in its units.

    Parameters
    ----------
    units : dict
        ``name``, ``short`` and ``decimals``.
    """

    def __init__(self, units: dict) -> None:
        self.name, self.short, self.decimals = units["name"], units["short"], units.get("decimals", 1)

    def number(self, value, *, sign: bool = False) -> str:
        """Without the unit."""
        return form.signed(value, self.decimals) if sign else form.number(value, self.decimals)

    def __call__(self, value) -> str:
        """With the unit, such as "2.1 px"."""
        return f"{self.number(value)}{form.NO_BREAK_SPACE}{self.short}"

    def full(self, value) -> str:
        """With the unit, in full where its short form says too little, such as "2.1 % of the wing's length"."""
        return f"{self.number(value)}{form.NO_BREAK_SPACE}{self.name if self.short == '%' else self.short}"

    def ends(self, interval) -> str:
        """An interval without the unit, such as "1.8 to 2.5"; empty where it is unknown."""
        return f"{self.number(interval[0])} to {self.number(interval[1])}" if known(interval) else ""

    def limit(self, threshold: float) -> str:
        """A threshold, such as "2.5 px"."""
        return f"{threshold:g}{form.NO_BREAK_SPACE}{self.short}"


def known(interval) -> bool:
    """Whether both ends of an interval are numbers."""
    return interval is not None and all(end is not None and isfinite(end) for end in interval)


class Verdicts:
    """The verdicts of an answer, seen from its chosen machine.

    Parameters
    ----------
    answer : dict
        The entry ``answer`` of a report.
    """

    def __init__(self, answer: dict) -> None:
        self.answer, self.chosen, self.machines = answer, answer["chosen"], answer["machines"]
        self.quantities = Quantities(answer["units"])
        self.all = [one for one in answer.get("verdicts") or () if {one["a"], one["b"]} <= {*self.machines}]

    @property
    def others(self) -> list[str]:
        """All machines but the chosen one, the lowest mean error first."""
        return [name for name in self.ranked if name != self.chosen]

    @property
    def ranked(self) -> list[str]:
        """All machines, the lowest mean error first."""
        values = {name: each["mean"]["value"] for name, each in self.machines.items()}
        return sorted(values, key=lambda name: float("inf") if values[name] is None else values[name])

    @property
    def measures(self) -> list[dict]:
        """One verdict for each measure, in their order; their names, kinds and saturation are those of all pairs."""
        return list({one["measure"]: one for one in reversed(self.all)}.values())[::-1]

    def between(self, other: str) -> dict[str, dict]:
        """Verdicts on another machine and the chosen one by measure, as other minus chosen, with their ``state``."""
        found = {}
        for one in self.all:
            if {one["a"], one["b"]} == {other, self.chosen} and other != self.chosen:
                found[one["measure"]] = _seen_from(one, other)
        return found

    def state(self, other: str) -> str:
        """What is established about the mean error of another machine, a key of ``WORDS``."""
        found = self.between(other).get("mean error")
        return "untested" if found is None else found["state"]

    def difference(self, one: dict) -> str:
        """A difference as text, such as "+1.5 px" or "−12.0 points"."""
        if one["difference"] is None or not isfinite(one["difference"]):
            return form.UNKNOWN
        if one["kind"] == "error":
            return f"{self.quantities.number(one['difference'], sign=True)}{form.NO_BREAK_SPACE}{self.quantities.short}"
        return f"{form.signed(one['difference'])} points"

    def interval(self, one: dict) -> str:
        """The 95 % interval of a difference; empty where it is unknown."""
        if not known(one["interval"]):
            return ""
        digits = self.quantities.decimals if one["kind"] == "error" else 1
        return " to ".join(form.signed(end, digits) for end in one["interval"])

    def mean_pose_rate(self, one: dict, pck: dict[str, float]) -> float | None:
        """Percentage of landmarks that the mean pose places within the threshold of a measure."""
        if one["kind"] == "pck":
            return pck.get(f"{one['threshold']:g}")
        rates = (self.machines.get("mean") or {}).get("success") or ()
        return next((rate["value"] for rate in rates if rate["threshold"] == one["threshold"]), None)


def _seen_from(one: dict, other: str) -> dict:
    turned = dict(one)
    if one["b"] == other:
        turned |= {"a": one["b"], "b": one["a"]}
        if one["difference"] is not None:
            turned["difference"] = -one["difference"]
        if known(one["interval"]):
            turned["interval"] = [-end for end in reversed(one["interval"])]
    if one.get("saturated"):
        state = "saturated"
    elif one.get("significant") and one.get("better") is not None:
        state = "better" if one["better"] == other else "worse"
    else:
        state = "open" if known(one["interval"]) else "untested"
    return turned | {"state": state}
