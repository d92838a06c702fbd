"""Progress bars, shown where the caller asks for them."""

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
    """A progress bar over `iterable` with the time left; silent unless `shown`, wiped in the end if `passing`.

    What was `done` before it began does not count as its speed.
    """
    return tqdm(
        iterable, description, total=total, initial=done, disable=not shown, leave=not passing, dynamic_ncols=True
    )
