"""A score that says what it measures."""

from __future__ import annotations

__all__ = ["Score"]


class Score(float):
    """A percentage that remembers its metric; a plain float everywhere else.

    Parameters
    ----------
    value : float
        In percent; NaN where nothing could be scored.
    metric : str, default="PCK@0.2"
        Name of the metric.
    reference : str, optional
        What distances were divided by, such as "left shoulder to right hip".

    Examples
    --------
    >>> Score(48.612, reference="left shoulder to right hip")
    48.6 % (PCK@0.2 of left shoulder to right hip)
    >>> f"{Score(48.612):.2f}", Score(48.612) > 48
    ('48.61', True)
    """

    metric: str
    reference: str

    def __new__(cls, value: float, metric: str = "PCK@0.2", reference: str = "") -> Score:
        """The constructor of a float takes its value here."""
        made = super().__new__(cls, value)
        made.metric, made.reference = metric, reference
        return made

    def __getnewargs__(self) -> tuple[float, str, str]:  # type: ignore[override]
        """Copies and pickles keep what is measured."""
        return float(self), self.metric, self.reference

    def __repr__(self) -> str:
        measured = f"{self.metric} of {self.reference}" if self.reference else self.metric
        return f"{float(self):.1f} % ({measured})"

    __str__ = __repr__
