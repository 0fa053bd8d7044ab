"""The public names: what they are, that their examples run, and what they answer and refuse."""

import ast
import dataclasses
import doctest
import importlib
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import cvgl_bench
import cvgl_bench.plugins
from cvgl_bench import api
from cvgl_bench.data.cards import read_card
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.reranking import RANK_BEFORE
from cvgl_bench.foundation.errors import (
    CheckpointError,
    CvglError,
    DataError,
    OptionError,
    ResultError,
    UnknownNameError,
    UsageError,
)

from .conftest import MeanColour

PACKAGE = Path(cvgl_bench.__file__).parent
NAMES = [name for name in cvgl_bench.__all__ if name != "__version__"]


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    """Where the first test that needs a finished run leaves it for the others to copy."""
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def finished(run, noise_world, tmp_path, trained_once):
    """The folder that the examples speak of: a card, its data, and a finished run of two epochs."""
    card, root = noise_world
    (tmp_path / "my-card.yaml").symlink_to(card)
    (tmp_path / "my-data").symlink_to(root)
    if not trained_once.exists():
        done = run("--epochs", "2", "--output", str(trained_once), "--no-leaderboard")
        assert done.exit_code == 0, done.output
    return Path(shutil.copytree(trained_once, tmp_path / "my-run"))


