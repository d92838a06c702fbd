"""Parts matched by their names, however a file spells them."""

from __future__ import annotations

import re

from ..evaluation.protocols import Protocol

__all__ = ["part_order"]

_SIDES = {"r": "right", "l": "left"}


def part_order(parts: list[str], protocol: Protocol, what: str) -> list[int]:
    """Indices that put named parts into the protocol's order.

    Names are compared without case, separators and order of their words; ``r`` and ``l`` are right and left. Parts
    that are numbers (``0``, ``part 0``) are in order already. Parts that the protocol does not know are left out.
    """
    keys = [_key(part) for part in parts]
    best: list[str] = list(protocol.parts)
    for layout in (protocol.parts, *protocol.layouts):
        missing = [part for part in layout if _key(part) not in keys]
        if not missing:
            return [keys.index(_key(part)) for part in layout]
        best = min(best, missing, key=len)
    if all(re.fullmatch(r"(part|joint|keypoint|bodypart)?[ _]?\d+", part, re.IGNORECASE) for part in parts):
        protocol.layout(len(parts))
        return list(range(len(parts)))
    raise ValueError(
        f"{what} lacks the parts {', '.join(best)} of protocol {protocol.name!r}; it has {', '.join(parts)}; "
        "rename its columns"
    )


def _key(part: str) -> frozenset[str]:
    words = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", part).lower())
    return frozenset(_SIDES.get(word, word) for word in words)
