"""Compiled loops of the forest stage, each with a plain numpy twin of the same name and results.

The loops are compiled by numba. Two of their innermost steps, :mod:`.lanes` and :mod:`.step`, are written in LLVM,
because the compiler does not vectorise them. Set the environment variable ``POSEMACHINES_KERNELS=0`` before
posemachines is imported to use the twins instead: nothing is compiled, and everything is much slower.
"""

import os

ENABLED = os.environ.get("POSEMACHINES_KERNELS") != "0"

if ENABLED:
    from . import context, growing, image, walking
else:
    from . import context_twins as context  # type: ignore[no-redef]
    from . import growing_twins as growing  # type: ignore[no-redef]
    from . import image_twins as image  # type: ignore[no-redef]
    from . import walking_twins as walking  # type: ignore[no-redef]

__all__ = ["ENABLED", "context", "growing", "image", "walking"]
