"""Addition of sixteen float32 values at once.

The compiler cannot rule out that a histogram and the rows added to it overlap in memory, so it adds values one by one,
which takes three times as long. Hence this instruction is written in LLVM.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

__all__ = ["LANES", "add_lanes"]

LANES = 16


def _plain_add_lanes(sums, first, values, start):
    """``sums[first : first + 16] += values[start : start + 16]``, for flat, contiguous float32 arrays."""
    sums[first : first + LANES] += values[start : start + LANES]


@intrinsic
def _compiled_add_lanes(_, sums, first, values, start):
    if not all(isinstance(array, types.Array) and array.dtype == types.float32 for array in (sums, values)):
        raise TypeError("add_lanes adds float32 arrays")

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(ir.FloatType(), LANES).as_pointer()
        places = []
        for k in (0, 2):
            array = context.make_array(signature.args[k])(context, builder, arguments[k])
            places.append(builder.bitcast(builder.gep(array.data, [arguments[k + 1]]), vector))
        added = builder.fadd(*(builder.load(place, align=4) for place in places))
        builder.store(added, places[0], align=4)
        return context.get_dummy_value()

    return types.void(sums, types.intp, values, types.intp), generate


add_lanes: Callable = _plain_add_lanes if config.DISABLE_JIT else _compiled_add_lanes  # type: ignore[attr-defined]
