import sys
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import posemachines
from benchmarks.publishing.pages import fragments

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

html_extra_path = ["../benchmarks/results/compare_synthetic.html"]


def write_fragments(_app):
    """Tables and sentences of the result files, for pages to include."""
    folder = ROOT / "docs" / "generated"
    folder.mkdir(exist_ok=True)
    for name, text in fragments().items():
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")


def visit_math(self, node):
    """Formulas as MathML, which browsers render without a script from the network."""
    formula = convert(node.astext(), display="inline" if node.tagname == "math" else "block")
    self.body.append(formula.replace("<math ", '<math style="overflow: visible; padding: 0.3em 0" ', 1))
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    app.connect("builder-inited", write_fragments)
