"""One class name, one meaning, in the whole package."""

import ast
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def repeated(sources):
    """Return where each class name of several files stands that occurs more than once: (file, tree) given."""
    places = defaultdict(list)
    for path, tree in sources:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path}:{node.lineno}")
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_classes_share_a_name():
    paths = sorted([*REPOSITORY.glob("cvgl_bench/**/*.py"), *REPOSITORY.glob("plugins/*/cvgl_*/**/*.py")])
    sources = [(path.relative_to(REPOSITORY), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]
    assert len(sources) > 200
    assert not repeated(sources)


def test_a_name_that_occurs_twice_is_seen():
    first, second = ast.parse("class A: ...\nclass B: ..."), ast.parse("def f():\n    class A: ...")
    assert repeated([("a.py", first), ("b.py", second)]) == {"A": ["a.py:1", "b.py:2"]}
