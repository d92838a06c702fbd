"""Train the classic and the convolutional Pose Machine on the same subjects and measure both, stage by stage.

    python benchmarks/compare_pm_cpm.py                                    # synthetic people, a few minutes
    python benchmarks/compare_pm_cpm.py --dataset lspet --root DIR         # photos
    python benchmarks/compare_pm_cpm.py LABELS [--images DIR]               # your own landmarks, in any known format

Writes report.json, report.html, plots and the trained machines into a folder. An interrupted run keeps the machines
that are finished; the same command, repeated, reads them and resumes unfinished training.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout, installed or not

from posemachines.comparison.command import run_command


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison and return the exit code: 0 when finished, 130 when interrupted, 2 for invalid input."""
    return run_command("python benchmarks/compare_pm_cpm.py", arguments, description=__doc__.split("\n")[0])


if __name__ == "__main__":
    warnings.simplefilter("default")
    sys.exit(main())
