"""What importing costs, and who may import whom."""

import ast
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
        ("PoseMachine, ForestStage", ("torch",)),
        ("ConvPoseMachine, ConvStage", ("numba",)),
    ],
)
def test_one_family_does_not_load_the_other(names, unwanted):
    code = f"import sys\nfrom posemachines import {names}\nprint([m for m in {unwanted!r} if m in sys.modules])"
    assert _run(code).strip() == "[]"


def test_all_public_names_exist():
    assert {*posemachines.__all__} <= {*dir(posemachines)}
    for name in posemachines.__all__:
        assert getattr(posemachines, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Poser'"):
        posemachines.Poser  # noqa: B018


def _imports(path: Path):
    """Modules that a file imports, absolute ones by their names and relative ones as posemachines.xyz."""
    package = ["posemachines", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _files():
    return {path.relative_to(ROOT).as_posix(): {*_imports(path)} for path in ROOT.rglob("*.py")}


def _uses(imports, package):
    return any(name == package or name.startswith(f"{package}.") for name in imports)


def test_torch_numba_and_estimators_stay_where_they_belong():
    for file, imports in _files().items():
        assert file.startswith("conv/") or not _uses(imports, "torch"), file
        assert file.startswith("forest/") or not _uses(imports, "numba"), file
        allowed = {"sklearn.base", "sklearn.exceptions", "sklearn.utils"}
        estimators = {name for name in imports if name.startswith("sklearn.") and name.count(".") == 1} - allowed
        home = file.startswith("forest/") or file == "datasets/_suspicions.py"  # which judges labels by a regression
        assert home or not estimators, (file, estimators)


LAYERS = [  # lowest first; a module imports from its own line or from lines above only
    {"_checks", "_replacing", "skeleton", "progress", "_energy"},
    {"_json"},
    {"crops", "beliefs", "sides"},
    {"stage", "metrics", "datasets", "views"},
    {"protocols"},
    {"truth"},
    {"_pose_arrays", "_pose_tables", "_pose_json", "prediction_files"},
    {"training", "testing", "cost", "checkpoint", "photos", "_gathering"},
    {"machine"},
    {"forest", "conv"},
    {"_plots"},
    {"visualize"},
    {"label_page"},
    {"files", "evaluation"},
    {"_commands"},
]
APART = ({"forest", "conv", "datasets", "metrics"},)


def test_imports_go_down_only():
    level = {module: number for number, layer in enumerate(LAYERS) for module in layer}
    for file, imports in _files().items():
        own = file.split("/")[0].removesuffix(".py")
        if own in ("__init__", "__main__"):
            continue
        assert own in level, f"{file}: say on which layer it is"
        for name in imports:
            if not name.startswith("posemachines.") or name.split(".")[1] not in level:
                continue
            other = name.split(".")[1]
            later = file == "machine.py" and other == "files"  # machine.save asks for it when it is called
            assert later or level[other] <= level[own], f"{file} imports {name} from a higher layer"
            for group in APART:
                assert other == own or not {own, other} <= group, f"{file} imports {name} from beside it"
