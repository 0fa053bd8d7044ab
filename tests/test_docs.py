"""Documentation that cannot drift: hooks, commands, examples, errors and public names."""

import ast
import functools
import inspect
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest

import cvgl_bench
from cvgl_bench import hookspecs
from cvgl_bench.cli import COMMANDS, cli
from cvgl_bench.foundation import errors

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "cvgl_bench"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *(REPOSITORY / "plugins").rglob("cvgl_*/**/*.py")])
PAGES = sorted(
    [
        REPOSITORY / "README.md",
        REPOSITORY / "datasets/README.md",
        *(REPOSITORY / "plugins").glob("*/README.md"),
    ]
)

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("cvgl_")}


@functools.cache
def implemented_hooks():
    """Return the names of functions decorated with `hookimpl` anywhere in the repository but its tests."""
    return {
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any("hookimpl" in ast.unparse(d) for d in node.decorator_list)
    }


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_says_when_what_and_what_its_return_means(name):
    text = inspect.getdoc(HOOKS[name])
    assert re.search(r"[Cc]alled (once|after|before)", text), "say when it is called"
    parameters = inspect.signature(HOOKS[name]).parameters
    for parameter in parameters:
        assert f":param {parameter}:" in text
    assert bool(parameters) != (":return:" in text), "offers take nothing and return; events the reverse"
    annotation = inspect.signature(HOOKS[name]).return_annotation
    assert annotation.startswith("list[") if not parameters else annotation == "None"


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_user_in_the_repository(name):
    assert name in implemented_hooks()


def test_the_error_tree_is_drawn_whole():
    drawn = re.findall(r"(\w+Error) ", errors.__doc__)
    classes = {name: thing for name, thing in vars(errors).items() if inspect.isclass(thing)}
    defined = [name for name, thing in classes.items() if issubclass(thing, errors.CvglError)]
    assert sorted(set(drawn)) == sorted(defined)
    for name in defined:
        exit_code = getattr(errors, name).exit_code
        assert exit_code == (2 if issubclass(getattr(errors, name), errors.UsageError) else 1)


def test_public_names_are_sorted_and_there():
    assert cvgl_bench.__all__ == sorted(cvgl_bench.__all__)
    assert all(hasattr(cvgl_bench, name) for name in cvgl_bench.__all__)


def test_modules_and_public_things_say_what_they_are_for():
    silent = [
        f"{path.relative_to(REPOSITORY)}: {name}" for path in SOURCES for name in without_docstring(path)
    ]
    assert not silent, "\n".join(silent)


def without_docstring(path):
    """Return 'the module' and the public functions and classes of a file that say nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    public = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name[0] != "_"]
    silent = [node.name for node in public if not ast.get_docstring(node)]
    return silent if ast.get_docstring(tree) else ["the module", *silent]


def commands(name):
    """Return (words, command) of a top-level command and everything below it."""
    found = [((name,), cli.get_command(click.Context(cli), name))]
    for words, command in found:
        if isinstance(command, click.Group):
            found += [
                ((*words, inner), command.get_command(click.Context(command), inner))
                for inner in command.commands
            ]
    return found


def example_lines(text):
    """Return the `cvgl-bench ...` lines of a text, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return re.findall(r"^\s*(?:\$ )?(cvgl-bench .+?)(?:\s+#.*)?$", joined, flags=re.MULTILINE)


def assert_parses(line):
    """Assert that an example names a command that exists and options that it has."""
    words = shlex.split(line)[1:]
    command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"'{line}': there is no command {words[0]}"
        command, words = found, words[1:]
    if "--help" in words or "--version" in words:
        return
    try:
        command.make_context(command.name, list(words))
    except click.BadParameter as error:
        # Examples name files of the reader's, which are not here.
        assert isinstance(error.param.type, click.Path), f"'{line}': {error.message}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_name_and_help_with_an_example_of_itself(name):
    for words, command in commands(name):
        line = " ".join(("cvgl-bench", *words))
        assert command.name == words[-1]
        assert command.help and "Example" in command.help, f"{line} --help shows no example"
        assert any(example.startswith(line) for example in example_lines(command.help)), line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_has_help(name):
    for words, command in commands(name):
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{' '.join(words)} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_in_help_texts_parse(name):
    for _, command in commands(name):
        for line in example_lines(command.help):
            assert_parses(line)


def test_the_first_example_parses():
    (line,) = example_lines(cli.help)
    assert_parses(line)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_commands_on_our_pages_parse(path):
    for line in example_lines(path.read_text(encoding="utf-8")):
        assert_parses(line.partition(" && ")[0])


@pytest.mark.parametrize(
    "line",
    [
        "cvgl-bench runn",
        "cvgl-bench list planets",
        "cvgl-bench list methods --jsn",
        "cvgl-bench plugin old x",
    ],
)
def test_the_parser_of_examples_can_fail(line):
    with pytest.raises((AssertionError, click.UsageError)):
        assert_parses(line)


def readme_python(section):
    """Return the blocks of Python under a heading of README.md."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (body,) = re.findall(rf"^## {section}\n(.+?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```python\n(.+?)^```", body, re.MULTILINE | re.DOTALL)


def test_every_block_of_python_on_our_pages_is_run_by_a_test_below():
    blocks = sum(path.read_text(encoding="utf-8").count("```python\n") for path in PAGES)
    assert blocks == sum(len(readme_python(s)) for s in ("Score embeddings made elsewhere", "From Python"))


def test_the_scoring_in_the_readme_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    (code,) = readme_python("Score embeddings made elsewhere")
    generator = np.random.default_rng(0)
    references = generator.standard_normal((200, 16))
    np.save(tmp_path / "r.npy", references)
    np.save(tmp_path / "q.npy", references[:50] + generator.standard_normal((50, 16)))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    recall = names["metrics"].overall["recall@1"]
    printed = capsys.readouterr().out
    assert f"recall@1 {recall.value} ({recall.low}, {recall.high})" in printed.splitlines()
    assert 0.5 < recall.value < 1 and recall.count == 50


def test_the_notebook_in_the_readme_runs_on_a_world_of_noise(run, noise_world, capsys):
    """As it stands but for the data set: that of the README is generated first, which takes long."""
    card, root = noise_world
    code = "\n".join(readme_python("From Python"))
    (folder,) = re.findall(r'load_run\("(.+?)"\)', code)
    assert run("--epochs", "2", "--output", folder, "--no-leaderboard").exit_code == 0
    named = 'load_split("mini-dress", "cross")'
    assert code.count(named) == 1
    names = {}
    exec(code.replace(named, f'load_split({str(card)!r}, "cross", data_root={str(root)!r})'), names)
    printed = capsys.readouterr().out
    recall = names["run"].result.metrics.overall["recall@1"]
    assert f"Mean colour {recall}" in printed
    assert names["metrics"].overall["recall@1"].value == recall.value
    assert names["tiles"].shape == (len(names["task"].test.references), 8)


def test_the_figures_of_the_readme_are_those_of_the_leaderboards():
    section = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition("## What came out")[2]
    section = section.partition("\n## ")[0]
    boards = "".join(page.read_text(encoding="utf-8") for page in (REPOSITORY / "leaderboards").glob("*.md"))
    figures = re.findall(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]", section)
    assert len(figures) > 8
    assert [figure for figure in figures if figure not in boards] == []
