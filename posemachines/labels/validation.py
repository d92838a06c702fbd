"""What looks wrong in the labels of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import joblib
import numpy as np

from ..datasets.crops import OUTSIDE
from ..datasets.pose_dataset import PoseDataset
from ..io.photo_files import photo_size
from .duplicates import Likeness
from .suspicions import body_sizes, exchanged_sides, limb_excess, same_poses

__all__ = ["KINDS", "LEVELS", "Finding", "Validation", "validate"]

LEVELS = ("error", "warning", "note")
KINDS = {
    "unreadable photo": "error",
    "no label": "error",
    "outside the photo": "error",
    "two parts at one place": "warning",
    "duplicate": "error",
    "sides exchanged": "warning",
    "implausible limb": "warning",
    "implausible frame": "warning",
    "few labels": "note",
    "part never labelled": "note",
}
"""Kinds of findings with their level: what must be wrong, what probably is, and what is good to know."""

SWAP_LOGIT = 2.5
LIMB_DEVIATIONS = 4.0
ONE_PLACE = 0.005  # of the person's size
SAME_POSE = 0.25  # root mean square distance, in that of the joints from their centre
SAME_PICTURE = 0.45  # share of the features of the one that the other has at the same place of the body
SAME_PERSON = 0.05  # mean distance of the joints of two people of one photo, in sizes of the person


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    person : int or None
        Index into the data set; None where it concerns everybody.
    message : str
        A sentence for whoever mends the labels.
    score : float
        The greater, the surer, within the kind.
    parts : tuple of str
        That it is about.
    other : int or None
        The person that this one is a duplicate of.
    """

    kind: str
    person: int | None
    message: str
    score: float = 0.0
    parts: tuple[str, ...] = ()
    other: int | None = None

    @property
    def level(self) -> str:
        """One of `LEVELS`."""
        return KINDS[self.kind]


@dataclass(frozen=True)
class Validation:
    """What :func:`validate` found.

    Attributes
    ----------
    dataset : PoseDataset
    findings : list of Finding
        The surest first within each kind, in the order of `KINDS`.
    """

    dataset: PoseDataset
    findings: list[Finding] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Number of findings of every kind that occurs."""
        kinds = [finding.kind for finding in self.findings]
        return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}

    def of(self, person: int) -> list[Finding]:
        """The findings about one person."""
        return [finding for finding in self.findings if finding.person == person]

    def people(self, kinds: str | Iterable[str] | None = None) -> np.ndarray:
        """Who has findings, bool (N,); of some kinds, or of any but those that are only good to know.

        ``dataset[~validation.people("sides exchanged")]`` leaves them out.
        """
        chosen = {kinds} if isinstance(kinds, str) else set(kinds or (kind for kind in KINDS if KINDS[kind] != "note"))
        if unknown := chosen - set(KINDS):
            raise ValueError(f"no kind {', '.join(sorted(unknown))}; the kinds are {', '.join(KINDS)}")
        found = np.zeros(len(self.dataset), bool)
        found[[each.person for each in self.findings if each.person is not None and each.kind in chosen]] = True
        return found

    def suspicious(self, n: int | None = None) -> list[int]:
        """People with errors or warnings, those with the most serious first, and among equals the surest."""
        ranks: dict[int, tuple] = {}
        for place, finding in enumerate(self.findings):
            if finding.person is not None and finding.level != "note":
                rank = (LEVELS.index(finding.level), -finding.score, place)
                ranks[finding.person] = min(rank, ranks.get(finding.person, rank))
        return sorted(ranks, key=lambda person: ranks[person])[:n]

    def summary(self) -> str:
        """A few lines of text: how many people have which findings."""
        n = len(self.dataset)
        people = int(self.people().sum())
        lines = [f"{self.dataset.name}: {people} of {n} people look wrong ({100 * people / n:.1f} %)"]
        width = max((len(kind) for kind in self.counts()), default=0)
        lines += [f"  {kind:<{width}}  {count:6d}  {KINDS[kind]}" for kind, count in self.counts().items()]
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Ready for JSON: ``name, people, suspicious, counts, findings``; each finding with its level and photo."""
        return {
            "name": self.dataset.name,
            "people": len(self.dataset),
            "suspicious": int(self.people().sum()),
            "counts": self.counts(),
            "findings": [self._entry(finding) for finding in self.findings],
        }

    def _entry(self, finding: Finding) -> dict:
        photo = None if finding.person is None else self.dataset.photos[finding.person]
        name = Path(photo).name if isinstance(photo, str | Path) else None
        return {**asdict(finding), "level": finding.level, "photo": name, "score": round(finding.score, 3)}