def typed_imports():
    """Return name to module of what `cvgl_bench/__init__.py` imports for type checkers."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {alias.name: node.module for node in block.body for alias in node.names}


def test_type_checkers_see_every_public_name_and_no_other():
    assert sorted([*typed_imports(), "__version__"]) == cvgl_bench.__all__


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_what_type_checkers_see_and_says_what_it_is_for(name):
    thing = getattr(cvgl_bench, name)
    assert thing is getattr(importlib.import_module(typed_imports()[name]), name)
    assert inspect.getdoc(thing)


def test_what_notebooks_start_with_is_all_public():
    functions = [name for name, thing in vars(api).items() if inspect.isfunction(thing)]
    ours = [name for name in functions if name[0] != "_" and getattr(api, name).__module__ == api.__name__]
    assert set(ours) <= set(cvgl_bench.__all__)


def test_what_completion_shows_holds_every_public_name():
    assert set(cvgl_bench.__all__) <= set(dir(cvgl_bench))


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'cvgl_bench' has no attribute 'train'"):
        _ = cvgl_bench.train


def test_importing_the_package_or_what_plugins_need_imports_neither_torch_nor_faiss():
    code = (
        "import sys, cvgl_bench\n"
        "from cvgl_bench import Dataset, Method, Metric, Pair, TrainableMethod, hookimpl, option\n"
        "print(sorted({'torch', 'faiss'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_type_checkers_are_told_that_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("name", ["load_split", "load_run", "embed", "evaluate", "read_outcome"])
def test_the_examples_run(name, finished, capsys):
    function = getattr(cvgl_bench, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=vars(api).copy())
    found = doctest.DocTestRunner().run(example)
    assert found.attempted and not found.failed, capsys.readouterr().out


def test_a_card_made_in_python_is_as_good_as_its_file(finished, noise_world):
    card, root = noise_world
    task = cvgl_bench.load_split(read_card(card), "same", data_root=root, cities=["Aa"])
    from_file = cvgl_bench.load_split(card, "same", data_root=root, cities=["Aa"])
    assert task.test.fingerprint == from_file.test.fingerprint and task.partial


def test_a_split_that_the_data_set_lacks_is_refused(noise_world):
    card, root = noise_world
    with pytest.raises(UnknownNameError, match="noise has no split 'crss'. Did you mean 'cross'?"):
        cvgl_bench.load_split(card, "crss", data_root=root)


def test_a_method_of_the_notebooks_own_is_embedded_and_evaluated(noise_world):
    card, root = noise_world
    task = cvgl_bench.load_split(card, "cross", data_root=root)
    method = MeanColour(None)
    network = torch.nn.Identity()
    embeddings = {
        view: cvgl_bench.embed(method, network, task.test, view=view, device="cpu", workers=0)
        for view in ("query", "reference")
    }
    for values in embeddings.values():
        np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, rtol=1e-6)
    outcome = cvgl_bench.evaluate(method, network, task.test, device="cpu", workers=0)
    scored, _ = cvgl_bench.score(embeddings["query"], embeddings["reference"], task.test.truth)
    np.testing.assert_array_equal(outcome.ranking.rank, scored.ranking.rank)
    best = np.argmax(embeddings["query"] @ embeddings["reference"].T, axis=1)
    np.testing.assert_array_equal(outcome.ranking.top_rows[:, 0], best)


def test_plugins_are_loaded_only_for_a_second_look(noise_world, monkeypatch):
    card, root = noise_world
    split = cvgl_bench.load_split(card, "cross", data_root=root).test
    asked = {"device": "cpu", "workers": 0}
    loaded = []
    real = cvgl_bench.plugins.load_plugins
    monkeypatch.setattr(cvgl_bench.plugins, "load_plugins", lambda: loaded.append(True) or real())
    method, network = MeanColour(None), torch.nn.Identity()
    cvgl_bench.evaluate(method, network, split, **asked)
    assert not loaded
    options = EvaluationOptions(rerank="bevmatch", rerank_top=3)
    outcome = cvgl_bench.evaluate(method, network, split, options=options, **asked)
    assert loaded and RANK_BEFORE in outcome.extra
    with pytest.raises(OptionError, match="rerank_set is set, but evaluation.rerank is none"):
        cvgl_bench.evaluate(
            method, network, split, options=EvaluationOptions(rerank_set=("size=64",)), **asked
        )


def test_a_finished_run_gives_back_what_it_evaluated(finished):
    run = cvgl_bench.load_run(finished)
    assert not run.network.training
    weights = run.network.state_dict()
    written = MeanColour(None).build()
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        name: tuple(value.shape) for name, value in written.state_dict().items()
    }
    recall = cvgl_bench.summarise(run.outcome, edges=run.task.dataset.decentrality_edges)
    assert recall.overall["recall@1"] == run.result.metrics.overall["recall@1"]


def test_a_variant_and_a_checkpoint_elsewhere_are_found_again(finished, run, tmp_path):
    weights = str(finished / "weights.safetensors")
    evaluation = ("--eval-only", "--checkpoint", weights, "--variant", "brightness:0.5", "--no-leaderboard")
    assert run(*evaluation, "--output", "dark").exit_code == 0
    dark = cvgl_bench.load_run(tmp_path / "dark")
    assert str(dark.task.test.variant) == "brightness:0.5"
    again = cvgl_bench.evaluate(dark.method, dark.network, dark.task.test, device="cpu", workers=0)
    np.testing.assert_array_equal(again.ranking.top_scores, dark.outcome.ranking.top_scores)


def test_loading_a_run_leaves_the_global_generators_alone(finished):
    torch.manual_seed(7)
    np.random.seed(7)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(7)
    np.random.seed(7)
    _ = cvgl_bench.load_run(finished).network
    assert torch.equal(torch.rand(3), expected[0])
    np.testing.assert_array_equal(np.random.rand(3), expected[1])


def test_data_that_are_not_those_of_the_run_are_refused(finished, noise_world, tmp_path):
    shutil.copytree(noise_world[1], tmp_path / "other")
    labels = tmp_path / "other/splits_new/Bb/pano_label_balanced.txt"
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[1:]))
    run = cvgl_bench.load_run(finished, data_root=tmp_path / "other")
    with pytest.raises(DataError, match="is not the one that the run in .*my-run was tested on"):
        _ = run.task


def test_weights_that_changed_since_are_refused(finished):
    from cvgl_bench.networks.checkpoints import read_tensors, save_tensors

    path = finished / "weights.safetensors"
    save_tensors({name: value + 1 for name, value in read_tensors(path).items()}, path, metadata={})
    run = cvgl_bench.load_run(finished)
    with pytest.raises(CheckpointError, match="weights.safetensors is not the file that the run"):
        _ = run.network


@pytest.mark.parametrize(
    ("missing", "error", "message"),
    [
        ("result.json", UsageError, "my-run is not a finished run: it has no result.json"),
        ("weights.safetensors", UsageError, "my-run holds no weights to evaluate"),
        ("options.yaml", UsageError, "my-run does not say what was run"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(finished, missing, error, message):
    (finished / missing).unlink()
    with pytest.raises(error, match=message):
        cvgl_bench.load_run(finished)


def test_a_damaged_record_is_refused(finished):
    (finished / "result.json").write_text("{}")
    with pytest.raises(ResultError, match="schema version"):
        cvgl_bench.load_run(finished)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device, noise_world):
    card, root = noise_world
    test = cvgl_bench.load_split(card, "cross", data_root=root).test
    with pytest.raises(CvglError, match=device):
        cvgl_bench.embed(MeanColour(None), torch.nn.Identity(), test, view="query", device=device)


def test_an_outcome_is_read_by_folder_and_by_file(finished):
    by_folder = cvgl_bench.read_outcome(str(finished))
    by_file = cvgl_bench.read_outcome(finished / "outcome.parquet")
    np.testing.assert_array_equal(by_folder.ranking.rank, by_file.ranking.rank)
    with pytest.raises(DataError, match="There is no outcome"):
        cvgl_bench.read_outcome(finished / "nothing")


def test_an_outcome_of_another_run_is_refused(finished):
    outcome = cvgl_bench.read_outcome(finished)
    ranking = dataclasses.replace(outcome.ranking, rank=outcome.ranking.rank[::-1] + 1)
    dataclasses.replace(outcome, ranking=ranking).save(finished / "outcome.parquet")
    with pytest.raises(ResultError, match="recall@1 .* by result.json, .* by outcome.parquet"):
        _ = cvgl_bench.load_run(finished).outcome
