"""The list of faults keeps up with the code: each still applies, and what it makes is a module."""

import subprocess
import sys

import pytest

from tests.mutants.mutation import REPOSITORY, Mutant, copy_package
from tests.mutants.training import MUTANTS, TESTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.why)
def test_a_mutant_still_applies(mutant):
    text = mutant.applied(REPOSITORY)
    compile(text, mutant.file, "exec")
    assert text != (REPOSITORY / mutant.file).read_text(encoding="utf-8")


def test_no_two_are_the_same_and_their_tests_are_there():
    assert len({(m.file, m.old, m.new) for m in MUTANTS}) == len({m.why for m in MUTANTS}) == len(MUTANTS)
    assert all((REPOSITORY / test).exists() for test in TESTS)


def test_one_whose_text_is_gone_is_an_error():
    with pytest.raises(ValueError, match=r"'odd': cvgl_bench/__init__.py holds .* 0 times, not once"):
        Mutant("cvgl_bench/__init__.py", "text that is not there", "", "odd").applied(REPOSITORY)


SCRIPT = """
import sys
from pathlib import Path
from tests.mutants.mutation import Mutant, fate_of
folder = Path(sys.argv[1])
fault = Mutant("cvgl_bench/sums.py", "+", "-", "takes away")
for mutant, test in ((fault, "sums"), (None, "sums"), (fault, "nothing")):
    print(*fate_of(mutant, folder, [f"tests/test_{test}.py"]))
"""
PACKAGE = {
    "cvgl_bench/__init__.py": "",
    "cvgl_bench/sums.py": "def plus(one, other):\n    return one + other\n",
    "tests/__init__.py": "",
    "tests/test_sums.py": "from cvgl_bench.sums import plus\ndef test_plus():\n    assert plus(2, 3) == 5\n",
}


def test_the_copy_holds_what_is_tested_and_its_tests(tmp_path):
    copy_package(tmp_path)
    for path in (*(mutant.file for mutant in MUTANTS), *TESTS, "pyproject.toml"):
        assert (tmp_path / path).exists()


def test_a_fault_is_found_and_taken_back(tmp_path):
    for path, text in PACKAGE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    line = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fates = done.stdout.splitlines()
    assert fates[0].startswith("killed tests/test_sums.py::test_plus")
    assert fates[1].strip() == "survived"
    assert fates[2].startswith("broken")
