"""What importing costs, which names are public, and which folder may import which."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import posemachines

ROOT = Path(posemachines.__file__).parent
HEAVY = ("torch", "numba", "sklearn", "cv2", "scipy", "skimage", "matplotlib")


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_the_package_is_light():
    code = f"""
import json, sys, time
began = time.perf_counter()
import posemachines
print(json.dumps([time.perf_counter() - began, [m for m in {HEAVY!r} if m in sys.modules]]))
"""
    seconds, loaded = min((json.loads(_run(code)) for _ in range(3)), key=lambda pair: pair[0])
    assert loaded == []
    assert seconds < 0.3


@pytest.mark.parametrize(
    ("names", "unwanted"),
    [
        ("SequentialMachine, Stage, Skeleton, StackedTraining", ("torch", "numba")),
        ("PoseMachine, ForestStage, load_dataset, evaluate, load", ("torch",)),
        ("ConvPoseMachine, ConvStage", ("numba",)),
    ],
)
def test_one_family_does_not_load_the_other(names, unwanted):
    code = f"import sys\nfrom posemachines import {names}\nprint([m for m in {unwanted!r} if m in sys.modules])"
    assert _run(code).strip() == "[]"


def test_public_names_agree():
    assert sorted(posemachines.__all__) == dir(posemachines)
    members = dict(inspect.getmembers(posemachines))
    assert {*members} == {*posemachines.__all__}
    assert all(value is not None for value in members.values())
    for name in posemachines.__all__:
        assert hasattr(posemachines, name)
    assert posemachines.report.Report.__name__ == "Report"
    with pytest.raises(AttributeError, match="no attribute 'Poser'"):
        posemachines.Poser  # noqa: B018


@pytest.mark.parametrize(("old", "new"), [("PeopleDataset", "PoseDataset"), ("Stacked", "StackedTraining")])
def test_renamed_classes_are_still_found(old, new):
    posemachines.__dict__.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"use posemachines.{new}"):
        assert getattr(posemachines, old) is getattr(posemachines, new)


def _modules() -> dict[str, Path]:
    """All modules by dotted name; a folder by that of its __init__."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = ("posemachines", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


def _imports(name: str):
    """(module, imported name or None) of every import statement of a module, inside functions too."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield (inner, None) if inner in MODULES else (module, alias.name)


def _folder(module: str) -> str:
    """The folder of a module below posemachines, or the module itself at the root."""
    return module.split(".")[1] if "." in module else ""


def _uses(name: str, package: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for module, _ in _imports(name))


def test_torch_numba_and_estimators_stay_where_they_belong():
    for name in MODULES:
        folder = _folder(name)
        assert folder in ("conv", "backbones") or not _uses(name, "torch"), name
        assert folder == "forest" or not _uses(name, "numba"), name
        allowed = {"sklearn.base", "sklearn.exceptions", "sklearn.utils"}
        estimators = {one for one, _ in _imports(name) if one.startswith("sklearn.") and one.count(".") == 1} - allowed
        home = folder == "forest" or name == "posemachines.labels.suspicions"  # which judges labels by a regression
        assert home or not estimators, (name, estimators)


LAYERS = (  # lowest first; folders and modules import from lower layers, or from their own folder
    {"_utils"},
    {"backbones", "skeleton", "photos"},
    {"geometry", "beliefs", "sides"},
    {"metrics", "stage"},
    {"testing", "evaluation", "visualize"},
    {"io"},
    {"datasets", "training", "profiling"},
    {"inference"},
    {"machine"},
    {"repeated_machine", "located_machine"},
    {"forest", "conv", "labels", "report"},
    {"comparison"},
    {"commands"},
    {"__main__"},
)
LEVEL = {folder: number for number, layer in enumerate(LAYERS) for folder in layer}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_down_only(name):
    if name == "posemachines":
        return
    own = _folder(name)
    assert own in LEVEL, f"{name}: add {own} to a layer"
    for module, _ in _imports(name):
        if not module.startswith("posemachines.") or _folder(module) == own:
            continue
        assert LEVEL[_folder(module)] < LEVEL[own], f"{name} imports {module}, which is not on a lower layer"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_private_name_is_imported_from_another_folder(name):
    for module, imported in _imports(name):
        if not module.startswith("posemachines.") or _folder(module) == _folder(name):
            continue
        private = [part for part in module.split(".")[2:] if part.startswith("_")]
        assert not private, f"{name} imports the private module {module}"
        assert imported is None or not imported.startswith("_") or imported == "__version__", f"{name}: {imported}"


def test_no_import_goes_round_in_a_circle():
    graph = {name: {module for module, _ in _imports(name) if module in MODULES} for name in MODULES}
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for module in graph[name]:
                if MODULES[module].name != "__init__.py" or not name.startswith(f"{module}."):
                    visit(module, [*way, name])
            done.add(name)

    for name in MODULES:
        visit(name, [])


@pytest.mark.parametrize("name", sorted(name for name, path in MODULES.items() if path.name == "__init__.py"))
def test_every_folder_says_what_it_is(name):
    docstring = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    assert docstring, f"{name} has no docstring"


SCRIPTS = sorted((ROOT.parent / "benchmarks").rglob("*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_benchmarks_use_public_names(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("posemachines"):
            names = [name for name in (alias.name for alias in node.names) if name.startswith("_")]
            assert not names, f"{path.name} imports {names}"
