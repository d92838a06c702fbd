"""Fragments of the docs, made from the result files: name -> reStructuredText, for ``docs/generated``."""

from __future__ import annotations

from benchmarks.publishing import forest_tables, found, kinds, net_tables, results_file, tables
from posemachines.labels.findings import KINDS

__all__ = ["fragments"]


def fragments() -> dict[str, str]:
    """All fragments by name; a page shows one with ``.. include:: generated/NAME.rst``."""
    parts = _comparisons() | _shipped() | _studies_of_parts() | _speed() | _labels() | _findings()
    parts |= kinds.fragments() | {"false_verdicts": _false_verdicts()}
    return {name: "\n\n".join(each).replace("@", "\\@") + "\n" for name, each in parts.items()}  # PCK@0.2 is no address


def _command(result: dict) -> str:
    lines = "\n    ".join(net_tables.commands(result))
    return f"Reproduce with::\n\n    {lines}"


def _comparisons() -> dict[str, list[str]]:
    parts = {}
    for name in tables.TABLES:
        report = tables.read(name)
        parts[name] = [
            tables.sentence(report),
            tables.caption(report),
            tables.list_table(tables.HEADS, tables.accuracy_rows(report)),
            tables.list_table(tables.COST_HEADS, tables.cost_rows(report)),
            _command(report),
        ]
    return parts


def _shipped() -> dict[str, list[str]]:
    """The trained machines of the package: ``NAME_accuracy``, and ``NAME`` with the calibration as well."""
    parts = {}
    for name, source in (("pm_lspet", forest_tables), ("cpm_lspet", net_tables)):
        result = source.read(name)
        accuracy = [source.size(result), tables.list_table(*source.accuracy(result))]
        calibration = tables.list_table(*source.calibration(result))
        parts[f"{name}_accuracy"] = accuracy
        parts[name] = [*accuracy, calibration, _command(result)]
    return parts


def _studies_of_parts() -> dict[str, list[str]]:
    parts = {}
    for name, rows in (("pm_ablation", forest_tables.ablation), ("forest_learners", forest_tables.learners)):
        result = forest_tables.read(name)
        settings = result["settings"]
        about = (
            f"{settings['train']:,} training and {settings['test']:,} test people of LSPET, {settings['rounds']} "
            "rounds of boosting; in [ ]: 95 % interval of the difference."
        )
        parts[name] = [about, tables.list_table(*rows(result)), _command(result)]
    return parts


def _speed() -> dict[str, list[str]]:
    files = ("forest_speed", "conv_speed", "training_speed", "bootstrap_speed")
    forests, nets, training, bootstrap = map(results_file.read, files)
    settings = bootstrap["settings"]
    resampling = (
        f"{settings['resamples']:,} bootstrap resamples of the PCK of {settings['people']:,} subjects with "
        f"{settings['parts']} parts at {settings['thresholds']} thresholds take {1000 * bootstrap['seconds']:.0f} ms, "
        f"{bootstrap['ratio']:.1f} times less than a loop over the resamples."
    )
    return {
        "forest_speed": [tables.list_table(*forest_tables.speed(forests)), _command(forests)],
        "conv_speed": [
            tables.list_table(*net_tables.speed(nets)),
            tables.list_table(*net_tables.layers(nets)),
            net_tables.peak(nets),
            _command(nets),
        ],
        "training_speed": [tables.list_table(*net_tables.training_speed(training)), _command(training)],
        "bootstrap_speed": [resampling, _command(bootstrap)],
    }


def _labels() -> dict[str, list[str]]:
    """What looks wrong in published labels, and how many planted faults are found."""
    result = results_file.read("validate_lspet")
    by_eye = results_file.read("validate_lspet_by_eye")["kinds"]
    faults = results_file.read("label_faults")
    found_rows = [(kind, KINDS[kind], str(count)) for kind, count in result["counts"].items()]
    seen_rows = [(kind, str(each["seen"]), str(each["wrong"])) for kind, each in by_eye.items()]
    fault_rows = [
        (", ".join(row["exchanged"]), f"{100 * row['found']:.0f} %", f"{100 * row['others']:.1f} %")
        for row in faults["groups"]
    ]
    return {
        "validate_lspet": [
            f"{result['suspicious']:,} of {result['people']:,} people have errors or warnings.",
            tables.list_table(("Kind", "Level", "Findings"), found_rows),
            _command(result),
        ],
        "validate_by_eye": [tables.list_table(("Kind", "Inspected", "Rightly reported"), seen_rows)],
        "label_faults": [
            f"Sides are exchanged in {faults['spoilt']} of {faults['people']} synthetic people; without any exchange, "
            f"{100 * faults['clean']:.1f} % of the people are reported.",
            tables.list_table(("Exchanged", "Reported", "Reported of the others"), fault_rows),
            _command(faults),
        ],
    }


def _false_verdicts() -> list[str]:
    """How often verdicts call machines different that are equal, and that are not."""
    if not (results_file.FOLDER / "false_verdicts.json").is_file():
        return [found.NOT_MEASURED]
    result = results_file.read("false_verdicts")
    trials: dict[tuple[str, str], dict[bool, dict]] = {}
    for row in result["rows"]:
        trials.setdefault((row["data"], row["design"]), {})[row["better_by"] > 0] = row["called_different"]
    better = max(row["better_by"] for row in result["rows"])
    heads = ("Data", "Protocol", "Equal: mean error", "Equal: any other measure", f"Better by {100 * better:.0f} %")
    rows = [
        (data, design, *(f"{equal[name]:.1f} %" for name in equal), f"{each[True]['mean error']:.1f} %")
        for (data, design), each in trials.items()
        for equal in (each[False],)
    ]
    about = f"Percentage of {result['trials']:,} trials in which the machines are called different."
    if measured := result.get("measured"):
        about += (
            " Trained on disjoint sets of photographs of people, forests and ridge regression vary by "
            f"{measured['of_subjects']:g} per training subject and forests by {measured['of_training']:g} from seed to "
            "seed (standard deviations of the logarithm of the error)."
        )
    return [about, tables.list_table(heads, rows), _command(result)]


def _findings() -> dict[str, list[str]]:
    """The summary, and the finding, the table and the command of every study."""
    parts = {"found_summary": [tables.list_table(*found.summary())]}
    for name, page in found.PAGES.items():
        parts[f"found_{name}"], known = [found.sentence(name)], found.table(name)
        if known is not None:
            parts[f"found_{name}"] += [tables.list_table(*known), _command(results_file.read(name))]
            parts[f"found_{name}"] += [f".. image:: images/{name}.png\n   :alt: {page.plot}"] if page.plot else []
    return parts
