"""Defects of published code that belong to no single module: that the project as a whole has none of them."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
CODE = sorted(
    path
    for folder in ("cvgl_bench", "plugins/auxgeo/cvgl_auxgeo", "plugins/sample4geo/cvgl_sample4geo")
    for path in (REPOSITORY / folder).rglob("*.py")
)
SETTINGS = sorted(
    path
    for pattern in (
        "datasets/*.yaml",
        "plugins/*/cvgl_*/recipes/*.yaml",
        "pyproject.toml",
        "plugins/*/pyproject.toml",
    )
    for path in REPOSITORY.glob(pattern)
)
PLUGINS = tuple(name for name in ("cvgl_auxgeo", "cvgl_sample4geo") if importlib.util.find_spec(name))
IMPORTED = ("cvgl_bench.api", "cvgl_bench.cli", *(f"{name}.method" for name in PLUGINS))
"""The plugins where they are installed: these tests also run without."""


@pytest.fixture(scope="module")
def imported():
    """What a process that imports everything and runs a command says of it."""
    code = f"""
import importlib, timm
from timm.models import _registry
before = dict(_registry._model_entrypoints)
for name in {IMPORTED}:
    importlib.import_module(name)
print(len(before) > 500 and before == _registry._model_entrypoints)
from cvgl_bench.cli import cli
cli(["list", "variants"], standalone_mode=False)
print("still open")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_importing_leaves_timms_registry_as_it_is(imported):
    """Defect 23: importing a package replaced timm's entries for its backbone."""
    assert imported[0] == "True"


def calls(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def names_a_gpu(call: ast.Call) -> bool:
    """Return whether a call asks for a GPU whatever there is: x.cuda(), x.to("cuda"), device="cuda"."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "cuda":
        return True
    moves = isinstance(call.func, ast.Attribute) and call.func.attr in ("to", "device")
    given = [*(call.args if moves else []), *(key.value for key in call.keywords if key.arg == "device")]
    return any(isinstance(one, ast.Constant) and str(one.value).startswith("cuda") for one in given)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_code_asks_for_a_gpu_by_name(path):
    """Defect 27: hard-coded CUDA."""
    assert not [call.lineno for call in calls(path) if names_a_gpu(call)]


def test_a_gpu_by_name_would_be_seen():
    for text, seen in (
        ("x.cuda()", True),
        ('x.to("cuda:1")', True),
        ('f(device="cuda")', True),
        ("x.to(d)", False),
    ):
        (call,) = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
        assert names_a_gpu(call) == seen


def test_standard_output_stays_open(imported):
    """Defect 31: the logger closed the process's standard output."""
    assert imported[-1] == "still open"


FOREIGN_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root|mnt|media)/\w|\b[C-Z]:\\\w")


@pytest.mark.parametrize("path", [*CODE, *SETTINGS], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_path_of_somebodys_disk_is_in_the_code(path):
    """Defect 36: the author's disk paths in the code."""
    assert not FOREIGN_PATH.findall(path.read_text(encoding="utf-8"))


def test_a_path_of_somebodys_disk_would_be_seen():
    for text in ('"/home/anna/VIGOR"', "root: /mnt/data", "'D:\\data'"):
        assert FOREIGN_PATH.search(text)


def test_one_licence_holds_for_everything():
    """Defect 37: mixed and missing licences."""
    projects = [path for path in SETTINGS if path.name == "pyproject.toml"]
    assert len(projects) == 1 + len([*REPOSITORY.glob("plugins/*/pyproject.toml")]) > 3
    for path in projects:
        assert re.findall(r'^license = "(.*)"', path.read_text(encoding="utf-8"), re.M) == ["Apache-2.0"]
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert not [
        path
        for path in REPOSITORY.glob("**/LICEN[CS]E*")
        if path.parent != REPOSITORY and ".venv" not in path.parts
    ]
