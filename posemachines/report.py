"""A comparison of machines as one HTML file and as pictures (``pip install posemachines[report]``)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import _wording as words
from ._checks import check_beliefs, check_images, check_joints
from ._page import encoded, page_content, people_sheet, stages_sheet
from ._plots import plot_pck_curves, plot_stage_bars
from ._replacing import replacing
from .metrics import normalised_distances, reference_length
from .skeleton import Skeleton

__all__ = ["Examples", "write_html", "write_pictures"]


@dataclass(frozen=True)
class Examples:
    """A few test people with what every machine sees in them.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, H, W, 3)
        RGB crops.
    truth : ndarray of shape (N, P, 3)
        x, y in pixels of the crop, and visible.
    skeleton : Skeleton
    stride : int
        Pixels a belief cell: h = H / stride and w = W / stride.
    beliefs : dict of str to list of ndarray of shape (N, P+1, h, w)
        For each machine one array a stage, background last. A machine without belief maps is left out.
    joints : dict of str to list of ndarray of shape (N, P, 2)
        For each machine one array a stage, in pixels of the crop.

    Raises
    ------
    ValueError
        If an array has another shape, or a machine has belief maps but not as many arrays of joints.
    """

    images: np.ndarray
    truth: np.ndarray
    skeleton: Skeleton
    stride: int
    beliefs: dict[str, list[np.ndarray]]
    joints: dict[str, list[np.ndarray]]

    def __post_init__(self) -> None:
        set_ = object.__setattr__  # the dataclass is frozen: this is the one place that writes
        set_(self, "images", check_images(self.images, stride=self.stride))
        n, height, width, _ = self.images.shape
        n_parts = self.skeleton.n_parts
        set_(self, "truth", check_joints(self.truth, n_people=n, n_parts=n_parts))
        shape = (n, n_parts + 1, height // self.stride, width // self.stride)
        beliefs = {
            key: [check_beliefs(each, shape, what=f"beliefs[{key!r}][{number}]") for number, each in enumerate(stages)]
            for key, stages in self.beliefs.items()
        }
        joints = {key: [np.asarray(each, np.float32) for each in stages] for key, stages in self.joints.items()}
        for key, stages in joints.items():
            for number, each in enumerate(stages):
                if each.shape != (n, n_parts, 2):
                    raise ValueError(f"joints[{key!r}][{number}] must be {(n, n_parts, 2)}; got {each.shape}")
                if not np.isfinite(each).all():
                    raise ValueError(f"joints[{key!r}][{number}] holds NaN or infinity; predict a place for every part")
        for key, stages in beliefs.items():
            if len(stages) != len(joints.get(key, ())):
                raise ValueError(
                    f"machine {key!r} has beliefs of {len(stages)} stages and joints of {len(joints.get(key, ()))}; "
                    "give both for every stage"
                )
        set_(self, "beliefs", beliefs)
        set_(self, "joints", joints)

    def distances(self, joints) -> np.ndarray:
        """Distances (N, P) of joints (N, P, 2) from the truth, in reference lengths; NaN where not scored."""
        scale = reference_length(self.truth, self.skeleton)
        return normalised_distances(joints, self.truth[..., :2], scale, visible=self.truth[..., 2] > 0)


# -- writing --------------------------------------------------------------------------------------------------------


def write_html(report: dict, examples: Examples | None, path: str | Path) -> Path:
    """Write a comparison as one HTML file that needs nothing else: no network, no other file.

    Parameters
    ----------
    report : dict
        Of ``benchmarks/compare_pm_cpm.py``: the content of ``report.json``. It may be unfinished.
    examples : Examples or None
        People for the viewer, their machines named as in the report; those the report lacks are left out.
    path : path
        Written under a temporary name and renamed, so that a failure leaves an older file as it was.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ImportError
        Without jinja2 or matplotlib.
    """
    page = _template().render(page_content(report, examples)).encode()
    return _write(Path(path), page)


def write_pictures(report: dict, examples: Examples | None, folder: str | Path) -> list[Path]:
    """Write the plots and a sheet of the example people as PNG.

    Parameters
    ----------
    report, examples
        As in :func:`write_html`.
    folder : path
        Made where it is missing; files of the same names are replaced.

    Returns
    -------
    list of Path
        ``pck_curves.png`` and ``stage_bars.png`` where a machine is finished; with `examples` also ``people.png``, the
        last stage of every machine, and ``stages.png``, every stage for a few of the people.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if report["machines"]:
        for name, plot in (("pck_curves", plot_pck_curves), ("stage_bars", plot_stage_bars)):
            stream = io.BytesIO()
            plot(report).savefig(stream, format="png", dpi=200, facecolor="white")
            written.append(_write(folder / f"{name}.png", stream.getvalue()))
    if examples is not None and report["machines"]:
        written.append(_write(folder / "people.png", encoded(people_sheet(report, examples), ".png")))
        if examples.beliefs:
            written.append(_write(folder / "stages.png", encoded(stages_sheet(report, examples), ".png")))
    return written


def _write(path: Path, content: bytes) -> Path:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _template():
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ImportError("the HTML report needs jinja2; pip install posemachines[report]") from error
    environment = Environment(
        loader=PackageLoader("posemachines"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    wordings = (words.number, words.settings, words.duration, words.milliseconds, words.byte_size, words.complexity)
    environment.filters.update({each.__name__: each for each in wordings})
    return environment.get_template("report.html")
