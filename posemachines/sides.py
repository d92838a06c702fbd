"""Left and right: person-centric and observer-centric labels, and pairs of parts by their names."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .skeleton import LSP, Skeleton

__all__ = ["SIDE_CONVENTIONS", "Pairing", "find_pairs", "mirror_pairs", "observer_centric"]

SIDE_CONVENTIONS = ("person", "observer")
"""Left and right as seen by the person ("person"), or as if every person faced the camera ("observer")."""

_ARMS = ("shoulder", "elbow", "wrist", "eye", "ear")
_WORDS = {  # right: left; pieces of a name, in lower case
    "right": "left", "rgt": "lft", "rt": "lt", "rhs": "lhs", "rightmost": "leftmost",
    "rechts": "links", "rechte": "linke", "rechter": "linker", "rechtes": "linkes", "rechten": "linken",
    "droite": "gauche", "droit": "gauche", "derecha": "izquierda", "derecho": "izquierdo",
    "destra": "sinistra", "destro": "sinistro", "dx": "sx", "dextra": "sinistra", "dexter": "sinister",
    "direita": "esquerda", "direito": "esquerdo", "höger": "vänster", "hoger": "vanster", "høyre": "venstre",
    "højre": "venstre", "oikea": "vasen", "prawy": "lewy", "prawa": "lewa", "prawe": "lewe", "pravý": "levý",
    "pravá": "levá", "pravé": "levé", "правый": "левый", "правая": "левая", "правое": "левое", "오른쪽": "왼쪽",
}  # fmt: skip
_INSIDE = {  # right: left; inside a longer piece, such as leftear
    "right": "left", "rechts": "links", "droite": "gauche", "derech": "izquierd", "destr": "sinistr",
    "direit": "esquerd", "höger": "vänster", "høyre": "venstre", "højre": "venstre", "右": "左", "오른": "왼",
}  # fmt: skip
_NO_SIDE = re.compile(r"cleft|bright|upright|outright|forthright|fright|wright|leftover|copyright|destroy|destruct")
_WHERE = "fhbtm"  # front or fore, hind, back or bottom, top, middle: LF, FL, RH, HR, TL, ...
_PIECES = re.compile(r"A+(?!a)|A?a+|0+")  # of a name whose letters are written A or a, and digits 0


def observer_centric(joints, skeleton: Skeleton = LSP) -> np.ndarray:
    """Convert person-centric labels to observer-centric ones, as if every person faced the camera.

    Parameters
    ----------
    joints : ndarray of shape (N, P, C)
        x, y first.
    skeleton : Skeleton
        Must have right and left shoulders and hips; its pairs are swapped where needed.

    Returns
    -------
    ndarray of shape (N, P, C)
        A copy of `joints`.

    Raises
    ------
    ValueError
        If the skeleton has no shoulders or hips, or a different number of parts.

    Notes
    -----
    Arms are swapped where the shoulders show a person from behind, and legs where the hips do. The criterion is the
    sign of the cross product of the vector from right to left with the torso, from the centre of the hips to that of
    the shoulders. On LSP the result equals the published observer-centric annotations in every joint. The conversion
    cannot be undone.

    References
    ----------
    .. [1] Eichner and Ferrari, "Appearance sharing for collective human pose estimation", ACCV 2012.
    """
    joints = np.array(joints)
    if joints.ndim != 3 or joints.shape[1] != skeleton.n_parts:
        raise ValueError(f"joints must be (N, {skeleton.n_parts}, 2 or 3) for {skeleton.name!r}; got {joints.shape}")
    right, left = (
        np.stack([joints[:, skeleton.index(f"{side} {part}"), :2] for part in ("shoulder", "hip")])
        for side in ("right", "left")
    )
    up = (right[0] + left[0] - right[1] - left[1]) / 2
    across = left - right
    from_behind = up[:, 0] * across[..., 1] - up[:, 1] * across[..., 0] < 0
    for pair in skeleton.pairs:
        arm = any(skeleton.parts[pair[0]].endswith(part) for part in _ARMS)
        rows = np.flatnonzero(from_behind[0 if arm else 1])
        joints[np.ix_(rows, pair)] = joints[np.ix_(rows, pair[::-1])]
    return joints


@dataclass(frozen=True)
class Pairing:
    """What the names of parts say about left and right.

    Attributes
    ----------
    pairs : tuple of (right, left)
        Names of the parts that change places when a photo is mirrored.
    unmatched : tuple of str
        Names that say left or right and have no counterpart, or more than one.
    """

    pairs: tuple[tuple[str, str], ...]
    unmatched: tuple[str, ...]

    @property
    def usable(self) -> tuple[tuple[str, str], ...]:
        """The pairs; none where a sided part is unmatched, since mirrored crops would show it on the wrong side."""
        return () if self.unmatched else self.pairs

    def note(self) -> str:
        """What was paired, or why nothing is, in one sentence; empty where no name has a side."""
        listing = ", ".join(f"{right}/{left}" for right, left in self.pairs)
        if self.unmatched:
            found = f" (by name: {listing})" if listing else ""
            return (
                f"no left-right pairs, so crops are not mirrored: {', '.join(self.unmatched)} "
                f"{'has' if len(self.unmatched) == 1 else 'have'} a side in the name but no counterpart{found}; "
                "give pairs=[(right, left), ...], or pairs=() for none"
            )
        return f"left-right pairs by name: {listing}" if listing else ""


def find_pairs(parts: Sequence[str]) -> Pairing:
    """Left-right pairs by the names of the parts, and the sided names that have no counterpart.

    Parameters
    ----------
    parts : sequence of str

    Returns
    -------
    Pairing

    Notes
    -----
    A name is cut into pieces at separators, digits and capitals. A side is the word right or left (in several
    languages, also at either end of a longer piece, as in ``leftear``), its initial as a piece of its own (``pawR1``,
    ``ear_L``), or a code of two letters (``paw1LH``, ``RF``, ``FL``). Names are paired if they are the same but for
    the sides: first with the case of the letters, then without it, then without the order of the pieces, and last
    without their numbers (``paw1LH`` and ``paw4RH``); always only where one name of each side is left. Names such as
    ``rpaw`` and ``lpaw`` are paired if both exist. Initials that are part of an enumeration (``a``, ``b``, ``c``, ...)
    are no sides; an initial without any word (``L1``) is one only if the other side occurs as well.

    Examples
    --------
    >>> find_pairs(["left_ear", "right_ear", "pawL1", "pawR1"]).pairs
    (('right_ear', 'left_ear'), ('pawR1', 'pawL1'))
    >>> find_pairs(["left_ear", "right_ear", "left_paw", "rib"]).unmatched
    ('left_paw',)
    """
    rear = _rear_codes(parts)
    names = {part: _Name(part, rear) for part in parts}
    _forget_enumerations(list(names.values()))
    pairs: list[tuple[str, str]] = []
    for only_words in (False, True):
        for key in _KEYS:
            free = [part for part in names if not any(part in pair for pair in pairs)]
            pairs += _matched(free, {part: names[part].reading(only_words) for part in free}, key)
    free = [part for part in parts if not any(part in pair for pair in pairs)]
    pairs += _with_glued_initials([part for part in free if not names[part].sides])
    paired = {part for pair in pairs for part in pair}
    bare = {side for name in names.values() for _, side, word in name.sides if not word and not name.has_word()}
    unmatched = tuple(part for part in parts if part not in paired and names[part].is_sided(bare))
    return Pairing(tuple(sorted(pairs, key=lambda pair: list(parts).index(pair[0]))), unmatched)


def mirror_pairs(parts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Find left-right pairs by the names of the parts.

    Parameters
    ----------
    parts : sequence of str

    Returns
    -------
    tuple of (right, left)
        Parts whose names differ only in their side; see :func:`find_pairs`, which also tells which sided names are
        left over. Parts without a counterpart are not paired.

    Examples
    --------
    >>> mirror_pairs(["snout", "leftear", "rightear", "paw_R", "paw_L", "rib"])
    (('rightear', 'leftear'), ('paw_R', 'paw_L'))
    """
    return find_pairs(parts).pairs


