"""Train the classic and the convolutional Pose Machine on the same people and measure both, stage by stage.

    python benchmarks/compare_pm_cpm.py                                    # drawn figures, a few minutes
    python benchmarks/compare_pm_cpm.py --dataset lspet --root DIR         # photographs
    python benchmarks/compare_pm_cpm.py --dataset coco --annotations FILE --images DIR             # your own landmarks

Writes report.json, report.html, pictures and the trained machines into a folder. What is finished when it is
interrupted is kept; when the same command is given again, the machines that are trained are read, and the training that
was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import shutil
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout, installed or not

from posemachines import PoseDataset
from posemachines.comparison import data as compare_data
from posemachines.comparison.cache import FOLDER, PACKAGES, train
from posemachines.comparison.machines import LABELS, PEERS, build, compile_kernels, installed
from posemachines.conv import describe_device
from posemachines.datasets import Crops
from posemachines.evaluation import THRESHOLDS, compare_machines, describe_reference, evaluate_machine
from posemachines.geometry import to_crop
from posemachines.profiling.cost import machine_description, measure_inference, versions
from posemachines.report import Examples, Report, describe_machine

OF_CHOICE = [name for name in LABELS if name != "mean"]
CROP = 128  # px
N_EXAMPLES = 40  # people in the viewer
QUICK = {"train": 60, "test": 20, "rounds": 4, "epochs": 2}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command line, with the defaults of the chosen data filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    compare_data.add_arguments(parser)
    parser.add_argument("--machines", default="pm,cpm", help=f"comma-separated: {', '.join(OF_CHOICE)}")
    parser.add_argument("--stages", type=int, default=3, help="stages of every machine")
    parser.add_argument("--rounds", type=int, help="rounds of boosting of a forest stage (default: the library's)")
    parser.add_argument(
        "--epochs", type=int, help="passes over the training people of a net (default: by their number)"
    )
    parser.add_argument("--flip", action="store_true", help="average over the mirrored crop at test time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="of the nets: auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--jobs", type=int, default=-1, help="threads; -1 takes every core")
    parser.add_argument("--parts", action="store_true", help="print a row a part too")
    parser.add_argument("--cache", type=Path, help="folder that keeps the cut crops between runs")
    parser.add_argument("--trained", type=Path, default=FOLDER, help="folder that keeps trained machines between runs")
    parser.add_argument("--fresh", action="store_true", help="train the machines even if they are there")
    parser.add_argument("--output", type=Path, default=Path("runs/compare"), help="folder of the report")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    options = parser.parse_args(arguments)
    options.machines = [name.strip() for name in options.machines.split(",") if name.strip()]
    unknown = sorted({*options.machines} - {*OF_CHOICE})
    if unknown or not options.machines:
        parser.error(f"--machines takes {', '.join(OF_CHOICE)}, comma-separated; got {', '.join(unknown) or 'nothing'}")
    for name in {*options.machines} & {*PEERS}:
        if name not in installed():
            parser.error(f'{name} is not installed; in an environment of its own: pip install "posemachines[{name}]"')
    compare_data.check(options, parser, QUICK if options.quick else None)
    if options.stages < 1:
        parser.error("--stages must be at least 1")
    if options.quick:
        options.rounds, options.epochs = options.rounds or QUICK["rounds"], options.epochs or QUICK["epochs"]
    return options


def run_machine(
    name: str, options: argparse.Namespace, train_people: Crops, test: Crops
) -> tuple[dict, np.ndarray, object]:
    """Train and measure one machine: its entry of the report, its last distances, and the machine."""
    names = ("stages", "rounds", "epochs", "seed", "device", "jobs", "flip")
    machine = build(name, options.skeleton, len(train_people.X), **{key: getattr(options, key) for key in names})
    began = time.perf_counter()
    machine, record, file = train(machine, train_people, name=name, folder=options.trained, fresh=options.fresh)
    options.training += time.perf_counter() - began
    options.used[file.name] = round(record["cost"]["cpu_seconds"] / 60, 2)
    inference = measure_inference(machine, test.X, n_images=5 if options.quick else 30)
    accuracy = evaluate_machine(
        machine, test.X, test.y, transforms=test.transforms, training=train_people.y, **options.known
    )
    shutil.copyfile(file, options.output / f"{name}.npz")
    entry = describe_machine(
        machine, accuracy, inference, label=LABELS[name], file_bytes=record["file_bytes"], history=record["history"],
        training=record["cost"] | {"interruptions": record["interruptions"]},
    )  # fmt: skip
    return entry, accuracy.distances[-1], machine


def others(people: PoseDataset, crops: Crops) -> np.ndarray | None:
    """Joints of the further people of each photo in pixels of the crop, (N, K, P, 3); None where there are none."""
    joints = people.others()
    if not joints.shape[1]:
        return None
    flat = to_crop(joints[..., :2].reshape(len(joints), -1, 2), crops.transforms).reshape(joints[..., :2].shape)
    return np.concatenate([flat, joints[..., 2:]], -1)


def describe(options: argparse.Namespace, people: PoseDataset, command: str) -> dict:
    """The head of the report: everything but the machines."""
    return {
        "format": "posemachines comparison",
        "version": 1,
        "command": command,
        "finished": False,
        "settings": {
            "train": options.train,
            "test": options.test,
            "stages": options.stages,
            "machines": options.machines,
            "seed": options.seed,
            "device": describe_device(options.device) if {*options.machines} - {"pm"} else "cpu",
            "jobs": options.jobs,
            "flip": options.flip,
            "crop_size": CROP,
            "quick": options.quick,
        },
        "dataset": {
            "name": people.name,
            "train": options.train,
            "test": options.test,
            "skeleton": people.skeleton.name,
            "parts": list(people.skeleton.parts),
            "rule": people.crop_rule,
            "view": people.side_convention,
            "fill": 1 / people.padding,
        },
        "protocol": {
            "metric": "PCK",
            "reference": describe_reference(people.skeleton),
            "mean": "all labelled joints pooled",
            "thresholds": list(THRESHOLDS),
        },
        "computer": machine_description(),
        "versions": versions(PACKAGES),
        "machines": {},
        "differences": [],
    }


def table(report: dict, *, parts: bool = False) -> str:
    """The report as lines of text: machine x stage, then what each machine costs."""
    lines = [f"{'':30}{'stage':>6}{'PCK@0.1':>9}{'PCK@0.2':>9}   95 % interval @0.2"]
    for machine in report["machines"].values():
        for stage in machine["accuracy"]["stages"]:
            low, high = stage["interval"]["0.2"]
            label = machine["label"] if stage["stage"] == 1 else ""
            pck = stage["pck"]
            lines.append(f"{label:30}{stage['stage']:>6}{pck['0.1']:>9.1f}{pck['0.2']:>9.1f}   {low:.1f} .. {high:.1f}")
    if parts:
        lines += ["", f"{'PCK@0.2, last stage':20}" + "".join(f"{name:>8}" for name in report["machines"])]
        for index, part in enumerate(report["dataset"]["parts"]):
            values = [
                machine["accuracy"]["stages"][-1]["parts"]["0.2"][index] for machine in report["machines"].values()
            ]
            lines.append(f"{part:20}" + "".join(f"{'-':>8}" if value is None else f"{value:>8.1f}" for value in values))
    lines += ["", f"{'':30}{'training':>10}{'ms/image':>10}{'memory':>10}{'on disk':>10}  size"]
    for machine in report["machines"].values():
        cost = machine["cost"]
        size = ", ".join(f"{number:,} {kind}" for kind, number in cost["complexity"].items())
        lines.append(
            f"{machine['label']:30}{cost['training_seconds']:>8.1f} s{cost['ms_per_image']['median']:>10.2f}"
            f"{cost['peak_memory_mib']:>6.0f} MiB{cost['file_bytes'] / 2**20:>6.2f} MiB  {size}"
        )
    return "\n".join(lines)


def write_report(report: dict, machines: dict, test: Crops, folder: Path) -> None:
    """All files of the report; those of an earlier run are replaced one by one, each at once."""
    whole = Report(report, Examples.of(machines, test.X, test.y, n_people=N_EXAMPLES))
    whole.to_json(folder / "report.json")
    whole.to_markdown(folder / "report.md")
    whole.to_html(folder / "report.html")
    whole.write_pictures(folder)


def run(options: argparse.Namespace, command: str, began: float) -> int:
    """Prepare the data, run the machines one after the other and write the report after each."""
    people, test_people = compare_data.load(options)
    options.skeleton = people.skeleton
    train_people = people.crops(CROP, n_jobs=options.jobs, verbose=True, cache=options.cache)
    test = test_people.crops(CROP, n_jobs=options.jobs, verbose=True, cache=options.cache)
    options.train, options.test = len(people), len(test_people)
    options.known = {"occluded": test_people.occluded, "others": others(test_people, test)}
    options.used, options.training = {}, 0.0  # minutes of the processor by machine; seconds of this run
    report, machines, distances = describe(options, people, command), {}, {}
    options.output.mkdir(parents=True, exist_ok=True)
    names = ["mean", *options.machines]
    if {"pm", "hybrid", "reverse", "structures"} & {*names}:
        compile_kernels(options.jobs)
    try:
        for name in names:
            print(f"\n{LABELS[name]}", flush=True)
            report["machines"][name], distances[name], machines[name] = run_machine(name, options, train_people, test)
            report["differences"] = compare_machines({a: far for a, far in distances.items() if a not in PEERS})
            report["finished"] = name == names[-1]
            report["settings"]["total_seconds"] = round(time.perf_counter() - began, 1)
            report["measuring_minutes"] = round((time.perf_counter() - began - options.training) / 60, 2)
            report["training_cpu_minutes"] = options.used
            write_report(report, machines, test, options.output)
    finally:
        if machines:
            print(f"\n{table(report, parts=options.parts)}\n\nreport: {options.output / 'report.html'}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; 0 when it finished, 130 when it was interrupted, 2 for input that does not do."""
    began = time.perf_counter()
    options = parse(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    command = shlex.join(
        ["python", "benchmarks/compare_pm_cpm.py", *(sys.argv[1:] if arguments is None else arguments)]
    )
    try:
        return run(options, command, began)
    except KeyboardInterrupt:
        print("\ninterrupted: the report holds the machines that are finished", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    warnings.simplefilter("default")
    sys.exit(main())
