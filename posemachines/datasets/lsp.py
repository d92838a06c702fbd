"""Leeds Sports Pose and its extended training set, in the layout in which they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io

from ..skeleton import LSP
from ._frames import check_frame, lspet_cpm_frame
from .people import PeopleDataset, photo_size

__all__ = ["load_lsp", "load_lspet"]

_N_COLUMNS = 3  # x, y, visible


def load_lspet(root: str | Path, *, frame: str = "joints") -> PeopleDataset:
    """Leeds Sports Pose Extended: one crowd-labelled person a photo, 14 joints.

    Parameters
    ----------
    root : path
        Folder with ``joints.mat`` (``joints``: 14 joints, [x, y, visible], N photos) and
        ``images/im00001.jpg`` onwards. Fewer photos than labels are fine: those that exist are loaded.
    frame : {"joints", "cpm"}, default="joints"
        What sets a person's centre and scale: the box of the labelled joints, or the rule by which Convolutional Pose
        Machines were trained [2]_: the middle of that box, and a size that the lengths of all labelled limbs speak for.

    Returns
    -------
    PeopleDataset
        In the order of the files.

    Raises
    ------
    FileNotFoundError
        If the folder, the labels or all photos are missing.
    ValueError
        If ``joints.mat`` does not have this layout.

    References
    ----------
    .. [1] Johnson and Everingham, "Learning Effective Human Pose Estimation from Inaccurate Annotation", CVPR 2011.
    .. [2] Wei et al., "Convolutional Pose Machines", CVPR 2016; its published code.
    """
    check_frame(frame, ("joints", "cpm"))
    joints = _read_joints(Path(root), person_axis=2, joint_axis=0)
    people = _people(Path(root), joints, digits=5, name="lspet")
    if frame == "joints":
        return people
    centre, scale, fill = lspet_cpm_frame(people.joints, LSP)
    return PeopleDataset(
        people.photos,
        people.joints,
        LSP,
        rule="given",
        frame="cpm",
        centre=centre,
        scale=scale,
        fill=fill,
        name="lspet",
    )


def load_lsp(root: str | Path, *, frame: str = "joints", view: str = "person") -> PeopleDataset:
    """Leeds Sports Pose: 2,000 sports people, 14 joints; images 1..1000 train, 1001..2000 test.

    Parameters
    ----------
    root : path
        Folder with ``joints.mat`` (``joints``: [x, y, occluded], 14 joints, N photos) and
        ``images/im0001.jpg`` onwards.
    frame : {"joints", "cpm"}, default="joints"
        The box of the labelled joints, or the rule by which Convolutional Pose Machines were tested: the middle of the
        photo, whose height takes up 0.8 of the crop.
    view : {"person", "observer"}, default="person"
        Whose left is left in ``joints.mat``; nothing is changed by it.

    Returns
    -------
    PeopleDataset
        In the order of the files; ``occluded`` says which joints were hidden.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`load_lspet`.

    Notes
    -----
    Occluded joints are labelled too in this set and count in its protocol, so every joint is visible here.

    References
    ----------
    .. [1] Johnson and Everingham, "Clustered Pose and Nonlinear Appearance Models for Human Pose
       Estimation", BMVC 2010.
    """
    check_frame(frame, ("joints", "cpm"))
    joints = _read_joints(Path(root), person_axis=2, joint_axis=1)
    hidden = joints[..., 2] > 0
    joints[..., 2] = 1
    people = _people(Path(root), joints, digits=4, name="lsp", occluded=hidden, view=view)
    if frame == "joints":
        return people
    sizes = np.array([photo_size(photo) for photo in people.photos])
    return PeopleDataset(
        people.photos, people.joints, LSP, rule="given", frame="cpm", centre=(sizes - 1) / 2, scale=sizes[:, 1],
        fill=0.8, occluded=people.occluded, view=view, name="lsp",
    )  # fmt: skip


def _read_joints(root: Path, *, person_axis: int, joint_axis: int) -> np.ndarray:
    """(N, 14, 3), 0-based: the one place where MATLAB's 1 is taken off."""
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}; give the folder that holds joints.mat and images/")
    file = root / "joints.mat"
    if not file.is_file():
        raise FileNotFoundError(f"no joints.mat in {root}; give the folder that holds joints.mat and images/")
    try:
        joints = scipy.io.loadmat(file)["joints"]
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise ValueError(f"{file} is not a MATLAB file with the variable 'joints' ({error})") from error
    coordinate_axis = ({0, 1, 2} - {person_axis, joint_axis}).pop()
    found = joints.shape
    if joints.ndim != 3 or found[joint_axis] != LSP.n_parts or found[coordinate_axis] != _N_COLUMNS:
        raise ValueError(
            f"{file}: 'joints' has shape {found}; 14 joints on axis {joint_axis} and 3 columns are expected"
        )
    joints = joints.transpose(person_axis, joint_axis, coordinate_axis).astype(np.float32)
    joints[..., :2] -= 1
    return joints


def _people(root: Path, joints: np.ndarray, *, digits: int, name: str, occluded=None, view="person") -> PeopleDataset:
    folder = root / "images"
    present = {path.name for path in folder.glob("im*.jpg")}
    names = [f"im{number:0{digits}d}.jpg" for number in range(1, len(joints) + 1)]
    kept = [index for index, file in enumerate(names) if file in present]
    if not kept:
        raise FileNotFoundError(f"none of {names[0]} .. {names[-1]} is in {folder}")
    occluded = None if occluded is None else occluded[kept]
    photos = [folder / names[index] for index in kept]
    return PeopleDataset(photos, joints[kept], LSP, rule="joints", occluded=occluded, view=view, name=name)
