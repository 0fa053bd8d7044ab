"""The files of a new plugin, from the templates (`*.in`) beside this module."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

from cvgl_bench.foundation.errors import UsageError

TEMPLATES = {
    "pyproject.toml.in": "pyproject.toml",
    "README.md.in": "README.md",
    "init.py.in": "$module/__init__.py",
    "method.py.in": "$module/method.py",
    "recipe.yaml.in": "$module/recipes/default.yaml",
    "test_method.py.in": "tests/test_method.py",
}
"""Template to the path that it is written to."""


def write_plugin(name: str, folder: Path) -> list[Path]:
    """Write the plugin distribution `cvgl-<name>` and return its files; an existing folder is refused.

    name: of the method, in lower-case letters, digits and hyphens.
    """
    words = name.split("-")
    values = {
        "name": name,
        "distribution": f"cvgl-{name}",
        "module": f"cvgl_{'_'.join(words)}",
        "classname": "".join(word.capitalize() for word in words),
        "title": " ".join(word.capitalize() for word in words),
    }
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{folder} exists and is not written into; choose another --directory.") from None
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    written = []
    for template, target in TEMPLATES.items():
        text = (files("cvgl_bench.scaffold") / template).read_text(encoding="utf-8")
        path = folder / Template(target).substitute(values)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(values), encoding="utf-8")
        written.append(path)
    return written
