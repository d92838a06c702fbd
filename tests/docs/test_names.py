"""Every name in README and docs exists: modules, classes, functions, scripts, and what code blocks import."""

import ast
import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.rst")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]
HISTORY = "migration.rst"  # names of the past belong there
NAME = re.compile(r"(?<![\w./-])(?:posemachines|baselines)(?:\.[A-Za-z_]\w*)+")
SCRIPT = re.compile(r"(?<![\w/])(benchmarks/[\w/]+\.py)")
RST_BLOCK = re.compile(r"^\.\. code-block:: python\n(?:[ ]+:.*\n)*\n((?:[ ]{2,}.*\n|\n)+)", re.MULTILINE)
MARKDOWN_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXTRA_FILES = {".npz", ".safetensors", ".html", ".json", ".txt", ".toml"}


def _resolve(name: str):
    """The object of a dotted name; AttributeError or ModuleNotFoundError if there is none."""
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(parts[:number]))
            except ModuleNotFoundError:
                found = inspect.getattr_static(found, part)
    return found


def _blocks(page: Path) -> list[str]:
    pattern = MARKDOWN_BLOCK if page.suffix == ".md" else RST_BLOCK
    return [textwrap.dedent(block) for block in pattern.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != HISTORY], ids=lambda page: page.name)
def test_dotted_names_exist(page):
    names = {*NAME.findall(page.read_text(encoding="utf-8"))}
    missing = []
    for name in sorted(names):
        if Path(name).suffix in EXTRA_FILES:
            continue
        try:
            _resolve(name)
        except (AttributeError, ImportError):
            missing.append(name)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_exist(page):
    scripts = {*SCRIPT.findall(page.read_text(encoding="utf-8"))}
    assert not [script for script in sorted(scripts) if not (ROOT / script).is_file()]


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != HISTORY], ids=lambda page: page.name)
def test_code_blocks_parse_and_import_what_exists(page):
    for block in _blocks(page):
        for node in ast.walk(ast.parse(block.replace("...", "None") if "..." in block else block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("posemachines", "baselines"):
                for alias in node.names:
                    assert _resolve(f"{node.module}.{alias.name}") is not None, f"{page.name}: {block}"


def _signatures() -> dict[str, inspect.Signature]:
    import posemachines

    found = {}
    for name in posemachines.__all__:
        value = getattr(posemachines, name)
        if callable(value):
            found[name] = inspect.signature(value)
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != HISTORY], ids=lambda page: page.name)
def test_code_blocks_use_keywords_that_exist(page):
    """Calls of the top level's classes and functions in code blocks pass keywords that they take."""
    signatures = _signatures()
    for block in _blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in signatures:
                signature = signatures[node.func.id]
                keywords = {word.arg: None for word in node.keywords if word.arg}
                taken = {*signature.parameters}
                assert {*keywords} <= taken, f"{page.name}: {node.func.id}({', '.join(keywords)}) in\n{block}"
