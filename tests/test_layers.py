"""Imports fall: a module imports from its own layer or from lower ones, never from higher ones."""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cvgl_bench"

LAYERS = {
    "foundation": {"cache", "errors", "geo", "locks", "progress"},
    "words": {
        "augment",
        "birdseye",
        "checkpoints",
        "evaluation_options",
        "figure_files",
        "images",
        "memory",
        "options",
        "recipes",
        "registry",
        "results",
        "splits",
        "variants",
        "weights",
    },
    "figures": {"losses", "metrics", "retrieval", "sampling", "statistics"},
    "contract": {"cards", "hookspecs", "layouts", "method", "plugins"},
    "worlds and baselines": {"baselines", "minicity", "pictures", "worlds"},
    "running": {
        "building",
        "builtin",
        "compare",
        "curve_figure",
        "embedding",
        "embedding_files",
        "embedding_keys",
        "embedding_store",
        "evaluation",
        "fetch",
        "inspection",
        "leaderboard",
        "loading",
        "planning",
        "positions",
        "provenance",
        "robustness",
        "run_groups",
        "run_options",
        "run_request",
        "runs",
        "scaffold",
        "scoring",
        "training",
    },
    "edge": {"__main__", "cli", "testing"},
}
"""Modules and packages of cvgl_bench by layer, lowest first."""

UPWARD = {("plugins", "builtin")}
"""The manager loads the built-in plugin as it loads every installed one: by its hooks alone."""

HEIGHT = {module: height for height, modules in enumerate(LAYERS.values()) for module in modules}


def top_name(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
MODULES = sorted({top_name(path) for path in SOURCES})


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


class RunTimeImports(ast.NodeVisitor):
    """Collects (line, module of cvgl_bench) of every import that happens when the code runs."""

    def __init__(self):
        self.found = []

    def visit_If(self, node):
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node):
        for alias in node.names:
            package, _, inner = alias.name.partition(".")
            if package == "cvgl_bench" and inner:
                self.found.append((node.lineno, inner.partition(".")[0]))

    def visit_ImportFrom(self, node):
        package, _, inner = (node.module or "").partition(".")
        if package == "cvgl_bench" and inner:
            self.found.append((node.lineno, inner.partition(".")[0]))
        elif package == "cvgl_bench":
            self.found += [(node.lineno, alias.name) for alias in node.names if alias.name in MODULES]


def imports_of(path):
    visitor = RunTimeImports()
    visitor.visit(parsed(path))
    return [(line, module) for line, module in visitor.found if module != top_name(path)]


def test_every_module_has_a_layer():
    missing = sorted(set(MODULES) - set(HEIGHT))
    assert not missing, f"place {', '.join(missing)} in LAYERS, in the lowest layer that its imports allow"
    gone = sorted(set(HEIGHT) - set(MODULES))
    assert not gone, f"take {', '.join(gone)} out of LAYERS"


def test_no_module_is_in_two_layers():
    assert sum(map(len, LAYERS.values())) == len(HEIGHT)


@pytest.mark.parametrize("module", MODULES)
def test_imports_fall(module):
    height = HEIGHT.get(module, len(LAYERS))
    rising = [
        f"{path.relative_to(PACKAGE)}:{line} imports {imported}, which is in a higher layer"
        for path in SOURCES
        if top_name(path) == module
        for line, imported in imports_of(path)
        if HEIGHT.get(imported, 0) > height and (module, imported) not in UPWARD
    ]
    assert not rising, "\n".join(rising)


def test_modules_do_not_import_each_other_in_a_circle():
    graph = {module: set() for module in MODULES}
    for path in SOURCES:
        module = top_name(path)
        graph[module] |= {imported for _, imported in imports_of(path) if (module, imported) not in UPWARD}
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


def test_the_import_collector_sees_what_it_must(tmp_path):
    source = (
        "from typing import TYPE_CHECKING\n"
        "from cvgl_bench import errors, hookimpl\n"
        "import cvgl_bench.geo\n"
        "if TYPE_CHECKING:\n    from cvgl_bench.runs import Run\n"
        "def late():\n    from cvgl_bench.training.loop import train\n"
    )
    visitor = RunTimeImports()
    visitor.visit(ast.parse(source))
    assert visitor.found == [(2, "errors"), (3, "geo"), (7, "training")]
