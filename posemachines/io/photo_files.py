"""Photos in files, found in a folder by the names that annotations use.

The names of all photos are resolved together, so that one layout of folders fits them all. A photo is taken only where
as much of its path agrees as tells it from others: ``labeled-data/B/img0.png`` is found from the project, from
``labeled-data`` and from ``B``, but not in a folder ``A`` that has an ``img0.png``, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..photos import photo_size, reference
from .folders import folded
from .photo_search import Search, take_apart
from .stated_sizes import FittedPhotos, check_sizes, rescale_points

__all__ = ["FittedPhotos", "FoundPhotos", "check_sizes", "find_photo", "find_photos", "photo_size", "rescale_points"]


@dataclass(frozen=True)
class FoundPhotos:
    """Photos that were found.

    Attributes
    ----------
    paths : list of N (Path, str or None)
        Path or reference of each subject's photo; None where it is missing.
    missing : list of str
        Names of the missing photos, each once.
    notes : tuple of str
        What the user should know: what is missing, and where names and files differ.
    """

    paths: list[Path | str | None]
    missing: list[str]
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> list[int]:
        """Indices of the subjects whose photo was found."""
        return [index for index, path in enumerate(self.paths) if path is not None]

    @property
    def photos(self) -> list[Path | str]:
        """Photos of these subjects."""
        return [path for path in self.paths if path is not None]


def find_photo(folder: str | Path, name: str) -> Path | None:
    """The photo in `folder` that annotations call `name`; None if it is not there.

    The folder may be the one that the name is relative to, or one that the name mentions.
    """
    return Search(folder, [take_apart(name, Path(folder))]).places[0]


def find_photos(
    folder: str | Path,
    names: Sequence[str],
    source: str | Path,
    *,
    max_missing: float = 0.1,
    other_types: bool = False,
) -> FoundPhotos:
    """The photos that `names` stand for.

    Parameters
    ----------
    folder : path
        What the names are relative to, or a folder that they mention. Full paths of another computer, of Windows as
        well, are found by their last folders. Photos that lie deeper than their names say are found where each occurs
        once.
    names : sequence of N str
        As the annotations have them; references such as ``film.mp4#frame=12``, too.
    source : path
        File of the annotations, for messages. A name with ".." or a full path may lead to a photo next to it.
    max_missing : float, default=0.1
        Share of photos that may be missing, from 0 to 1.
    other_types : bool, default=False
        Accept a photo of the same name and another type (jpg, png, tif, bmp, ...), if there is just one.

    Returns
    -------
    FoundPhotos

    Raises
    ------
    FileNotFoundError
        If the folder, all photos, or more than `max_missing` of them are missing.
    ValueError
        If two names stand for one file, one name for several files, or a name leads out of the folder.
    """
    if not 0 <= max_missing <= 1:
        raise ValueError(f"max_missing is the share of photos that may be missing, from 0 to 1; got {max_missing!r}")
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"no folder {folder}; give the folder that holds the photos")
    distinct = list(dict.fromkeys(map(str, names)))
    apart = [take_apart(name, Path(folder)) for name in distinct]
    labels = Path(source)
    search = Search(folder, apart, labels if labels.is_dir() else labels.parent, other_types=other_types)
    for index, several in search.several.items():
        raise ValueError(
            f"{distinct[index]} may be {_listed(several)}; give the folder of the photos, or remove those that are not "
            "meant"
        )
    _refuse_shared(search)
    missing = [name for name, place in zip(distinct, search.places, strict=True) if place is None]
    notes = _notes(search)
    if missing:
        _refuse_missing(missing, search, source, max_missing)
        notes.append(
            f"{len(missing)} of {len(distinct)} photos are missing, {missing[0]} first; their labels are left out"
        )
    photos = {
        name.text: None if place is None else (reference(place, **name.options) if name.options else place)
        for name, place in zip(apart, search.places, strict=True)
    }
    return FoundPhotos([photos[str(name)] for name in names], missing, tuple(notes))


def _refuse_shared(search: Search) -> None:
    """ValueError if two names stand for one picture."""
    taken: dict[tuple, str] = {}
    for name, place in zip(search.names, search.places, strict=True):
        if place is None:
            continue
        first = taken.setdefault((place, *sorted(name.options.items())), name.text)
        if first != name.text:
            raise ValueError(
                f"{first} and {name.text} would both be {place}; give the folder that the names are relative to"
            )


def _refuse_missing(missing: list[str], search: Search, source: str | Path, max_missing: float) -> None:
    """FileNotFoundError if all photos are missing, or more than may be."""
    n_photos = len(search.names)
    if len(missing) < n_photos and len(missing) <= max_missing * n_photos:
        return
    hint = ""
    for name, refused in zip(search.names, search.refused, strict=True):
        if refused is not None and name.text in missing:
            hint = f" ({refused} is in another folder than {name.text})"
            break
    advice = "" if len(missing) == n_photos else f", or leave out what is missing: max_missing={_up(missing, n_photos)}"
    raise FileNotFoundError(
        f"{len(missing)} of {n_photos} photos that {source} names are not in {search.folder.path}, {missing[0]} first"
        f"{hint}; give the folder that its names are relative to{advice}"
    )


def _up(missing: list[str], n_photos: int) -> float:
    """The share of missing photos, rounded up."""
    return -(-len(missing) * 100 // n_photos) / 100


def _notes(search: Search) -> list[str]:
    """Where files are not just where and what the names say."""
    found = [index for index, place in enumerate(search.places) if place is not None]
    notes = []
    if search.deeper:
        notes.append(f"photos were searched in all folders of {search.folder.path}: {_example(search, found)}")
    elif elsewhere := [index for index in found if _is_elsewhere(search, index)]:
        notes.append(f"photos were found by the end of their paths: {_example(search, elsewhere)}")
    if types := [index for index in found if search.is_of_other_type(index)]:
        notes.append(f"{len(types)} photos are of another type than the labels say: {_example(search, types)}")
    if respelt := [index for index in found if search.is_respelt(index)]:
        notes.append(f"{len(respelt)} photos are spelt otherwise than in the labels: {_example(search, respelt)}")
    return notes


def _is_elsewhere(search: Search, index: int) -> bool:
    """Whether a folder that the name mentions is not on the path of its file."""
    place, name = search.places[index], search.names[index]
    assert place is not None
    parts = [folded(part) for part in name.parts[:-1] if part != ".."]
    return parts != [folded(part) for part in place.parts[:-1]][-len(parts) :] if parts else False


def _example(search: Search, indices: list[int]) -> str:
    return f"{search.names[indices[0]].text} is {search.places[indices[0]]}"


def _listed(paths: list[Path]) -> str:
    listed = " or ".join(map(str, paths[:3]))
    return listed + (f" or {len(paths) - 3} more" if len(paths) > 3 else "")
