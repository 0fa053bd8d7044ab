"""Imports fall: a module imports from its own layer or from lower ones, never from higher ones."""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cvgl_bench"

LAYERS = (
    "foundation",
    "method",
    "views",
    "networks",
    "minicity",
    "data",
    "ranking",
    "scoring",
    "embedding",
    "evaluation",
    "training",
    "report",
    "running",
    "data_tools",
    "hookspecs",
    "plugins",
    "api",
    "builtins",
    "scaffold",
    "testing",
    "cli",
    "__main__",
)
"""Folders and modules at the top of cvgl_bench, lowest first; imports for types count too."""

HEIGHT = {module: height for height, module in enumerate(LAYERS)}


def top_name(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
MODULES = sorted({top_name(path) for path in SOURCES})


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_modules(tree):
    """Return (line, dotted module of cvgl_bench) of every import, those for types too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(node.lineno, name if is_module(name) else node.module) for name in inner]
    return [(line, name.partition(".")[2]) for line, name in found if name.startswith("cvgl_bench.")]


def is_module(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def imports_of(path):
    named = [(line, module.partition(".")[0]) for line, module in imported_modules(parsed(path))]
    return [(line, module) for line, module in named if module in HEIGHT and module != top_name(path)]


def test_every_module_has_a_layer():
    missing = sorted(set(MODULES) - set(HEIGHT))
    assert not missing, f"place {', '.join(missing)} in LAYERS, in the lowest layer that its imports allow"
    gone = sorted(set(HEIGHT) - set(MODULES))
    assert not gone, f"take {', '.join(gone)} out of LAYERS"


def test_no_module_is_in_two_layers():
    assert len(LAYERS) == len(HEIGHT)


@pytest.mark.parametrize("module", MODULES)
def test_imports_fall(module):
    height = HEIGHT.get(module, len(LAYERS))
    rising = [
        f"{path.relative_to(PACKAGE)}:{line} imports {imported}, which is in a higher layer"
        for path in SOURCES
        if top_name(path) == module
        for line, imported in imports_of(path)
        if HEIGHT.get(imported, 0) > height
    ]
    assert not rising, "\n".join(rising)


def test_modules_do_not_import_each_other_in_a_circle():
    """Within a folder too, and for types."""
    graph = {}
    for path in SOURCES:
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        graph[module] = {imported for _, imported in imported_modules(parsed(path))} - {module}
    graphlib.TopologicalSorter(graph).prepare()


def test_relative_imports_are_not_used():
    """They would escape this test."""
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}:{node.lineno}"


def test_only_the_command_line_prints_and_exits():
    found = []
    for path in SOURCES:
        if top_name(path) != "cli":
            found += [f"{path}:{line} {what}" for line, what in edge_work(parsed(path))]
    assert not found, "\n".join(found)


def edge_work(tree):
    """Return (line, what) of everything in a module that only the command line may do."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "exit", "quit", "sys.exit"}:
            found.append((node.lineno, f"calls {ast.unparse(node.func)}()"))
        elif isinstance(node, ast.Import) and "click" in [alias.name for alias in node.names]:
            found.append((node.lineno, "imports click"))
        elif isinstance(node, ast.ImportFrom) and node.module == "click":
            found.append((node.lineno, "imports click"))
    return found


def test_edge_work_is_seen():
    source = "import click\nimport sys\ndef stop(out):\n    print(1)\n    sys.exit(2)\n    out.exit()\n"
    assert [line for line, _ in edge_work(ast.parse(source))] == [1, 4, 5]


def test_the_import_collector_sees_what_it_must():
    source = (
        "from typing import TYPE_CHECKING\n"
        "from cvgl_bench import hookimpl, method\n"
        "import cvgl_bench.plugins\n"
        "if TYPE_CHECKING:\n    from cvgl_bench.running.run import Run\n"
        "def late():\n    from cvgl_bench.training import loop\n"
    )
    found = [(2, "method"), (3, "plugins"), (5, "running.run"), (7, "training.loop")]
    assert sorted(imported_modules(ast.parse(source))) == found
