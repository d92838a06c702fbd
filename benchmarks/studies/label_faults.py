"""How many label errors are found: sides exchanged in synthetic people, one group of pairs at a time.

python benchmarks/studies/label_faults.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.publishing.results_file import write_json
from posemachines import PoseDataset
from posemachines.datasets import make_synthetic
from posemachines.labels import validate
from posemachines.labels.suspicions import side_groups
from posemachines.skeleton import LSP

KIND = "sides exchanged"
EVERY = 12  # one subject in twelve gets wrong labels


def measure(n: int, seed: int) -> dict:
    """Shares of subjects in which an exchange is reported, with wrong labels and without, for every group."""
    data = make_synthetic(n, random_state=seed)
    clean = validate(data, pictures=False).people(KIND)
    rows = []
    for group in side_groups(LSP):
        who = np.random.default_rng(seed).choice(n, n // EVERY, replace=False)
        joints = data.joints.copy()
        for pair in group:
            ends = LSP.pairs[pair]
            joints[np.ix_(who, ends)] = joints[np.ix_(who, ends[::-1])]
        found = validate(PoseDataset(data.photos, joints, LSP), pictures=False).people(KIND)
        names = [LSP.parts[LSP.pairs[pair][0]].removeprefix("right ") for pair in group]
        rows.append({"exchanged": names, "found": found[who].mean(), "others": np.delete(found, who).mean()})
    return {"people": n, "spoilt": n // EVERY, "seed": seed, "clean": clean.mean(), "groups": rows}


def main(arguments=None) -> int:
    """Measure, print the shares, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", "--people", dest="people", type=int, default=600)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/label_faults.json"))
    options = parser.parse_args(arguments)
    if options.people < 10 * EVERY:
        parser.error(f"--subjects must be at least {10 * EVERY}: one in {EVERY} gets wrong labels")
    result = {"command": "python benchmarks/studies/label_faults.py", **measure(options.people, options.seed)}
    write_json(result, options.output)
    print(f"reported in clean labels: {100 * result['clean']:.1f} %")
    for row in result["groups"]:
        print(
            f"{', '.join(row['exchanged']):<20} found {100 * row['found']:5.1f} %, others {100 * row['others']:4.1f} %"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
