"""What looks wrong in the labels of a data set."""

from __future__ import annotations

import joblib
import numpy as np

from ..datasets.crops import OUTSIDE
from ..datasets.pose_dataset import PoseDataset
from ..io.photo_files import photo_size
from .duplicates import find_duplicates, same_subjects
from .findings import KINDS, Finding, Validation
from .suspicions import body_sizes, exchanged_sides, limb_excess

__all__ = ["validate"]

SWAP_LOGIT = 2.5
LIMB_DEVIATIONS = 4.0
ONE_PLACE = 0.005  # of the subject's size
COINCIDE = 0.05, 3  # share and number of subjects in which two parts coincide, from which that is their anatomy
FAR_OUTSIDE = 0.1  # of the photo's size: joints beyond which x and y may be exchanged


def validate(
    dataset: PoseDataset, *, pictures: bool = True, n_jobs: int = -1, random_state: int = 0, verbose: bool = False
) -> Validation:
    """Find labels that are probably wrong, before training on them.

    Most checks learn from the data set itself, so they work for any skeleton: which limbs are unusually long for the
    subject, and whether exchanging right and left, of an arm for example, would make a pose more typical. They need at
    least 20 subjects, most of them labelled correctly.

    Parameters
    ----------
    dataset : PoseDataset
    pictures : bool, default=True
        Read the photos, too: find joints outside them, copies of a photo, and photos that show nearly the same.
    n_jobs : int, default=-1
        Threads that read photos; -1 uses all cores.
    random_state : int, default=0
        Seed of the cross-validation that judges sides.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    Validation

    Notes
    -----
    Exchanged sides are found where a limb disagrees with the rest of the body. Joints alone do not reveal a subject
    whose sides are all exchanged, nor a pose that is typical either way.

    Near-duplicates say nothing about the labels: they are notes about the split, in which they belong on one side.
    """
    joints = dataset.joints.astype(float)
    sizes = body_sizes(joints, dataset.skeleton)
    findings = _labels(dataset, joints, sizes)
    findings += _frames(dataset, joints)
    findings += _sides(dataset, joints, sizes, random_state)
    findings += _limbs(dataset, joints)
    if pictures:
        photo_sizes, unreadable = _photo_sizes(dataset, n_jobs)
        findings += unreadable
        findings += _outside(dataset, joints, photo_sizes, sizes)
        findings += find_duplicates(
            dataset, joints, sizes, ~np.isnan(photo_sizes[:, 0]), n_jobs=n_jobs, verbose=verbose
        )
    else:
        findings += same_subjects(dataset, joints, sizes)
    order = list(KINDS)
    return Validation(dataset, sorted(findings, key=lambda each: (order.index(each.kind), -each.score)))


def _labels(dataset: PoseDataset, joints, sizes) -> list[Finding]:
    """Missing labels, several parts at one place, parts that are never labelled."""
    labelled = joints[..., 2] > 0
    names, n_parts = dataset.skeleton.parts, dataset.skeleton.n_parts
    findings = [
        Finding("part never labelled", None, f"{names[part]} is never labelled", parts=(names[part],))
        for part in np.flatnonzero(~labelled.any(0))
    ]
    available = int(labelled.any(0).sum())
    for person, count in enumerate(labelled.sum(1)):
        if count == 0:
            findings.append(
                Finding("no label", int(person), "no part is labelled; label some, or leave the subject out")
            )
        elif count < max(2, available / 2):
            message = f"only {count} of {n_parts} parts are labelled"
            findings.append(Finding("few labels", person, message, score=1 - count / n_parts))
    return findings + _coinciding(dataset, joints, sizes)


def _coinciding(dataset: PoseDataset, joints, sizes) -> list[Finding]:
    """Several parts at one place, unless these parts often are."""
    labelled, names = joints[..., 2] > 0, dataset.skeleton.parts
    gaps = np.linalg.norm(joints[:, :, None, :2] - joints[:, None, :, :2], axis=-1)
    both = labelled[:, :, None] & labelled[:, None]
    together = both & (gaps <= ONE_PLACE * sizes[:, None, None])
    counts = together.sum(0)
    usual = (counts >= COINCIDE[0] * both.sum(0)) & (counts >= COINCIDE[1])
    findings = []
    for first, second in np.argwhere(np.triu(usual, 1)):
        message = (
            f"{names[first]} and {names[second]} coincide in {counts[first, second]} of {both[:, first, second].sum()} "
            "subjects, as parts that touch do"
        )
        findings.append(Finding("parts that coincide", None, message, parts=(names[first], names[second])))
    together &= ~usual
    for person in np.flatnonzero(np.triu(together, 1).any((1, 2))).tolist():
        piles = _piles(together[person])
        parts = tuple(names[part] for pile in piles for part in pile)
        message = "; ".join(_listed([names[part] for part in pile]) + " are labelled at one place" for pile in piles)
        findings.append(Finding("two parts at one place", person, message, score=float(len(parts)), parts=parts))
    return findings


def _piles(together: np.ndarray) -> list[list[int]]:
    """Groups of parts at one place, from the pairs that are (P, P)."""
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(together, directed=False)
    members = [np.flatnonzero(labels == label).tolist() for label in range(labels.max() + 1)]
    return [pile for pile in members if len(pile) > 1]


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]])