def validate(dataset: PoseDataset, *, pictures: bool = True, n_jobs: int = -1, random_state: int = 0) -> Validation:
    """Find labels that are probably wrong: what to look at before training.

    Most is judged by the data set itself, so that any skeleton will do: which limbs are unusually long for the person,
    and whether exchanging the right and left of an arm would make a pose more usual. A data set of fewer than 20
    people says too little for that, and one whose labels are mostly wrong finds itself usual.

    Parameters
    ----------
    dataset : PoseDataset
    pictures : bool, default=True
        Read the photos: their sizes, whether they are the same, and whether two people of the same pose look the same.
    n_jobs : int, default=-1
        Threads that read photos; -1 takes all cores.
    random_state : int, default=0
        Of the cross-validation by which sides are judged.

    Returns
    -------
    Validation

    Notes
    -----
    Which side is right cannot be seen from joints alone where a whole person is the wrong way round, or where a person
    turns so that both ways are usual. What is found is a disagreement: this arm with the rest of the body.
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
        findings += _duplicates(dataset, joints, sizes, ~np.isnan(photo_sizes[:, 0]), n_jobs)
    else:
        findings += _same_people(dataset, joints, sizes, dataset.photo_numbers())
    order = list(KINDS)
    return Validation(dataset, sorted(findings, key=lambda each: (order.index(each.kind), -each.score)))


def _labels(dataset: PoseDataset, joints, sizes) -> list[Finding]:
    """Too few of them, two at one place, parts that nobody has."""
    labelled = joints[..., 2] > 0
    names, n_parts = dataset.skeleton.parts, dataset.skeleton.n_parts
    findings = [
        Finding("part never labelled", None, f"nobody has {names[part]} labelled", parts=(names[part],))
        for part in np.flatnonzero(~labelled.any(0))
    ]
    available = int(labelled.any(0).sum())
    for person, count in enumerate(labelled.sum(1)):
        if count == 0:
            findings.append(
                Finding("no label", int(person), "no part is labelled; label some, or leave the person out")
            )
        elif count < max(2, available / 2):
            message = f"only {count} of {n_parts} parts are labelled"
            findings.append(Finding("few labels", person, message, score=1 - count / n_parts))
    gaps = np.linalg.norm(joints[:, :, None, :2] - joints[:, None, :, :2], axis=-1)
    together = labelled[:, :, None] & labelled[:, None] & (gaps <= ONE_PLACE * sizes[:, None, None])
    for person in np.flatnonzero(np.triu(together, 1).any((1, 2))).tolist():
        piles = _piles(together[person])
        parts = tuple(names[part] for pile in piles for part in pile)
        message = "; ".join(_listed([names[part] for part in pile]) + " are labelled at one place" for pile in piles)
        findings.append(Finding("two parts at one place", person, message, score=float(len(parts)), parts=parts))
    return findings


def _piles(together: np.ndarray) -> list[list[int]]:
    """Parts that lie at one place, from who lies with whom (P, P)."""
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(together, directed=False)
    members = [np.flatnonzero(labels == label).tolist() for label in range(labels.max() + 1)]
    return [pile for pile in members if len(pile) > 1]


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]])


def _frames(dataset: PoseDataset, joints) -> list[Finding]:
    """Centre and scale that do not go with the joints, where they were given."""
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
        if not np.isfinite([*dataset.centre[person], dataset.person_size[person]]).all() or dataset.person_size[person] <= 0:
            findings.append(Finding("implausible frame", person, "centre or scale is missing", score=9.0))
        elif usable[person] and abs(logs[person] - middle) > np.log(3):
            factor = np.exp(logs[person] - middle)
            words = f"{factor:.1f} times as large" if factor > 1 else f"{1 / factor:.1f} times as small"
            message = f"the given scale is {words}, for these joints, as other people's"
            findings.append(Finding("implausible frame", person, message, score=abs(float(np.log(factor)))))
        elif usable[person] and away[person] > 0.5:
            message = f"the given centre lies {away[person]:.1f} of the person's size outside the box of the joints"
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
        message = f"right and left disagree with the rest of the body: exchange {names}?"
        findings.append(Finding("sides exchanged", int(person), message, score=odds, parts=parts))
    return findings


def _limbs(dataset: PoseDataset, joints) -> list[Finding]:
    skeleton = dataset.skeleton
    excess = np.nan_to_num(limb_excess(joints, skeleton))
    findings = []
    for person in np.flatnonzero((excess > LIMB_DEVIATIONS).any(1)):
        long = np.flatnonzero(excess[person] > LIMB_DEVIATIONS)
        limbs = [skeleton.limbs[limb] for limb in long]
        message = "; ".join(f"{skeleton.parts[a]} to {skeleton.parts[b]} is too long for this person" for a, b in limbs)
        parts = tuple(dict.fromkeys(skeleton.parts[part] for limb in limbs for part in limb))
        findings.append(Finding("implausible limb", int(person), message, float(excess[person].max()), parts))
    return findings


def _photo_sizes(dataset: PoseDataset, n_jobs: int) -> tuple[np.ndarray, list[Finding]]:
    """Width and height of everybody's photo, (N, 2), NaN where it cannot be read."""

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
        most = float(beyond[person, chosen].max())
        distance = f"up to {most:.0f} px" if most >= 1 else "less than a pixel"
        message = f"{', '.join(names)} outside the photo, by {distance}"
        score = most / sizes[person] if sizes[person] > 0 else most
        findings.append(Finding("outside the photo", int(person), message, score=score, parts=names))
    return findings


