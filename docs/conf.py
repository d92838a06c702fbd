import sys
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import posemachines
from benchmarks.publishing import forest_tables, found, net_tables, results_file, tables
from posemachines.labels.validation import KINDS

project = "posemachines"
author = "The posemachines developers"
project_copyright = f"2026, {author}"
version = release = posemachines.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "generated", "_templates"]
templates_path = ["_templates"]
html_theme = "furo"
html_math_renderer = "mathml"
html_title = "posemachines"
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
nitpicky = False
copybutton_prompt_text = ">>> "

html_extra_path = ["../benchmarks/results/compare_figures.html"]


def write_tables(_app):
    """The tables of the result files, as pages to include."""
    folder = ROOT / "docs" / "generated"
    folder.mkdir(exist_ok=True)
    for name in tables.TABLES:
        report = tables.read(name)
        parts = [
            tables.sentence(report),
            tables.caption(report),
            tables.list_table(tables.HEADS, tables.accuracy_rows(report)),
            tables.list_table(tables.COST_HEADS, tables.cost_rows(report)),
            f"Made by::\n\n    {report['command']}",
        ]
        text = "\n\n".join(parts).replace("@", "\\@")  # PCK@0.2 is no address
        (folder / f"{name}.rst").write_text(text + "\n", encoding="utf-8")


def write_shipped_tables(_app):
    """The tables of the other result files, as pages to include."""
    results = {name: forest_tables.read(name) for name in (*forest_tables.FILES, *net_tables.FILES)}
    pages = {
        "pm_lspet": [
            forest_tables.size(results["pm_lspet"]),
            tables.list_table(*forest_tables.accuracy(results["pm_lspet"])),
            tables.list_table(*forest_tables.calibration(results["pm_lspet"])),
        ],
        "cpm_lspet": [
            net_tables.size(results["cpm_lspet"]),
            tables.list_table(*net_tables.accuracy(results["cpm_lspet"])),
            tables.list_table(*net_tables.calibration(results["cpm_lspet"])),
        ],
        "conv_speed": [
            tables.list_table(*net_tables.speed(results["conv_speed"])),
            net_tables.peak(results["conv_speed"]),
            tables.list_table(*net_tables.layers(results["conv_speed"])),
        ],
        "pm_ablation": [tables.list_table(*forest_tables.ablation(results["pm_ablation"]))],
        "forest_learners": [tables.list_table(*forest_tables.learners(results["forest_learners"]))],
        "forest_speed": [tables.list_table(*forest_tables.speed(results["forest_speed"]))],
    }
    for name, parts in pages.items():
        made_by = "\n    ".join(net_tables.commands(results[name]))
        text = "\n\n".join([*parts, f"Made by::\n\n    {made_by}"]).replace("@", "\\@")
        (ROOT / "docs" / "generated" / f"{name}.rst").write_text(text + "\n", encoding="utf-8")


def write_validation(_app):
    """What looks wrong in the labels, and how many faults are found, as pages to include."""
    folder = ROOT / "docs" / "generated"
    found = results_file.read("validate_lspet")
    rows = [(kind, KINDS[kind], str(count)) for kind, count in found["counts"].items()]
    parts = [
        f"{found['suspicious']:,} of {found['people']:,} people have errors or warnings.",
        tables.list_table(("Kind", "Level", "Findings"), rows),
        f"Made by::\n\n    {found['command']}",
    ]
    (folder / "validate_lspet.rst").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    looked = results_file.read("validate_lspet_by_eye")["kinds"]
    rows = [(kind, str(each["seen"]), str(each["wrong"])) for kind, each in looked.items()]
    text = tables.list_table(("Kind", "Looked at", "Certainly wrong"), rows)
    (folder / "validate_by_eye.rst").write_text(text + "\n", encoding="utf-8")
    faults = results_file.read("label_faults")
    rows = [
        (", ".join(row["exchanged"]), f"{100 * row['found']:.0f} %", f"{100 * row['others']:.1f} %")
        for row in faults["groups"]
    ]
    parts = [
        f"{faults['spoilt']} of {faults['people']} drawn figures spoilt; "
        f"with none spoilt, {100 * faults['clean']:.1f} % are reported.",
        tables.list_table(("Exchanged", "Reported", "Of the others"), rows),
        f"Made by::\n\n    {faults['command']}",
    ]
    (folder / "label_faults.rst").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def write_findings(_app):
    """The summary, and the finding, the table and the command of every study, as pages to include."""
    folder = ROOT / "docs" / "generated"
    text = tables.list_table(*found.summary()).replace("@", "\\@")
    (folder / "found_summary.rst").write_text(text + "\n", encoding="utf-8")
    for name in found.PAGES:
        parts, known = [found.sentence(name)], found.table(name)
        if known is not None:
            result = results_file.read(name)
            parts += [tables.list_table(*known), f"Made by::\n\n    {result['command']}"]
        text = "\n\n".join(parts).replace("@", "\\@")
        (folder / f"found_{name}.rst").write_text(text + "\n", encoding="utf-8")


def visit_math(self, node):
    """Formulas as MathML, which browsers draw without any script from elsewhere."""
    formula = convert(node.astext(), display="inline" if node.tagname == "math" else "block")
    self.body.append(formula.replace("<math ", '<math style="overflow: visible; padding: 0.3em 0" ', 1))
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    app.connect("builder-inited", write_tables)
    app.connect("builder-inited", write_shipped_tables)
    app.connect("builder-inited", write_validation)
    app.connect("builder-inited", write_findings)
