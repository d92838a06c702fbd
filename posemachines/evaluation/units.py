"""Units of radial errors: pixels of the photo, millimetres, or percent of a length that the reader knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..metrics.pck import box_length, pair_length

__all__ = ["Units", "parse_units"]


@dataclass(frozen=True)
class Units:
    """What errors are given in.

    Attributes
    ----------
    name : str
        In full: "pixels of the photo", "mm", "% of the distance from nose to tail".
    short : str
        After a number: "px", "mm", "%".
    scale : float ndarray of shape (N,)
        Units per pixel of each subject's photo; NaN where unknown, and then the subject is not scored.
    decimals : int
        Digits after the point that are worth printing.
    note : str
        What the reader should know, such as how many subjects are not scored; empty if there is nothing.
    """

    name: str
    short: str
    scale: np.ndarray
    decimals: int = 1
    note: str = ""

    def of(self, errors, subjects=None) -> np.ndarray:
        """Errors (..., N, P) in pixels of the photo, in these units; of some `subjects` only, if given."""
        scale = self.scale if subjects is None else self.scale[subjects]
        return np.asarray(errors, float) * scale[:, None]


def parse_units(text: str, dataset) -> Units:
    """Units by their name.

    Parameters
    ----------
    text : str
        "px"; "mm" (the data set knows its spacing); "0.1 mm/px"; "box", percent of the longer side of the box around
        the labelled landmarks; "constant 120", percent of 120 px; or the names of two landmarks, "nose:tail", percent
        of the distance between their labels. "auto" is mm where the spacing of every photo is known, otherwise px.
    dataset : PoseDataset

    Returns
    -------
    Units
        Its note says how many subjects are not scored, because their spacing or length is not known.

    Raises
    ------
    ValueError
        If the text is none of these, or the data set lacks what it needs.
    """
    n, spacing = len(dataset), dataset.mm_per_pixel
    known = spacing is not None and bool(np.isfinite(spacing).all())
    if text == "px" or (text == "auto" and not known):
        some = 0 if spacing is None else int(np.isfinite(spacing).sum())
        note = f"{some} of {n} subjects have a known spacing: errors are in pixels" if some and text == "auto" else ""
        return Units("pixels of the photo", "px", np.ones(n), note=note)
    if text in ("mm", "auto"):
        if spacing is None or not np.isfinite(spacing).any():
            raise ValueError(
                'units="mm" needs the spacing of the pixels, which these data do not have: pass mm_per_pixel=... '
                "(--mm-per-px)"
            )
        return _scored("mm", "mm", spacing, 2)
    if text.endswith("mm/px"):
        return Units("mm", "mm", np.full(n, _positive(text.removesuffix("mm/px"), text)), 2)
    if text.startswith("constant"):
        length = _positive(text.removeprefix("constant"), text)
        return Units(f"% of {length:g} px", "%", np.full(n, 100 / length))
    if text == "box":
        return _scored("% of the longer side of the landmarks' box", "%", _percent(box_length(dataset.joints)))
    first, separator, second = text.partition(":")
    if not separator or not {first, second} <= {*dataset.skeleton.parts} or first == second:
        raise ValueError(
            f'units {text!r} are none of "px", "mm", "0.1 mm/px", "box", "constant 120" or two landmarks '
            f'"A:B"; the landmarks are {", ".join(dataset.skeleton.parts)}'
        )
    lengths = pair_length(dataset.joints, dataset.skeleton.index(first), dataset.skeleton.index(second))
    if not np.isfinite(lengths).any():
        raise ValueError(f"no subject has both {first} and {second} labelled; choose other units")
    return _scored(f"% of the distance from {first} to {second}", "%", _percent(lengths))


def _scored(name: str, short: str, scale, decimals: int = 1) -> Units:
    """Units of which some subjects may lack the scale."""
    scale = np.asarray(scale, float)
    lacking = int((~np.isfinite(scale)).sum())
    note = f"{lacking} of {len(scale)} subjects are not scored: they lack the scale for errors in {name}"
    return Units(name, short, scale, decimals, note if lacking else "")


def _percent(lengths) -> np.ndarray:
    lengths = np.asarray(lengths, float)
    return 100 / np.where(lengths > 0, lengths, np.nan)


def _positive(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < np.inf:
        raise ValueError(f"units {whole!r}: give a positive number, such as 0.1 mm/px or constant 120")
    return value
