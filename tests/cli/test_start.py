"""Starting up: quick, without heavy imports, and with one line for what goes wrong."""

import errno
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cvgl_bench.cli import main
from cvgl_bench.foundation.errors import DataError

HEAVY = ("torch", "torchvision", "timm", "faiss", "pandas", "numpy", "matplotlib", "pydantic", "PIL", "cv2")
HELP_SECONDS = 0.4


def help_seconds():
    """Return the processor time of one `cvgl-bench --help`; other work on the machine barely changes it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "cvgl_bench", "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_help_is_quick():
    assert min(help_seconds() for _ in range(3)) < HELP_SECONDS


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["list", "--help"], ["options", "--help"], ["leaderboard", "--help"]],
)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom cvgl_bench.cli import main\nsys.argv = ['cvgl-bench', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert "Usage: cvgl-bench" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_command_with_the_first_line_to_try(run_command):
    answer = run_command("--help")
    for words in (
        "run ",
        "list ",
        "leaderboard ",
        "plugin ",
        "--method sample4geo --dataset mini-dress --split cross",
    ):
        assert words in answer.out


def test_an_unknown_command_gets_a_suggestion_and_exit_code_2(run_command):
    answer = run_command("leaderbord")
    assert answer.code == 2
    assert "There is no command 'leaderbord'. Did you mean 'leaderboard'?" in answer.err


def test_the_version_is_printed(run_command):
    assert run_command("--version").out.startswith("cvgl-bench, version ")


def test_an_expected_error_is_one_line_without_traceback(run_command, monkeypatch):
    def fail():
        raise DataError("The data are gone.")

    monkeypatch.setattr("cvgl_bench.plugins.load_plugins", fail)
    answer = run_command("list", "methods")
    assert (answer.code, answer.out, answer.err) == (1, "", "Error: The data are gone.\n")


def test_a_bug_keeps_its_traceback(run_command, monkeypatch):
    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr("cvgl_bench.plugins.load_plugins", fail)
    with pytest.raises(ZeroDivisionError):
        run_command("list", "methods")


def test_output_that_cannot_be_written_is_one_line():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cvgl_bench", "list", "variants"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: the output: No space left on device. Free space or choose another place.\n"


def test_a_place_that_the_system_refuses_is_one_line(monkeypatch, capsys):
    def refused(**given):
        raise PermissionError(errno.EACCES, "Permission denied", "/somewhere")

    monkeypatch.setattr("cvgl_bench.cli.cli", refused)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("Error: /somewhere: Permission denied. ")


def test_an_error_that_is_a_bug_keeps_its_traceback(monkeypatch):
    def wrong(**given):
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    monkeypatch.setattr("cvgl_bench.cli.cli", wrong)
    with pytest.raises(FileNotFoundError):
        main()
