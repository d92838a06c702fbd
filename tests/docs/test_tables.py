"""The tables of the README and the fragments of the docs are those of the result files."""

import re

import pytest

from benchmarks.publishing import tables
from benchmarks.publishing.pages import fragments

DOCS = tables.ROOT / "docs"


def test_tables_of_the_readme_are_up_to_date():
    readme = (tables.ROOT / "README.md").read_text(encoding="utf-8")
    quoted = set(re.findall(r"<!-- table: ([a-z ]+) -->", readme))
    assert {"lspet main"} <= quoted <= {*tables.BLOCKS}
    assert tables.fill(readme) == readme, "run python benchmarks/publishing/tables.py"


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError, match="no such"):
        tables.fill("<!-- table: no such -->\n<!-- end -->")


def test_every_included_fragment_exists_and_every_fragment_is_shown():
    included = set()
    for page in DOCS.glob("*.rst"):
        included |= set(
            re.findall(r"^\.\. include:: generated/(\w+)\.rst", page.read_text(encoding="utf-8"), re.MULTILINE)
        )
    assert included == {*fragments()}


def test_shown_figures_are_those_of_the_results():
    last = tables.read("lspet")["machines"]["cpm"]["accuracy"]["stages"][-1]
    row = next(row for row in tables.main_rows(tables.read("lspet")) if row[0] == "Convolutional Pose Machine")
    assert row[2].startswith(f"{last['pck']['0.2']:.1f} [{last['interval']['0.2'][0]:.1f}, ")
    assert f"- {last['pck']['0.2']:.1f}" in fragments()["lspet"]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.rst")), ids=lambda page: page.stem)
def test_images_exist_and_pages_are_linked(page):
    text = page.read_text(encoding="utf-8")
    missing = [name for name in re.findall(r"^\.\. image:: (\S+)", text, re.MULTILINE) if not (DOCS / name).is_file()]
    assert not missing
    assert page.stem == "index" or re.search(rf"^   {page.stem}$", (DOCS / "index.rst").read_text(), re.MULTILINE)


def test_links_of_the_readme_exist():
    readme = (tables.ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", readme) if "://" not in link]
    assert links
    assert not [link for link in links if not (tables.ROOT / link).exists()]
    assert len(readme.splitlines()) <= 125