class _Name:
    """A name in pieces, and which of them are sides: (index, "R" or "L", whether it is a word)."""

    def __init__(self, part: str, rear: dict[str, str]) -> None:
        self.pieces = [rear.get(piece, piece) for piece in _pieces(part)]
        self.sides: list[tuple[int, str, bool]] = []
        for index, piece in enumerate(self.pieces):
            following = self.pieces[index + 1].casefold() if index + 1 < len(self.pieces) else ""
            if piece.casefold() == "right" and following.startswith("angle"):
                continue
            side, rest, word = _side(piece)
            if side:
                self.pieces[index] = rest
                self.sides.append((index, side, word))

    def reading(self, only_words: bool) -> tuple[list[str], list[tuple[int, str]]]:
        """The pieces, those of sides without the side, and the sides; initials are plain letters with `only_words`."""
        pieces = list(self.pieces)
        for index, side, word in self.sides:
            if only_words and not word:
                pieces[index] += side
        return pieces, [(index, side) for index, side, word in self.sides if word or not only_words]

    def has_word(self) -> bool:
        """Whether the name has a word beside its sides."""
        sides = {index for index, _, _ in self.sides}
        return any(len(piece) > 1 and piece.isalpha() for index, piece in enumerate(self.pieces) if index not in sides)

    def is_sided(self, bare: set[str]) -> bool:
        """Whether a name without a counterpart must have a side; `bare` are the sides that occur without any word."""
        return bool(self.sides) and (any(word for *_, word in self.sides) or self.has_word() or bare == {"R", "L"})


