"""Progress bars, shown on request."""

from __future__ import annotations

from collections.abc import Iterable

from tqdm import tqdm

__all__ = ["progress"]


def progress(
    iterable: Iterable,
    description: str,
    *,
    shown: bool,
    total: int | None = None,
    done: int = 0,
    passing: bool = False,
) -> tqdm:
    """A progress bar over `iterable` with the remaining time; silent unless `shown`, erased at the end if `passing`.

    Steps `done` before it started do not count towards its speed.
    """
    return tqdm(
        iterable, description, total=total, initial=done, disable=not shown, leave=not passing, dynamic_ncols=True
    )