# -- duplicates -----------------------------------------------------------------------------------------------------


def _duplicates(dataset: PoseDataset, joints, sizes, readable, n_jobs: int) -> list[Finding]:
    """The same person twice: in one photo, in a copy of its file, or in another photo of the same content."""
    numbers = _contents(dataset, readable, n_jobs)
    findings = _same_people(dataset, joints, sizes, numbers)
    known = {(finding.other, finding.person) for finding in findings}
    pictures = Likeness(dataset, sizes)
    for first, second, _ in same_poses(joints, SAME_POSE):
        if (first, second) in known or numbers[first] == numbers[second] or not (readable[first] and readable[second]):
            continue
        alike = pictures.share(first, second)
        if alike > SAME_PICTURE:
            message = f"the same picture and pose as person {first}, in another photo"
            findings.append(Finding("duplicate", second, message, score=alike, other=first))
    return findings


def _contents(dataset: PoseDataset, readable, n_jobs: int) -> np.ndarray:
    """For each person, which photo it is, (N,): files of the same bytes and arrays of the same values are one."""
    sizes: dict[object, list[int]] = {}
    for person, photo in enumerate(dataset.photos):
        if readable[person]:
            key = Path(photo).stat().st_size if isinstance(photo, str | Path) else ("array", np.shape(photo))
            sizes.setdefault(key, []).append(person)
    doubtful = [person for people in sizes.values() if len(people) > 1 for person in people]

    def content(person: int) -> str:
        photo = dataset.photos[person]
        data = Path(photo).read_bytes() if isinstance(photo, str | Path) else np.ascontiguousarray(photo).tobytes()
        return hashlib.sha256(data).hexdigest()

    digests = joblib.Parallel(n_jobs=n_jobs, prefer="threads")(joblib.delayed(content)(each) for each in doubtful)
    keys: list[object] = [*range(len(dataset))]
    for person, digest in zip(doubtful, digests, strict=True):
        keys[person] = digest
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([order[key] for key in keys])


def _same_people(dataset: PoseDataset, joints, sizes, photos) -> list[Finding]:
    """People of one photo whose joints are at the same places."""
    findings = []
    labelled = joints[..., 2] > 0
    order = np.argsort(photos, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(photos[order])) + 1):
        for place, second in enumerate(group):
            for first in group[:place]:
                both = labelled[first] & labelled[second]
                if both.sum() < min(4, dataset.skeleton.n_parts) or not sizes[first] > 0:
                    continue
                distance = np.linalg.norm(joints[first, both, :2] - joints[second, both, :2], axis=-1).mean()
                if distance <= SAME_PERSON * sizes[first]:
                    message = f"the same person as {first}: one photo, and joints at the same places"
                    score = 1 - float(distance / sizes[first])
                    findings.append(Finding("duplicate", int(second), message, score=score, other=int(first)))
                    break
    return findings
