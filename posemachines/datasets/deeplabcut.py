"""DeepLabCut's labels as a data set."""

from __future__ import annotations

from pathlib import Path

from .._utils.deprecation import renamed_keyword
from ..io.deeplabcut import read_deeplabcut
from .building import dataset_by_rule
from .pose_dataset import PoseDataset

__all__ = ["load_deeplabcut"]


@renamed_keyword(frame="crop_rule")
def load_deeplabcut(
    csv_file: str | Path,
    images: str | Path,
    *,
    limbs=None,
    pairs=None,
    crop_rule: str = "joints",
    animal: str | list[str] | None = None,
    scorer: str | None = None,
    max_missing: float = 0.1,
) -> PoseDataset:
    """Labels of a project or a ``CollectedData`` file: any landmarks, of one animal per photo or several.

    Parameters
    ----------
    csv_file : path
        Table with three rows of heads (scorer, bodyparts, coords), or four with individuals; then one row per photo,
        which is named in one column or in three (``labeled-data``, video, image). Empty cells are not labelled. Or the
        folder of a project, whose videos' tables are joined.
    images : path
        Folder of the photos: the project, or the folder of the video itself.
    limbs : sequence of (part, part), optional
        For drawing; by default those of the project's ``config.yaml``.
    pairs : sequence of (right, left), optional
        By default found in the names (:func:`posemachines.sides.mirror_pairs`).
    crop_rule : {"joints", "photo"}, default="joints"
        What sets centre and size: the bounding box of the labelled landmarks, or the whole photo.
    animal : str or list of str, optional
        Individuals to read; by default all animals. "single" reads the landmarks of the scene.
    scorer : str, optional
        Whose labels, where several people labelled.
    max_missing : float, default=0.1
        Share of photos that may be missing; their subjects are left out, with a note.

    Returns
    -------
    PoseDataset
        One animal after the other, photo by photo; animals without a label are left out.

    Raises
    ------
    FileNotFoundError
        If the file, the folder or too many photos are missing.
    ValueError
        If the file is not of this format, or holds predictions.

    References
    ----------
    .. [1] Mathis et al., "DeepLabCut: markerless pose estimation of user-defined body parts with deep learning",
       Nature Neuroscience 2018.
    """
    found = read_deeplabcut(csv_file, limbs=limbs, pairs=pairs, animal=animal, scorer=scorer)
    return dataset_by_rule(
        found, images, csv_file, crop_rule=crop_rule, default="joints", pairs=pairs, max_missing=max_missing
    )
