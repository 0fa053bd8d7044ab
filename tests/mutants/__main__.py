"""Put every listed fault into a copy of the package and print which ones the tests let pass.

    python -m tests.mutants              # all of them, minutes
    python -m tests.mutants clipping     # those whose description holds the word

Exits with 1 where one survives or can no longer be applied, or where the tests fail without any.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.mutants.mutation import copy_package, fate_of, import_libraries
from tests.mutants.training import MUTANTS, TESTS


def main(word: str = "") -> int:
    """Print the fate of every mutant whose description holds the word; return the exit code."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.why]
    import_libraries()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        copy_package(folder)
        fate, said = fate_of(None, folder, TESTS)
        if fate != "survived":
            print(f"the tests do not pass without a fault: {said}")
            return 1
        fates = []
        for mutant in chosen:
            fate, said = fate_of(mutant, folder, TESTS)
            fates.append(fate)
            print(
                f"{fate:9} {mutant.why} ({mutant.file})" + (f"\n          {said}" if said else ""), flush=True
            )
    print(f"{fates.count('killed')} of {len(chosen)} killed")
    return 0 if fates.count("killed") == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
