"""The page of promises names tests that there are, and every published defect."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs/reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
DEFECTS = 37


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_test_that_is_named_is_there(file):
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    missing = {name for path, name in NAMED if path == file} - there
    assert not missing


def test_every_promise_names_a_test():
    tables = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    headers = {"| fault | promise | test |", "| # | defect | test |"}
    assert [line for line in tables if line not in headers and "tests/" not in line] == []


def test_every_published_defect_is_there_once():
    numbers = re.findall(r"^\| (\d+(?:, \d+)*) \|", PAGE, re.M)
    assert [int(one) for number in numbers for one in number.split(", ")] == list(range(1, DEFECTS + 1))
