"""What the HTML report shows: numbers in words, plots as SVG, people as tiles; see :mod:`posemachines.report`."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

import cv2
import numpy as np

from . import _wording as words
from ._plots import GRID, INK, QUIET, SERIES_COLOURS, is_baseline, plot_pck_curves, plot_stage_bars, series_colours
from .visualize import (
    DIM,
    HEAT,
    HEAT_CONTRAST,
    OPACITY,
    PARTS_CONTRAST,
    SIDE_COLOURS,
    draw_skeleton,
    limb_sides,
    overlay_parts,
    part_sides,
    picture_grid,
)

if TYPE_CHECKING:
    from .report import Examples

__all__ = ["encoded", "page_content", "people_sheet"]

PHOTO_SIDE, STILL_SIDE = 384, 200  # px; greatest photo and still picture that the page holds
FOUND = 0.2  # of the reference length: a joint no further than this counts as found in the captions


def page_content(report: dict, examples: Examples | None) -> dict:
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
        "columns": max([3, *(len(machine["accuracy"]["stages"]) for machine in report["machines"].values())]),
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
        joints, visible = examples.truth[person, :, :2], examples.truth[person, :, 2] > 0
        truth = {"still": _uri(_still(examples, person, None), ".jpg"), "data": {"joints": _points(joints, visible)}}
        rows = []
        for key in keys:
            of_stages = [of_stage[person] for of_stage in distances[key]]
            tiles = [_tile(examples, person, key, stage, each) for stage, each in enumerate(of_stages)]
            rows.append({"key": key, "tiles": tiles})
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
        "data": _tile_data(joints, distances, beliefs),
    }


def _tile_data(joints, distances, beliefs) -> dict:
    """What the viewer's script draws one tile from: plain lists, and the maps as one grey picture, part below part."""
    data: dict[str, list | str] = {
        "joints": _points(joints, np.ones(len(joints), bool)),
        "distances": [round(float(each), 5) if np.isfinite(each) else None for each in distances],
    }
    if beliefs is not None:
        maps = beliefs[:-1].clip(0)
        peaks = maps.max((1, 2))
        levels = (255 * maps / np.where(peaks > 0, peaks, 1)[:, None, None]).round().astype(np.uint8)
        data["peaks"] = [round(float(peak), 5) for peak in peaks]
        data["maps"] = _uri(levels.reshape(-1, maps.shape[-1]), ".png")
    return data


def _points(joints, shown) -> list:
    """Joints (P, 2) as lists [x, y], None where they are not shown."""
    rounded = np.round(joints.astype(float), 1).tolist()
    return [point if each else None for point, each in zip(rounded, shown, strict=True)]


def _viewer(examples: Examples) -> dict:
    """What all tiles share."""
    skeleton = examples.skeleton
    height, width = examples.images.shape[1:3]
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
        "heatContrast": HEAT_CONTRAST,
        "partsContrast": PARTS_CONTRAST,
        "found": FOUND,
        "truth": [_points(person[:, :2], person[:, 2] > 0) for person in examples.truth],
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


def encoded(picture: np.ndarray, kind: str, quality: int = 78) -> bytes:
    """A picture, RGB or grey, as the content of a ".jpg" or ".png" file."""
    picture = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    return cv2.imencode(kind, picture, options)[1].tobytes()


def _uri(picture: np.ndarray, kind: str, quality: int = 78) -> str:
    mime = {".jpg": "image/jpeg", ".png": "image/png"}[kind]
    return f"data:{mime};base64,{base64.b64encode(encoded(picture, kind, quality)).decode()}"


def people_sheet(report: dict, examples: Examples) -> np.ndarray:
    """A row a person: the truth, then the last stage of every machine."""
    keys = [key for key in report["machines"] if key in examples.joints]
    rows = []
    for person in range(len(examples.images)):
        rows.append([_still(examples, person, None), *(_still(examples, person, key, -1) for key in keys)])
    return picture_grid(rows, columns=["truth", *(report["machines"][key]["label"] for key in keys)])


def stages_sheet(report: dict, examples: Examples, n_people: int = 4) -> np.ndarray:
    """A row a person, evenly chosen: the truth, then every stage of every machine that has belief maps."""
    keys = [key for key in report["machines"] if key in examples.beliefs]
    columns = [(key, stage) for key in keys for stage in range(len(examples.beliefs[key]))]
    chosen = np.unique(np.linspace(0, len(examples.images) - 1, n_people).round().astype(int))
    rows = [
        [_still(examples, person, None), *(_still(examples, person, key, stage) for key, stage in columns)]
        for person in chosen
    ]
    names = [f"{report['machines'][key]['label']}, stage {stage + 1}" for key, stage in columns]
    return picture_grid(rows, columns=["truth", *names])
