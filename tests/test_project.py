"""What the project says of itself in several places agrees: versions, floors, folders."""

import fnmatch
import re
from pathlib import Path

import yaml

import cvgl_bench

REPOSITORY = Path(__file__).parents[1]
PROJECTS = [REPOSITORY / "pyproject.toml", *sorted(REPOSITORY.glob("plugins/*/pyproject.toml"))]


def text(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


def floors(project):
    """Return {package: lowest version} of a project's requirements; those of its build are left out."""
    lines = [line for line in project.read_text().splitlines() if not line.startswith("requires")]
    found = re.findall(r'"([A-Za-z0-9_-]+)(?:\[[a-z]+\])?>=([0-9.]+)"', "\n".join(lines))
    assert len({package for package, _ in found}) == len(set(found)), f"{project} gives a package two floors"
    return dict(found)


def folders(place):
    """Return the names of the folders in a place that belong to the project."""
    ignored = [line.rstrip("/") for line in text(".gitignore").splitlines() if line]
    names = {path.name for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")}
    return {name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)}


def test_the_version_is_the_same_everywhere():
    (version,) = re.findall(r'^version = "(.+)"$', text("pyproject.toml"), re.MULTILINE)
    assert version == cvgl_bench.__version__ == yaml.safe_load(text("CITATION.cff"))["version"]
    assert re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", text("CHANGELOG.md"), re.MULTILINE
    )


def test_plugins_have_the_floors_of_the_harness():
    harness, *plugins = map(floors, PROJECTS)
    assert len(harness) > 15 and plugins
    for project, theirs in zip(PROJECTS[1:], plugins, strict=True):
        for package, version in theirs.items():
            assert harness.get(package, version) == version, f"{project}: {package}"


def test_the_tree_in_the_readme_is_that_of_the_folders():
    (tree,) = re.findall(r"^## What is where\n+```\n(.+?)^```", text("README.md"), re.MULTILINE | re.DOTALL)
    lines = tree.splitlines()
    inside = {part.rstrip("/") for line in lines if line.startswith(" ") for part in parts(line)}
    outside = {part.rstrip("/") for line in lines if not line.startswith(" ") for part in parts(line)}
    package = REPOSITORY / "cvgl_bench"
    modules = {path.name for path in package.glob("*.py") if not path.stem.startswith("__")}
    assert inside == folders(package) | modules
    plugins = {f"plugins/{name}" for name in folders(REPOSITORY / "plugins")}
    assert outside == (folders(REPOSITORY) - {"plugins", "shared"}) | plugins


def parts(line):
    """Return the paths that a line of the tree begins with: words with a slash at their end, or modules."""
    named = []
    for word in line.split():
        if not word.endswith(("/", ".py")):
            break
        named.append(word)
    return named


def test_a_line_of_the_tree_is_taken_apart():
    assert parts("  method.py plugins.py   what an author reads") == ["method.py", "plugins.py"]
    assert parts("plugins/auxgeo/     AuxGeo (ISPRS 2025)") == ["plugins/auxgeo/"]
