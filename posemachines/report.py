"""A comparison of machines as one HTML file and as pictures (``pip install posemachines[report]``)."""

from __future__ import annotations

import base64
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import _wording as words
from ._checks import check_beliefs, check_images, check_joints
from ._plots import GRID, INK, QUIET, SERIES_COLOURS, is_baseline, plot_pck_curves, plot_stage_bars, series_colours
from .metrics import normalised_distances, reference_length
from .skeleton import Skeleton
from .visualize import (
    DIM,
    HEAT,
    OPACITY,
    SIDE_COLOURS,
    draw_skeleton,
    limb_sides,
    overlay_parts,
    part_sides,
    picture_grid,
)

__all__ = ["Examples", "write_html", "write_pictures"]

PHOTO_SIDE, STILL_SIDE = 384, 200  # px; greatest photo and still picture that the page holds
FOUND = 0.2  # of the reference length: a joint nearer than this counts as found in the captions


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
    page = _template().render(_page(report, examples)).encode()
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
        ``pck_curves.png`` and ``stage_bars.png`` where a machine is finished, and ``people.png`` with `examples`.

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
        written.append(_write(folder / "people.png", _encoded(_people_sheet(report, examples), ".png")))
    return written


def _write(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
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


def _people_sheet(report: dict, examples: Examples) -> np.ndarray:
    """A row a person: the truth, then the last stage of every machine."""
    keys = [key for key in report["machines"] if key in examples.joints]
    rows = []
    for person in range(len(examples.images)):
        rows.append([_still(examples, person, None), *(_still(examples, person, key, -1) for key in keys)])
    return picture_grid(rows, columns=["truth", *(report["machines"][key]["label"] for key in keys)])


# -- the page -------------------------------------------------------------------------------------------------------


def _page(report: dict, examples: Examples | None) -> dict:
    """Everything that the template shows."""
    return {
        "report": report,
        "summary": words.summary(report),
        "other_findings": words.other_findings(report),
        "remarks": words.remarks(report),
        "series": _series(report),
        "baselines": [key for key, machine in report["machines"].items() if is_baseline(machine)],
        "plots": _plots(report),
        "sides": dict(SIDE_COLOURS),
        "part_sides": [] if examples is None else part_sides(examples.skeleton),
        "parts": [] if examples is None else examples.skeleton.parts,
        "people": [] if examples is None else _people(report, examples),
        "viewer": None if examples is None else _viewer(examples),
        "found": FOUND,
    }


def _series(report: dict) -> dict[str, int]:
    """The number of each machine's colour in the style sheet."""
    return {key: SERIES_COLOURS.index(colour) for key, colour in series_colours(report).items()}


def _plots(report: dict) -> dict:
    if not report["machines"]:
        return {}
    return {"curves": _svg(plot_pck_curves(report), "curves"), "bars": _svg(plot_stage_bars(report), "bars")}


def _svg(figure, name: str):
    """A figure as SVG for the body of a page: text stays text, colours follow the page's style sheet."""
    import matplotlib
    from markupsafe import Markup

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    for unneeded in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r'\sxmlns(:xlink)?="[^"]*"', r"<!--.*?-->"):
        svg = re.sub(unneeded, "", svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*|\"DejaVu Sans\"[^;]*", "var(--font)", svg)
    variables = {INK: "--ink", QUIET: "--quiet", GRID: "--grid"}
    variables.update({colour: f"--series-{number}" for number, colour in enumerate(SERIES_COLOURS)})
    for colour, variable in variables.items():
        svg = svg.replace(colour, f"var({variable})")
    return Markup(svg)