def _frames(dataset: PoseDataset, joints) -> list[Finding]:
    """Given centres and sizes that disagree with the joints."""
    if dataset.crop_rule in ("joints", "photo"):
        return []
    findings = []
    labelled = joints[..., 2] > 0
    enough = labelled.sum(1) >= max(2, dataset.skeleton.n_parts / 2)
    low = np.where(labelled[..., None], joints[..., :2], np.inf).min(1)
    high = np.where(labelled[..., None], joints[..., :2], -np.inf).max(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = (high - low).max(1)
        logs = np.log(dataset.person_size / size)
        away = np.linalg.norm(np.clip(dataset.centre, low, high) - dataset.centre, axis=1) / size
    usable = enough & np.isfinite(logs)
    middle = np.median(logs[usable]) if usable.any() else 0.0
    for person in range(len(dataset)):
        person_size = dataset.person_size[person]
        if not np.isfinite([*dataset.centre[person], person_size]).all() or person_size <= 0:
            findings.append(Finding("implausible frame", person, "centre or person_size is missing", score=9.0))
        elif usable[person] and abs(logs[person] - middle) > np.log(3):
            factor = np.exp(logs[person] - middle)
            message = f"the given person_size is {factor:.2g} times as large as usual for such joints"
            findings.append(Finding("implausible frame", person, message, score=abs(float(np.log(factor)))))
        elif usable[person] and away[person] > 0.5:
            message = f"the given centre lies {away[person]:.1f} times the subject's size outside the box of the joints"
            findings.append(Finding("implausible frame", person, message, score=float(away[person])))
    return findings


def _sides(dataset: PoseDataset, joints, sizes, random_state: int) -> list[Finding]:
    skeleton = dataset.skeleton
    swaps = exchanged_sides(joints, skeleton, sizes, random_state)
    if not swaps.groups:
        return []
    logits = np.nan_to_num(swaps.logits, nan=-np.inf)
    findings = []
    for person in np.flatnonzero(logits.max(1) > SWAP_LOGIT):
        group = swaps.groups[int(logits[person].argmax())]
        odds = float(logits[person].max())
        pairs = [skeleton.pairs[pair] for pair in group]
        labelled = [pair for pair in pairs if joints[person, pair, 2].any()]
        names = "; ".join(f"{skeleton.parts[right]} and {skeleton.parts[left]}" for right, left in labelled)
        parts = tuple(skeleton.parts[part] for pair in labelled for part in pair)
        message = f"right and left disagree with the rest of the body; exchange {names}?"
        findings.append(Finding("sides exchanged", int(person), message, score=odds, parts=parts))
    return findings


def _limbs(dataset: PoseDataset, joints) -> list[Finding]:
    skeleton = dataset.skeleton
    excess = np.nan_to_num(limb_excess(joints, skeleton))
    findings = []
    for person in np.flatnonzero((excess > LIMB_DEVIATIONS).any(1)):
        long = np.flatnonzero(excess[person] > LIMB_DEVIATIONS)
        limbs = [skeleton.limbs[limb] for limb in long]
        message = "; ".join(
            f"{skeleton.parts[a]} to {skeleton.parts[b]} is too long for this subject" for a, b in limbs
        )
        parts = tuple(dict.fromkeys(skeleton.parts[part] for limb in limbs for part in limb))
        findings.append(Finding("implausible limb", int(person), message, float(excess[person].max()), parts))
    return findings


def _photo_sizes(dataset: PoseDataset, n_jobs: int) -> tuple[np.ndarray, list[Finding]]:
    """Width and height of each subject's photo, (N, 2), NaN where it cannot be read."""

    def size(photo) -> tuple[tuple[float, float], str]:
        try:
            return photo_size(photo), ""
        except (OSError, ValueError) as error:
            return (np.nan, np.nan), str(error)

    read = joblib.Parallel(n_jobs=n_jobs, prefer="threads")(joblib.delayed(size)(photo) for photo in dataset.photos)
    findings = [Finding("unreadable photo", person, error) for person, (_, error) in enumerate(read) if error]
    return np.array([each for each, _ in read], float), findings


def _outside(dataset: PoseDataset, joints, photo_sizes, sizes) -> list[Finding]:
    labelled = joints[..., 2] > 0
    beyond = np.maximum(-OUTSIDE - joints[..., :2], joints[..., :2] - (photo_sizes[:, None] - 1 + OUTSIDE)).max(-1)
    findings = []
    with np.errstate(invalid="ignore"):
        out = labelled & (beyond > 0)
    for person in np.flatnonzero(out.any(1)):
        chosen = np.flatnonzero(out[person])
        names = tuple(dataset.skeleton.parts[part] for part in chosen)
        if _exchanged(joints[person], labelled[person], photo_sizes[person], beyond[person]):
            message = f"{len(chosen)} joints outside the photo; all lie inside with x and y exchanged"
            findings.append(Finding("x and y exchanged", int(person), message, score=float(len(chosen)), parts=names))
            continue
        most = float(beyond[person, chosen].max())
        distance = f"up to {most:.0f} px" if most >= 1 else "less than a pixel"
        message = f"{', '.join(names)} outside the photo, by {distance}"
        score = most / sizes[person] if sizes[person] > 0 else most
        findings.append(Finding("outside the photo", int(person), message, score=score, parts=names))
    return findings


def _exchanged(joints, labelled, size, beyond) -> bool:
    """Whether joints lie far outside a photo, (P,), and all inside with x and y exchanged."""
    far = (labelled & (beyond > FAR_OUTSIDE * size.max())).any()
    turned = joints[labelled, 1::-1]
    return bool(far and labelled.sum() > 1 and ((turned >= -OUTSIDE) & (turned <= size - 1 + OUTSIDE)).all())
