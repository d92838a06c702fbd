"""An HTML page of the subjects whose labels look wrong (``pip install posemachines[report]``)."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import cv2
import numpy as np

from .._utils.replacing import replacing
from ..geometry import crop_transform, cut_crop, to_crop
from ..visualize import SIDE_COLOURS, draw_skeleton
from .findings import KINDS, Finding, Validation

__all__ = ["write_label_page"]

SIDE = 260  # px, of each image
MARK = (255, 64, 64)
logger = logging.getLogger(__name__)


def write_label_page(validation: Validation, path: str | Path, *, most: int = 40) -> Path:
    """Write one self-contained HTML file with an image of each subject whose labels look wrong.

    Parameters
    ----------
    validation : Validation
        From :func:`posemachines.labels.validate`.
    path : path
        Written under a temporary name and renamed.
    most : int, default=40
        Subjects per kind of finding, the surest first; the page states how many it leaves out.

    Returns
    -------
    Path

    Raises
    ------
    ImportError
        Without jinja2.
    ValueError
        If `most` is not positive.
    """
    if most < 1:
        raise ValueError(f"most must be positive, the subjects per kind; got {most}")
    chosen: dict[int, None] = {}
    for kind in validation.counts():
        of_kind = dict.fromkeys(each.person for each in validation.findings if each.kind == kind)
        chosen.update(dict.fromkeys(person for person in list(of_kind)[:most] if person is not None))
    concerned = {each.person for each in validation.findings if each.person is not None}
    people = [_entry(validation, person) for person in chosen]
    content = {
        "name": validation.dataset.name,
        "n_people": len(validation.dataset),
        "n_wrong": int(validation.people().sum()),
        "counts": [(kind, KINDS[kind], count) for kind, count in validation.counts().items()],
        "general": [each.message for each in validation.findings if each.person is None],
        "people": people,
        "left_out": len(concerned) - len(people),
        "most": most,
        "sides": dict(SIDE_COLOURS),
    }
    page = _template().render(content).encode()
    path = Path(path)
    with replacing(path) as temporary:
        temporary.write_bytes(page)
    return path


def _entry(validation: Validation, person: int) -> dict:
    dataset, findings = validation.dataset, validation.of(person)
    photo = dataset.photos[person]
    return {
        "number": person,
        "photo": Path(photo).name if isinstance(photo, str | Path) else "",
        "findings": [{"kind": each.kind, "level": each.level, "message": each.message} for each in findings],
        "kinds": sorted({each.kind for each in findings}),
        "picture": _picture(validation, person, {part for each in findings for part in each.parts}),
        "partner": _partner(validation, findings),
    }


def _partner(validation: Validation, findings: list[Finding]) -> dict | None:
    """The other subject of a finding about two, shown beside the first."""
    pair = next((each for each in findings if each.other is not None), None)
    if pair is None or pair.other is None:
        return None
    photo = validation.dataset.photos[pair.other]
    return {
        "number": pair.other,
        "photo": Path(photo).name if isinstance(photo, str | Path) else "",
        "picture": _picture(validation, pair.other, set(pair.parts)),
    }


def _picture(validation: Validation, person: int, marked: set[str]) -> str | None:
    """The subject with its labels, the suspicious ones circled, as a data URI; None without a photo."""
    dataset = validation.dataset
    joints = dataset.joints[person].astype(float)
    try:
        photo = dataset.photo(person)
        centre, scale = dataset.centre[person], dataset.person_size[person]
        if not (np.isfinite(centre).all() and scale > 0):  # not known: the whole photo
            centre, scale = (np.array(photo.shape[1::-1]) - 1) / 2, max(photo.shape[:2])
        whole = dataset.crop_rule == "photo"
        frame = crop_transform(centre, scale, SIDE, padding=1.0 if whole else 1 / 0.62)
    except (OSError, ValueError) as error:
        logger.warning("subject %d is shown without an image: %s", person, error)
        return None
    joints[:, :2] = to_crop(joints[:, :2], frame)
    picture = draw_skeleton(cut_crop(photo, frame, SIDE), joints, dataset.skeleton, thickness=4)
    for part in marked:
        index = dataset.skeleton.index(part)
        if joints[index, 2] > 0:
            place = tuple(np.round(joints[index, :2].clip(4, SIDE - 5) * 16).astype(int).tolist())
            for radius, colour, width in ((8.5, (16, 16, 18), 5), (8.5, MARK, 2)):
                cv2.circle(picture, place, round(radius * 16), colour, width, cv2.LINE_AA, 4)
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _template():
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ImportError("the page needs jinja2; pip install posemachines[report]") from error
    environment = Environment(loader=PackageLoader("posemachines.report"), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    return environment.get_template("labels.html")
