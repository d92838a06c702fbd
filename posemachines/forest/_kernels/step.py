"""One step down a tree for eight cells at once.

The compiler does not vectorise eight walks, because it cannot rule out that the array of their nodes overlaps the
trees in memory. Hence these instructions are written in LLVM. Without AVX-512 they are executed as eight single steps.

A node is packed into one integer, so that a step reads only one cache line: the lowest seven bits are the smallest
code that goes right, the next 29 the position of the feature in the maps, the rest the left child. In a leaf the code
is 127 and the child is the row of its vector.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

__all__ = ["CELLS", "CHILD_SHIFT", "LEAF_CUT", "pack_nodes", "step", "unpack_nodes"]

CELLS = 8
CUT_BITS, BASE_BITS = 7, 29
LEAF_CUT = 2**CUT_BITS - 1
CHILD_SHIFT = CUT_BITS + BASE_BITS


def pack_nodes(base: np.ndarray, threshold: np.ndarray, child: np.ndarray) -> np.ndarray:
    """Pack nodes into integers, int64 (nodes,); a negative `base` marks a leaf.

    Raises
    ------
    ValueError
        If the maps are too large, or there are too many nodes, for the available bits.
    """
    if base.max(initial=0) >= 2**BASE_BITS or child.max(initial=0) >= 2 ** (63 - CHILD_SHIFT):
        raise ValueError("the crops or the forest are too large for packed nodes; use smaller crops or fewer trees")
    leaf = base < 0
    cut = np.where(leaf, LEAF_CUT, np.clip(np.floor(threshold) + 1, 0, LEAF_CUT - 1)).astype(np.int64)
    place = np.where(leaf, 0, base).astype(np.int64)
    return (child.astype(np.int64) << CHILD_SHIFT) | (place << CUT_BITS) | cut


def unpack_nodes(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position (-1 in leaves), smallest code that goes right, and child of packed nodes."""
    cut = nodes & LEAF_CUT
    place = np.where(cut == LEAF_CUT, -1, (nodes >> CUT_BITS) & (2**BASE_BITS - 1))
    return place, cut, nodes >> CHILD_SHIFT


def _plain_step(nodes, maps, place, at, first):
    """Move the cells at `place`, `place` + 1, ... one step down; their nodes at[first : first + 8] change in place.

    Returns 0 if all of them are leaves already.
    """
    moving = 0
    for lane in range(CELLS):
        node = nodes[at[first + lane]]
        cut = node & LEAF_CUT
        if cut != LEAF_CUT:
            tap = (node >> CUT_BITS) & (2**BASE_BITS - 1)
            at[first + lane] = (node >> CHILD_SHIFT) + (maps[tap + place + lane] >= cut)
            moving = 1
    return moving


_WORD, _FOUR_BYTES, _BIT = ir.IntType(64), ir.IntType(32), ir.IntType(1)


def _vector(kind):
    return ir.VectorType(kind, CELLS)


def _all(number, kind=_WORD):
    return ir.Constant(_vector(kind), [number] * CELLS)


def _gather(builder, kind, addresses, mask, align):
    result, pointers = _vector(kind), _vector(kind.as_pointer())
    name = f"llvm.masked.gather.v{CELLS}i{kind.width}.v{CELLS}p0"
    signature = ir.FunctionType(result, [pointers, ir.IntType(32), _vector(_BIT), result])
    function = builder.module.globals.get(name) or ir.Function(builder.module, signature, name)
    arguments = [builder.inttoptr(addresses, pointers), ir.Constant(ir.IntType(32), align), mask, _all(0, kind)]
    return builder.call(function, arguments)


def _spread(builder, value):
    nothing = ir.Constant(_vector(_WORD), ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(_vector(ir.IntType(32)), [0] * CELLS))


@intrinsic
def _compiled_step(_, nodes, maps, place, at, first):
    def generate(context, builder, signature, arguments):
        arrays = [context.make_array(signature.args[k])(context, builder, arguments[k]).data for k in (0, 1, 3)]
        nodes_at, maps_at = (builder.ptrtoint(pointer, _WORD) for pointer in arrays[:2])
        places = builder.bitcast(builder.gep(arrays[2], [arguments[4]]), _vector(_WORD).as_pointer())
        at = builder.load(places, align=8)
        addresses = builder.add(_spread(builder, nodes_at), builder.shl(at, _all(3)))
        node = _gather(builder, _WORD, addresses, _all(True, _BIT), 8)
        cut = builder.and_(node, _all(LEAF_CUT))
        inner = builder.icmp_unsigned("!=", cut, _all(LEAF_CUT))
        tap = builder.and_(builder.lshr(node, _all(CUT_BITS)), _all(2**BASE_BITS - 1))
        start = _spread(builder, builder.add(maps_at, arguments[2]))
        own = builder.add(start, ir.Constant(_vector(_WORD), list(range(CELLS))))
        four = _gather(builder, _FOUR_BYTES, builder.add(tap, own), inner, 1)  # the code and the next three bytes
        code = builder.and_(builder.zext(four, _vector(_WORD)), _all(255))
        right = builder.zext(builder.icmp_unsigned(">=", code, cut), _vector(_WORD))
        child = builder.add(builder.lshr(node, _all(CHILD_SHIFT)), right)
        builder.store(builder.select(inner, child, at), places, align=8)
        return builder.zext(builder.bitcast(inner, ir.IntType(CELLS)), _WORD)

    return types.int64(nodes, maps, types.intp, at, types.intp), generate


step: Callable
if config.DISABLE_JIT:  # type: ignore[attr-defined]
    step = _plain_step
else:
    step = _compiled_step if sys.byteorder == "little" else njit(nogil=True)(_plain_step)
