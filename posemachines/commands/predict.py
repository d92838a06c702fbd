"""Find the joints of the subjects of a photo, draw them and list them.

Examples:
  python -m posemachines predict photo.jpg
  python -m posemachines predict photo.jpg --box 40,30,80,200 --box 150,35,75,190 -o both.png
  python -m posemachines predict photo.jpg --kind forest --stage 1 --beliefs stages.png --json joints.json
  python -m posemachines predict photo.jpg --machine mice.npz --labels to_correct --format labelme
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from .files import add_machine_arguments, check_outputs, find_machine, note, picture_path, write_picture, write_text

NAME = "predict"
SUMMARY = "find the joints of the subjects of a photo and draw them"
THINNEST, LIMBS_PER_SUBJECT = 2.0, 60  # px; limbs are 1/60 of the joints' span thick, but at least 2 px


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    parser.add_argument("photo", help="image file, with #page=3 or #frame=12 for one of several; it is not changed")
    parser.add_argument(
        "--box",
        type=_box,
        action="append",
        metavar="X,Y,W,H",
        help="bounding box of a subject, in pixels of the photo, drawn as for the machine's training subjects: around "
        "the whole person for lspet; repeat it for each subject; not needed if the machine was trained on whole photos "
        "or finds its subject; write --box=-5,... if X is negative",
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
        "--labels", type=Path, metavar="PATH",
        help="write the joints as labels, to be corrected in a labelling tool: a file, or a folder with --format",
    )  # fmt: skip
    parser.add_argument(
        "--format", default="auto", metavar="NAME", help="format of --labels (default: by its name), such as labelme"
    )
    parser.add_argument(
        "--beliefs", type=picture_path, metavar="FILE", help="draw the beliefs of every stage (needs matplotlib)"
    )


def run(options: argparse.Namespace) -> None:
    """Predict the joints, write the files and print the table."""
    from ..inference import locate_subjects
    from ..inference.subjects import predict_located
    from ..photos import read_photo, split_reference

    file, _ = split_reference(options.photo)
    output = Path(f"{file.stem}_pose.png") if options.output is None else options.output
    check_outputs((output, options.json, options.beliefs), (file, options.machine))
    photo = read_photo(options.photo)
    for box in options.box or ():
        _check_box(box, photo)
    machine = find_machine(options.machine, options.kind)
    fine = _finest(machine, options)
    where = locate_subjects(machine, photo, options.box, protocol=options.protocol)
    joints, scores = predict_located(
        machine, photo, where, flip=options.flip if options.protocol else None, threshold=options.threshold,
        stage=options.stage, protocol=options.protocol,
    )  # fmt: skip
    if options.beliefs is not None:
        write_picture(options.beliefs, _belief_sheets(fine, photo, where, options.stage))
    if options.json is not None:
        write_text(options.json, json.dumps(_content(options, machine, joints, scores), indent=1) + "\n")
    lost = _write_labels(options, joints, scores, machine.skeleton_, photo) if options.labels is not None else []
    write_picture(output, _drawn(photo, joints, machine.skeleton_))
    print(_table(joints, scores, machine.skeleton_.parts))
    for sentence in (*where.notes, *lost):
        note(f"note: {sentence}")
    for path in (output, options.json, options.beliefs, options.labels):
        if path is not None:
            note(f"wrote {path}")


def _write_labels(options: argparse.Namespace, joints, scores, skeleton, photo) -> list[str]:
    """Write the joints in the format of a labelling tool; what that does not hold."""
    from ..datasets import dataset_of_poses, write_dataset
    from ..inference import Pose

    predicted = dataset_of_poses([options.photo], [Pose(joints, scores, skeleton, photo)])
    return write_dataset(predicted, options.labels, options.format)


def _finest(machine, options: argparse.Namespace):
    """The machine that predicts the joints, set as the options say; ValueError if it cannot do what they ask."""
    fine = getattr(machine, "machine_", machine) if hasattr(machine, "predict_at") else machine
    stages = getattr(fine, "stages_", None)
    if stages is None:
        asked = {"stage": options.stage, "threshold": options.threshold, "flip": options.flip,
                 "protocol": options.protocol, "beliefs": options.beliefs}  # fmt: skip
        given = [f"--{name}" for name, value in asked.items() if value is not None]
        if given:
            raise ValueError(f"a {type(fine).__name__} has no belief maps; leave out {', '.join(given)}")
    elif options.stage is not None and not 1 <= options.stage <= len(stages):
        raise ValueError(f"--stage {options.stage}: the machine has stages 1 to {len(stages)}")
    if options.flip is not None:
        fine.flip = options.flip
    return fine


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


def _drawn(photo, joints, skeleton):
    """The photo with all skeletons."""
    import numpy as np

    from ..visualize import draw_skeleton

    for subject in joints:
        found = subject[np.isfinite(subject).all(1)]
        length = float(np.ptp(found, axis=0).max()) if len(found) else 0.0
        photo = draw_skeleton(photo, subject, skeleton, thickness=max(length / LIMBS_PER_SUBJECT, THINNEST))
    return photo


def _belief_sheets(machine, photo, where, stage: int | None):
    """The beliefs of every stage up to `stage`, with one block of rows per subject."""
    from itertools import islice

    import numpy as np

    from ..inference import crop_size, photo_crops
    from ..visualize import belief_sheet

    crops, _ = photo_crops(photo, where.centre, where.person_size, size=crop_size(machine), padding=where.padding)
    staged = list(islice(machine.staged_beliefs(crops), stage))
    sheets = [
        belief_sheet(crop, [beliefs[person] for beliefs in staged], machine.skeleton_, stride=machine.stride_)
        for person, crop in enumerate(crops)
    ]
    return np.concatenate(sheets)


def _table(joints, scores, parts) -> str:
    """The joints as text, with one table per subject."""
    width = max(len(part) for part in (*parts, "subject 99"))
    blocks = []
    for number, (person, beliefs) in enumerate(zip(joints, scores, strict=True), 1):
        title = f"subject {number}" if len(joints) > 1 else "joint"
        lines = [f"{title:{width}}  {'x':>7}  {'y':>7}  belief"]
        for part, (x, y), belief in zip(parts, person, beliefs, strict=True):
            place = f"{x:7.1f}  {y:7.1f}" if math.isfinite(x) else f"{'-':>7}  {'-':>7}"
            shown = f"{belief:6.2f}" if math.isfinite(belief) else f"{'-':>6}"
            lines.append(f"{part:{width}}  {place}  {shown}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _content(options: argparse.Namespace, machine, joints, scores) -> dict:
    """Content of the JSON file; x and y are null for joints that are left out."""
    fine = getattr(machine, "machine_", machine) if hasattr(machine, "predict_at") else machine
    n_stages = len(fine.stages_) if hasattr(fine, "stages_") else 1
    people = []
    for number, (person, beliefs) in enumerate(zip(joints.tolist(), scores.tolist(), strict=True)):
        found = [
            {"part": part, "x": _or_null(x), "y": _or_null(y), "belief": _or_null(belief, 4)}
            for part, (x, y), belief in zip(machine.skeleton_.parts, person, beliefs, strict=True)
        ]
        people.append({"box": list(options.box[number]) if options.box else None, "joints": found})
    return {
        "photo": options.photo,
        "machine": options.machine,
        "kind": type(machine).__name__,
        "stage": options.stage or n_stages,
        "people": people,
    }


def _or_null(value: float, digits: int = 2) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
