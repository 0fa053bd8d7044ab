"""The list of faults keeps up with the code: each still applies, and what it makes is a module."""

import subprocess
import sys

import pytest

from tests.mutants.mutation import REPOSITORY, Mutant
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
from tests.mutants.mutation import Mutant, copy_package, fate_of, import_libraries
folder = Path(sys.argv[1]).resolve()
copy_package(folder)
fault = Mutant("cvgl_bench/training/schedule.py", "0.5 * (1 + ", "0.4 * (1 + ", "a lower peak")
import_libraries()
for mutant, test in ((fault, "schedule"), (None, "schedule"), (fault, "nothing")):
    print(*fate_of(mutant, folder, [f"tests/training/test_{test}.py"]))
"""


def test_a_fault_is_found_and_taken_back(tmp_path):
    line = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fates = done.stdout.splitlines()
    assert fates[0].startswith("killed tests/training/test_schedule.py::test_it_rises_to_the_peak")
    assert fates[1].strip() == "survived"
    assert fates[2].startswith("broken")
