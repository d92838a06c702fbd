"""Repeat every study behind "What we found", after estimating the time.

    make figures
    python benchmarks/publishing/figures.py --dry-run       # only estimate the time
    python benchmarks/publishing/figures.py --only stages,context

Trained machines are kept in runs/trained for the next scripts and runs; the same command resumes an interrupted run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.publishing import compare_plot
from benchmarks.studies.study import RESULTS
from posemachines.comparison.cache import FOLDER
from posemachines.comparison.machines import installed

SCRIPTS = (
    "compare_pm_cpm", "sample_efficiency", "context", "robustness", "cost", "training_strategies", "stages",
    "receptive_field", "gradient_flow", "features_or_context",
)  # fmt: skip
OF_COMPARISON = [
    "--dataset",
    "lspet",
    "--root",
    "data/lspet",
    "--output",
    "runs/lspet",
    "--cache",
    "runs/crops",
    "--machines",
]
RESULT_OF = {"compare_pm_cpm": "compare_lspet"}


def expected(names, results: Path = RESULTS, trained: Path = FOLDER, cores: int | None = None) -> dict:
    """Estimated minutes of each script, from its last result and the trained machines; None if unknown."""
    cores = cores or os.cpu_count() or 1
    there = {file.name for file in trained.glob("*.npz")} if trained.is_dir() else set()
    minutes: dict[str, float | None] = {}
    for name in names:
        file = results / f"{RESULT_OF.get(name, name)}.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if "training_cpu_minutes" not in known:
            minutes[name] = None
            continue
        missing = {machine: took for machine, took in known["training_cpu_minutes"].items() if machine not in there}
        minutes[name] = known["measuring_minutes"] + sum(missing.values()) / cores
        there |= set(missing)
    return minutes


def run_script(name: str, arguments: list[str]) -> int:
    """Run one of the scripts and return its exit code."""
    return importlib.import_module(
        "benchmarks.compare_pm_cpm" if name == "compare_pm_cpm" else f"benchmarks.studies.{name}"
    ).main(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Estimate the time, run the scripts, and return the first exit code that is not 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"comma-separated: {', '.join(SCRIPTS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes on synthetic people")
    parser.add_argument("--dry-run", action="store_true", help="only estimate the time")
    options = parser.parse_args(arguments)
    names = SCRIPTS if options.only is None else tuple(name.strip() for name in options.only.split(","))
    if unknown := sorted({*names} - {*SCRIPTS}):
        parser.error(f"--only takes {', '.join(SCRIPTS)}; got {', '.join(unknown)}")
    if options.quick:
        print("quick runs: a few minutes in total")
    else:
        for name, minutes in expected(names).items():
            print(f"{name:<22}" + ("not measured yet: up to hours" if minutes is None else f"about {minutes:.0f} min"))
        print("estimates for a computer like the one of the results", flush=True)
    if options.dry_run:
        return 0
    for name in names:
        whole = name == "compare_pm_cpm" and not options.quick
        given = ["--quick"] if options.quick else [*OF_COMPARISON, ",".join(installed()[1:])] if whole else []
        print(f"\n== {name}", flush=True)
        if code := run_script(name, given):
            return code
        if whole:  # the report itself stays in runs/lspet
            shutil.copyfile(Path("runs/lspet/report.json"), RESULTS / "compare_lspet.json")
            compare_plot.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
