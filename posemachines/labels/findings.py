"""What validation returns: findings, and the data set that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..datasets.pose_dataset import PoseDataset

__all__ = ["KINDS", "LEVELS", "Finding", "Validation"]

LEVELS = ("error", "warning", "note")
KINDS = {
    "unreadable photo": "error",
    "no label": "error",
    "x and y exchanged": "error",
    "outside the photo": "error",
    "contradicting labels": "error",
    "labelled twice": "warning",
    "two parts at one place": "warning",
    "sides exchanged": "warning",
    "implausible limb": "warning",
    "implausible frame": "warning",
    "duplicate": "note",
    "near-duplicate": "note",
    "few labels": "note",
    "parts that coincide": "note",
    "second annotator": "note",
    "part never labelled": "note",
}
"""Kinds of findings with their level: errors are certainly wrong, warnings probably, and notes are worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    person : int or None
        Index of the subject in the data set; None where the finding is about the whole data set.
    message : str
        What is wrong, in a sentence.
    score : float
        Confidence, comparable within a kind: higher is surer.
    parts : tuple of str
        The parts involved.
    other : int or None
        For duplicates and contradicting labels, index of the other subject.
    others : tuple of int
        For near-duplicates, all subjects that are linked to this one by photos that show nearly the same.
    """

    kind: str
    person: int | None
    message: str
    score: float = 0.0
    parts: tuple[str, ...] = ()
    other: int | None = None
    others: tuple[int, ...] = ()

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
        In the order of `KINDS`; within a kind, the highest score first.
    """

    dataset: PoseDataset
    findings: list[Finding] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Number of findings of each kind that occurs."""
        kinds = [finding.kind for finding in self.findings]
        return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}

    def of(self, person: int) -> list[Finding]:
        """The findings about one subject."""
        return [finding for finding in self.findings if finding.person == person]

    def people(self, kinds: str | Iterable[str] | None = None) -> np.ndarray:
        """Subjects with findings of the given kinds, bool (N,); by default with errors or warnings.

        ``dataset[~validation.people("sides exchanged")]`` leaves them out. Of the subjects of one "near-duplicate",
        only that of the finding counts.
        """
        chosen = {kinds} if isinstance(kinds, str) else set(kinds or (kind for kind in KINDS if KINDS[kind] != "note"))
        if unknown := chosen - set(KINDS):
            raise ValueError(f"no kind {', '.join(sorted(unknown))}; the kinds are {', '.join(KINDS)}")
        found = np.zeros(len(self.dataset), bool)
        found[[each.person for each in self.findings if each.person is not None and each.kind in chosen]] = True
        return found

    def near_duplicates(self) -> np.ndarray:
        """Pairs of subjects in copies of a photo, or in photos that show nearly the same, int (K, 2).

        For ``find_groups(dataset, near_duplicates=...)``, which keeps them on one side of a split.
        """
        kinds = ("duplicate", "near-duplicate", "contradicting labels")
        pairs = [
            (other, each.person)
            for each in self.findings
            if each.kind in kinds and each.person is not None
            for other in (each.others or (each.other,))
        ]
        return np.array(pairs, int).reshape(-1, 2)

    def suspicious(self, n: int | None = None) -> list[int]:
        """Indices of subjects with errors or warnings: errors first, then by score; the first `n`, or all."""
        ranks: dict[int, tuple] = {}
        for place, finding in enumerate(self.findings):
            if finding.person is not None and finding.level != "note":
                rank = (LEVELS.index(finding.level), -finding.score, place)
                ranks[finding.person] = min(rank, ranks.get(finding.person, rank))
        return sorted(ranks, key=lambda person: ranks[person])[:n]

    def summary(self) -> str:
        """A few lines of text: how many subjects have findings of which kind."""
        n = len(self.dataset)
        n_wrong = int(self.people().sum())
        lines = [f"{self.dataset.name}: {n_wrong} of {n} subjects look wrong ({100 * n_wrong / n:.1f} %)"]
        width = max((len(kind) for kind in self.counts()), default=0)
        lines += [f"  {kind:<{width}}  {count:6d}  {KINDS[kind]}" for kind, count in self.counts().items()]
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """For JSON: ``name, people, suspicious, counts, findings``; each finding with its level and photo."""
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