def _pieces(name: str) -> list[str]:
    name = unicodedata.normalize("NFC", name)
    kinds = "".join("0" if c.isdigit() else "A" if c.isupper() else "a" if c.isalpha() else " " for c in name)
    return [name[found.start() : found.end()] for found in _PIECES.finditer(kinds)]


def _rear_codes(parts: Sequence[str]) -> dict[str, str]:
    """RL and RR beside FL and FR are rear left and rear right; LR and RR beside LF and RF left rear and right rear."""
    pieces = {piece for part in parts for piece in _pieces(part)}
    if {"FL", "FR", "RL", "RR"} <= pieces:
        return {"RL": "HL", "RR": "HR"}
    if {"LF", "RF", "LR", "RR"} <= pieces:
        return {"LR": "LH", "RR": "RH"}
    return {}


def _side(piece: str) -> tuple[str, str, bool]:
    """("R", "L" or nothing, what else the piece says, whether it is a word)."""
    small = piece.casefold()
    for side, words in (("R", _WORDS), ("L", {left: right for right, left in _WORDS.items()})):
        if small in words:
            return side, _case_of(piece), True
    if small in ("r", "l"):
        return small.upper(), _case_of(piece), False
    if len(small) == 2 and (piece.isupper() or piece.islower()):
        for place in (0, 1):
            if small[place] in "rl" and small[1 - place] in _WHERE:
                return small[place].upper(), f"{_case_of(piece)}{small[1 - place]}{place}", False
    if _NO_SIDE.search(small):
        return "", piece, False
    for right, left in _INSIDE.items():
        for side, word in (("R", right), ("L", left)):
            if word in small:
                return side, small.replace(word, "*", 1), True
    return "", piece, False


def _case_of(piece: str) -> str:
    return "A" if piece.isupper() else "a"


def _forget_enumerations(names: list[_Name]) -> None:
    """Initials are no sides where the same place of the name takes other letters, too: a, b, c, ..."""
    letters = defaultdict(set)
    for name in names:
        for index, piece in enumerate(name.pieces):
            side = next((side for place, side, word in name.sides if place == index and not word), None)
            letter = side or (piece.upper() if len(piece) == 1 and piece.isalpha() else None)
            if letter and len(piece) == 1:
                rest = tuple(name.pieces[:index] + ["*"] + name.pieces[index + 1 :])
                letters[rest].add(letter)
    for name in names:
        for index, side, word in list(name.sides):
            rest = tuple(name.pieces[:index] + ["*"] + name.pieces[index + 1 :])
            if not word and len(letters.get(rest, set()) - set("RLMC")) >= 3:
                name.sides.remove((index, side, word))
                name.pieces[index] = side


def _as_written(pieces: list[str], sides: list[int]) -> tuple:
    return (*pieces, *sides)


def _any_case(pieces: list[str], sides: list[int]) -> tuple:
    return (*(piece.casefold() for piece in pieces), *sides)


def _any_order(pieces: list[str], sides: list[int]) -> tuple:
    return tuple(sorted(piece.casefold() for piece in pieces))


def _any_number(pieces: list[str], sides: list[int]) -> tuple:
    return tuple("0" if piece.isdigit() else piece.casefold() for piece in pieces)


_KEYS = (_as_written, _any_case, _any_order, _any_number)


def _matched(parts: list[str], readings: dict, key) -> Iterator[tuple[str, str]]:
    """(right, left) where exactly one part of either side has a key, and all sides are exchanged."""
    found: dict[tuple, dict[str, list[str]]] = defaultdict(lambda: {"R": [], "L": []})
    for part in parts:
        pieces, sides = readings[part]
        if sides:
            first = sides[0][1]
            pattern = tuple(side == first for _, side in sides)
            found[key(pieces, [index for index, _ in sides]), pattern][first].append(part)
    for both in found.values():
        if len(both["R"]) == len(both["L"]) == 1:
            yield both["R"][0], both["L"][0]


def _with_glued_initials(parts: list[str]) -> list[tuple[str, str]]:
    """(right, left) of names that differ in an r or l at either end of one of their pieces: rpaw and lpaw."""
    pairs: list[tuple[str, str]] = []
    for part in parts:
        for found in re.finditer(r"[^\W\d_]+", part):
            start, end = found.span()
            for place in (start, end - 1):
                if end - start < 3 or part[place] not in "rR":
                    continue
                other = part[:place] + ("l" if part[place] == "r" else "L") + part[place + 1 :]
                if other in parts and not any(part in pair or other in pair for pair in pairs):
                    pairs.append((part, other))
    return pairs