def _people(report: dict, examples: Examples) -> list[dict]:
    """One entry a person: rows of tiles, each tile with its still picture and what the viewer's script draws."""
    keys = [key for key in report["machines"] if key in examples.joints]
    distances = {key: [examples.distances(joints) for joints in examples.joints[key]] for key in keys}
    people = []
    for person in range(len(examples.images)):
        truth = {"label": "Truth", "still": _uri(_still(examples, person, None), ".jpg"), "counts": None}
        truth["data"] = _tile_data(examples.truth[person, :, :2], examples.truth[person, :, 2] > 0)
        rows = [
            {
                "key": key,
                "tiles": [_tile(examples, person, key, stage, d[person]) for stage, d in enumerate(distances[key])],
            }
            for key in keys
        ]
        photo = _uri(_shrunk(examples.images[person], PHOTO_SIDE), ".jpg", quality=88)
        people.append({"truth": truth, "rows": rows, "photo": photo})
    return people


def _tile(examples: Examples, person: int, key: str, stage: int, distances: np.ndarray) -> dict:
    joints = examples.joints[key][stage][person]
    beliefs = examples.beliefs[key][stage][person] if key in examples.beliefs else None
    scored = np.isfinite(distances)
    return {
        "stage": stage + 1,
        "still": _uri(_still(examples, person, key, stage), ".jpg"),
        "counts": (int((distances[scored] <= FOUND).sum()), int(scored.sum())),
        "data": _tile_data(joints, np.isfinite(joints).all(-1), distances, beliefs),
    }


def _tile_data(joints, shown, distances=None, beliefs=None) -> dict:
    """What the viewer's script draws one tile from: plain lists, and the maps as one grey picture, part below part."""
    data = {
        "joints": [
            [round(float(x), 1), round(float(y), 1)] if s else None for (x, y), s in zip(joints, shown, strict=True)
        ]
    }
    if distances is not None:
        data["distances"] = [round(float(d), 3) if np.isfinite(d) else None for d in distances]
    if beliefs is not None:
        maps = beliefs[:-1].clip(0)
        peaks = maps.max((1, 2))
        levels = (255 * maps / np.where(peaks > 0, peaks, 1)[:, None, None]).round().astype(np.uint8)
        data["peaks"] = [round(float(peak), 4) for peak in peaks]
        data["maps"] = _uri(levels.reshape(-1, maps.shape[-1]), ".png")
    return data


def _viewer(examples: Examples) -> dict:
    """What all tiles share."""
    skeleton = examples.skeleton
    n, height, width, _ = examples.images.shape
    return {
        "width": width,
        "height": height,
        "stride": examples.stride,
        "sides": part_sides(skeleton),
        "limbs": [[*limb, side] for limb, side in zip(skeleton.limbs, limb_sides(skeleton), strict=True)],
        "colours": SIDE_COLOURS,
        "heat": HEAT,
        "dim": DIM,
        "opacity": OPACITY,
        "found": FOUND,
        "truth": [
            [[round(float(v), 1) for v in joint[:2]] if joint[2] else None for joint in person]
            for person in examples.truth
        ],
    }


# -- pictures -------------------------------------------------------------------------------------------------------


def _still(examples: Examples, person: int, key: str | None, stage: int = 0) -> np.ndarray:
    """The picture of one tile: a machine's beliefs and skeleton, or the photo with the truth."""
    photo, skeleton = examples.images[person], examples.skeleton
    scale = STILL_SIDE / max(photo.shape)
    if key is None:
        return draw_skeleton(photo, examples.truth[person], skeleton, scale=scale)
    if key in examples.beliefs:
        photo = overlay_parts(photo, examples.beliefs[key][stage][person], skeleton, stride=examples.stride)
    return draw_skeleton(photo, examples.joints[key][stage][person], skeleton, scale=scale)


def _shrunk(image: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(image.shape)
    return image if scale >= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _encoded(picture: np.ndarray, kind: str, quality: int = 78) -> bytes:
    picture = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    return cv2.imencode(kind, picture, options)[1].tobytes()


def _uri(picture: np.ndarray, kind: str, quality: int = 78) -> str:
    mime = {".jpg": "image/jpeg", ".png": "image/png"}[kind]
    return f"data:{mime};base64,{base64.b64encode(_encoded(picture, kind, quality)).decode()}"
