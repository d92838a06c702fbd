"""Find the joints of people in a photo, draw them and list them.

Examples:
  python -m posemachines predict photo.jpg
  python -m posemachines predict photo.jpg --box 40,30,80,200 --box 150,35,75,190 -o both.png
  python -m posemachines predict photo.jpg --kind forest --stage 1 --beliefs stages.png --json joints.json
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from .files import add_machine_arguments, check_outputs, find_machine, note, picture_path, write_picture, write_text

NAME = "predict"
SUMMARY = "find the joints of people in a photo and draw them"
THINNEST, LIMBS_PER_PERSON = 2.0, 60  # px; limbs are 1/60 of the person's size thick, but at least 2 px


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    parser.add_argument("photo", type=Path, help="image file; it is not changed")
    parser.add_argument(
        "--box",
        type=_box,
        action="append",
        metavar="X,Y,W,H",
        help="bounding box of a whole person, in pixels of the photo; repeat it for each person (default: the whole "
        "photo); write --box=-5,... if X is negative",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=picture_path,
        metavar="FILE",
        help="photo with the poses drawn (default: <photo>_pose.png)",
    )
    add_machine_arguments(parser)
    parser.add_argument("--stage", type=int, metavar="N", help="predict by stage N, from 1 (default: the last one)")
    parser.add_argument("--threshold", type=float, metavar="BELIEF", help="leave out joints with lower beliefs")
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="average over the mirrored crop (default: setting of the machine)",
    )
    parser.add_argument(
        "--protocol", choices=("cpm2016",), help="predict by the published procedure of Convolutional Pose Machines"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the joints as JSON")
    parser.add_argument(
        "--beliefs", type=picture_path, metavar="FILE", help="draw the beliefs of every stage (needs matplotlib)"
    )


def run(options: argparse.Namespace) -> None:
    """Predict the joints, write the files and print the table."""
    from ..geometry import read_photo
    from ..inference import crop_size, frame_of_box, frame_of_photo, predict_photo

    output = Path(f"{options.photo.stem}_pose.png") if options.output is None else options.output
    check_outputs((output, options.json, options.beliefs), (options.photo, options.machine))
    photo = read_photo(options.photo)
    for box in options.box or ():
        _check_box(box, photo)
    machine = find_machine(options.machine, options.kind)
    if options.stage is not None and not 1 <= options.stage <= len(machine.stages_):
        raise ValueError(f"--stage {options.stage}: the machine has stages 1 to {len(machine.stages_)}")
    if options.flip is not None:
        machine.flip = options.flip
    if options.box:
        centre, person_size = frame_of_box(options.box)
    else:
        frame = frame_of_photo(photo, protocol=options.protocol)
        centre, person_size = (value[None] for value in map(_array, frame))
    size = crop_size(machine)
    joints, scores = predict_photo(
        machine, photo, centre, person_size, size=size, flip=options.flip if options.protocol else None,
        threshold=options.threshold, stage=options.stage, protocol=options.protocol,
    )  # fmt: skip
    if options.beliefs is not None:
        write_picture(options.beliefs, _belief_sheets(machine, photo, centre, person_size, size, options.stage))
    if options.json is not None:
        write_text(options.json, json.dumps(_content(options, machine, joints, scores), indent=1) + "\n")
    write_picture(output, _drawn(photo, joints, person_size, machine.skeleton_))
    print(_table(joints, scores, machine.skeleton_.parts))
    for path in (output, options.json, options.beliefs):
        if path is not None:
            note(f"wrote {path}")


def _array(value):
    import numpy as np

    return np.asarray(value)


def _box(text: str) -> tuple[float, ...]:
    """Type of an option: a bounding box (x, y, width, height)."""
    try:
        box = tuple(float(number) for number in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not x,y,width,height in pixels, such as 40,30,80,200")
    return box


def _check_box(box: tuple[float, ...], photo) -> None:
    x, y, width, height = box
    if x + width <= 0 or y + height <= 0 or x >= photo.shape[1] or y >= photo.shape[0]:
        shown = ",".join(f"{number:g}" for number in box)
        raise ValueError(f"box {shown} lies outside the photo of {photo.shape[1]} x {photo.shape[0]} px")


def _drawn(photo, joints, person_size, skeleton):
    """The photo with all skeletons."""
    from ..visualize import draw_skeleton

    for person, length in zip(joints, person_size, strict=True):
        photo = draw_skeleton(photo, person, skeleton, thickness=max(float(length) / LIMBS_PER_PERSON, THINNEST))
    return photo


def _belief_sheets(machine, photo, centre, person_size, size: int, stage: int | None):
    """The beliefs of every stage up to `stage`, with one block of rows per person."""
    from itertools import islice

    import numpy as np

    from ..inference import photo_crops
    from ..visualize import belief_sheet

    crops, _ = photo_crops(photo, centre, person_size, size=size)
    staged = list(islice(machine.staged_beliefs(crops), stage))
    sheets = [
        belief_sheet(crop, [beliefs[person] for beliefs in staged], machine.skeleton_, stride=machine.stride_)
        for person, crop in enumerate(crops)
    ]
    return np.concatenate(sheets)


def _table(joints, scores, parts) -> str:
    """The joints as text, with one table per person."""
    width = max(len(part) for part in (*parts, "person 99"))
    blocks = []
    for number, (person, beliefs) in enumerate(zip(joints, scores, strict=True), 1):
        title = f"person {number}" if len(joints) > 1 else "joint"
        lines = [f"{title:{width}}  {'x':>7}  {'y':>7}  belief"]
        for part, (x, y), belief in zip(parts, person, beliefs, strict=True):
            place = f"{x:7.1f}  {y:7.1f}" if math.isfinite(x) else f"{'-':>7}  {'-':>7}"
            lines.append(f"{part:{width}}  {place}  {belief:6.2f}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _content(options: argparse.Namespace, machine, joints, scores) -> dict:
    """Content of the JSON file; x and y are null for joints that are left out."""
    people = []
    for number, (person, beliefs) in enumerate(zip(joints.tolist(), scores.tolist(), strict=True)):
        found = [
            {"part": part, "x": _or_null(x), "y": _or_null(y), "belief": round(belief, 4)}
            for part, (x, y), belief in zip(machine.skeleton_.parts, person, beliefs, strict=True)
        ]
        people.append({"box": list(options.box[number]) if options.box else None, "joints": found})
    return {
        "photo": str(options.photo),
        "machine": options.machine,
        "kind": type(machine).__name__,
        "stage": options.stage or len(machine.stages_),
        "people": people,
    }


def _or_null(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
