"""Stored embeddings: hit exactly where nothing that shapes them changed, whole or not there."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from cvgl_bench.data import cards, layouts
from cvgl_bench.data.variants import Variant
from cvgl_bench.embedding.images import gather
from cvgl_bench.embedding.store import ROWS, EmbeddingStore
from cvgl_bench.evaluation.evaluate import Place, evaluate
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation import cache
from cvgl_bench.foundation.options import option
from cvgl_bench.method import Method
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

CPU = Place(device=torch.device("cpu"), workers=0)
CONTEXT = {
    "dataset": "noise",
    "split": "same",
    "label_edition": "first",
    "distribution": "x 1.0",
    "code": "c",
}
FACTS = {"method": "m", "weights": "w" * 64, "options": {}}


@dataclasses.dataclass(frozen=True)
class ScaleOptions:
    """Settings of `Colours`."""

    scale: float = option(1.0, "Factor of the colours.")


class Colours(Method):
    """Embeds the mean colour by a linear layer, and counts the images that it prepares."""

    name = "colours"
    title = "Colours"
    Options = ScaleOptions
    prepared = 0

    def build(self):
        return torch.nn.Linear(3, 8)

    def prepare(self, image, view):
        Colours.prepared += 1
        return torch.from_numpy(self.options.scale * image.reshape(-1, 3).mean(axis=0) / 255 - 0.5).float()

    def embed(self, network, images, view):
        return network(images)


@pytest.fixture
def split(noise_world):
    path, root = noise_world
    return layouts.read_task(cards.read_card(path), "same", root, layouts=KNOWN).test


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 8)


@pytest.fixture
def said():
    return []


@pytest.fixture
def make_store(tmp_path, said):
    def make(limit_bytes=1e9, **context):
        facts = {**CONTEXT, **context}
        return EmbeddingStore(tmp_path, limit_bytes=limit_bytes, context=facts, say=said.append)

    return make


@pytest.fixture
def prepared(make_store, split, network):
    """Return a function that evaluates and returns how many images were prepared for it."""

    def prepared(method=None, net=None, on=None, options=None, **context):
        before = Colours.prepared
        prepared.outcome = evaluate(
            method or Colours(ScaleOptions()),
            net or network,
            on or split,
            options=options or EvaluationOptions(),
            place=CPU,
            store=make_store(**context),
        )
        return Colours.prepared - before

    return prepared


def test_the_second_evaluation_opens_no_image_and_finds_the_same(prepared, split, tmp_path):
    assert prepared() == len(split.queries) + len(split.references)
    first = prepared.outcome
    assert prepared() == 0
    plain = evaluate(
        Colours(ScaleOptions()), _network(0), split, options=EvaluationOptions(), place=CPU, locate=False
    )
    for found in (prepared.outcome, plain):
        for column in dataclasses.fields(found.ranking):
            np.testing.assert_array_equal(
                getattr(found.ranking, column.name), getattr(first.ranking, column.name)
            )


def _network(seed):
    torch.manual_seed(seed)
    return torch.nn.Linear(3, 8)


def test_whatever_shapes_embeddings_makes_them_anew(prepared, split):
    both = len(split.queries) + len(split.references)
    assert prepared() == both
    assert prepared(net=_network(1)) == both, "other weights"
    changed = _network(0)
    with torch.no_grad():
        changed.bias[3] += 1e-7
    assert prepared(net=changed) == both, "one weight, a little"
    assert prepared(method=Colours(ScaleOptions(scale=2.0))) == both, "an option"
    assert prepared(label_edition="second") == both, "the label edition"
    assert prepared(distribution="x 1.1") == both, "the version"
    assert prepared(options=EvaluationOptions(embed_precision="bf16")) == both, "the precision"
    moved = dataclasses.replace(split, position_px=split.position_px + 0.5)
    assert prepared(on=moved) == both, "the labels"
    assert prepared(code="edited") == both, "the method's code"
    assert prepared() == 0


def test_a_variant_is_stored_apart_and_shares_the_references(prepared, split):
    prepared()
    dark = dataclasses.replace(split, variant=Variant("brightness", 0.5))
    assert prepared(on=dark) == len(split.queries)
    assert prepared(on=dark) == prepared() == 0


def test_an_image_that_was_made_anew_is_embedded_anew(prepared, split, noise_world):
    prepared()
    path = split.root / split.references["path"][0]
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))
    try:
        assert prepared() == len(split.references)
    finally:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_validation_in_between_stores_nothing(split, network, tmp_path):
    evaluate(Colours(ScaleOptions()), network, split, options=EvaluationOptions(), place=CPU)
    assert list(tmp_path.iterdir()) == []


# The store by itself.


@pytest.fixture
def keep(make_store, split):
    """Return a function that asks a store for embeddings, and says whether it had to make them."""
    rows = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)

    def ask(store=None, batches=(3, 3, 1), view="query", **facts):
        made = []

        def embed(*, view, keep=gather):
            made.append(view)
            edges = np.cumsum(batches)[:-1]
            return keep(iter(np.split(rows, edges)), len(rows))

        found = (store or make_store()).embed(embed, {**FACTS, **facts}, split, view=view)
        np.testing.assert_array_equal(found, rows)
        return len(made)

    return ask


def entry(tmp_path):
    (found,) = (tmp_path / "embeddings").iterdir()
    return found


def test_rows_are_mapped_and_cannot_be_written(make_store, split, keep):
    keep()
    found = make_store().embed(None, FACTS, split, view="query")
    assert isinstance(found, np.memmap) and not found.flags.writeable


def test_batches_are_written_as_they_come(make_store, split, tmp_path):
    """Memory holds one batch, whatever the size of the split."""
    sizes = []

    def batches():
        for _ in range(5):
            yield np.ones((100, 256), np.float32)
            sizes.append(next((tmp_path / "embeddings").glob(f".*/*/{ROWS}")).stat().st_size)

    make_store().embed(lambda view, keep: keep(batches(), 500), FACTS, split, view="query")
    steps = np.diff(sizes)
    assert (steps == 100 * 256 * 4).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda rows: rows.write_bytes(rows.read_bytes()[:-5]),
        lambda rows: rows.write_bytes(b""),
        lambda rows: rows.write_bytes(rows.read_bytes() + b"more"),
        lambda rows: rows.write_bytes(rows.read_bytes()[:-4] + b"\0\0\0\0"),
        lambda rows: np.save(rows, np.zeros((7, 4))),
        lambda rows: np.save(rows, np.array([{}], object), allow_pickle=True),
        lambda rows: rows.unlink(),
        lambda rows: (rows.parent / cache.MANIFEST).write_text("{"),
        lambda rows: (rows.parent / cache.MANIFEST).write_text("[]"),
        lambda rows: (rows.parent / cache.MANIFEST).unlink(),
    ],
)
def test_a_damaged_entry_is_noticed_and_replaced(keep, tmp_path, said, damage):
    assert keep() == 1
    assert keep() == 0
    damage(entry(tmp_path) / ROWS)
    assert keep() == 1
    assert "damaged" in said[-1]
    assert keep() == 0
    assert entry(tmp_path).is_dir()


def test_an_entry_of_another_key_does_not_answer(keep, tmp_path):
    keep()
    manifest = json.loads((entry(tmp_path) / cache.MANIFEST).read_text())
    manifest["key"]["weights"] = "0" * 64
    (entry(tmp_path) / cache.MANIFEST).write_text(json.dumps(manifest))
    assert keep() == 1


def test_an_interrupted_embedding_leaves_nothing(make_store, split, tmp_path):
    def batches():
        yield np.ones((2, 4), np.float32)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_store().embed(lambda view, keep: keep(batches(), 9), FACTS, split, view="query")
    assert list((tmp_path / "embeddings").iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from cvgl_bench.embedding import store as embedding_store
store = embedding_store.EmbeddingStore(Path(sys.argv[1]), limit_bytes=1e9, context={})
embedding_store.split_facts = lambda split, view: {"view": view, "variant": "none"}
def batches():
    yield np.ones((2, 4), np.float32)
    os.kill(os.getpid(), signal.SIGKILL)
facts = {"method": "m", "weights": "w"}
store.embed(lambda view, keep: keep(batches(), 9), facts, None, view="query")
"""


def test_a_killed_writer_leaves_nothing_that_counts_and_is_cleaned_up_after(keep, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True)
    assert done.returncode == -9, done.stderr
    (left,) = cache.entries(tmp_path, "embeddings")
    assert not left.whole and not left.in_progress, "its lock went with the process"
    assert keep() == 1
    assert all(found.whole for found in cache.entries(tmp_path, "embeddings"))


RACING = """
import os, sys, time
from pathlib import Path
import numpy as np
from cvgl_bench.embedding import store as embedding_store
folder, seeds = Path(sys.argv[1]), (1, 2, 3)
seed = next((seed for seed in seeds if os.fork() == 0), None)
if seed is None:
    sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in seeds))
store = embedding_store.EmbeddingStore(folder, limit_bytes=1e9, context={})
embedding_store.split_facts = lambda split, view: {"view": view, "variant": "none"}
rows = np.full((50, 8), seed, np.float32)
for turn in range(20):
    (folder / f"{turn}-{seed}.ready").touch()
    while len(list(folder.glob(f"{turn}-*.ready"))) < 3:
        time.sleep(0.001)
    facts = {"method": "m", "weights": "w", "turn": turn}
    embed = lambda *, view, keep: keep(iter(np.split(rows, 5)), 50)
    found = store.embed(embed, facts, None, view="query")
    assert found.shape == (50, 8) and (found == found[0, 0]).all() and found[0, 0] in (1, 2, 3)
"""


def test_processes_that_write_the_same_entry_at_once_all_get_whole_rows(tmp_path):
    done = subprocess.run([sys.executable, "-c", RACING, str(tmp_path)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    stored = cache.entries(tmp_path, "embeddings")
    assert len(stored) == 20 and all(one.whole for one in stored)


def test_the_least_recently_used_make_room(keep, make_store, tmp_path):
    keep(weights="a")
    size = cache.entries(tmp_path, "embeddings")[0].bytes
    roomy = make_store(limit_bytes=2 * size + 50)
    keep(roomy, weights="b")
    for age, one in enumerate(cache.entries(tmp_path, "embeddings")):
        os.utime(one.path, (1000 + age, 1000 + age))
    assert keep(roomy, weights="a") == 0
    assert keep(roomy, weights="c") == 1
    assert keep(roomy, weights="a") == 0, "it was used after b"
    assert keep(roomy, weights="b") == 1


def test_what_the_store_may_not_take_stays_in_memory(keep, make_store, tmp_path, said):
    assert keep(make_store(limit_bytes=50)) == 1
    assert "`store_gb` allows" in said[-1]
    assert not (tmp_path / "embeddings").exists()


def test_a_full_disk_costs_time_and_nothing_else(keep, tmp_path, said, monkeypatch):
    usage = cache.shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    assert keep() == 2
    assert "not stored" in said[-1] and "do not fit on the disk" in said[-1]
    assert list((tmp_path / "embeddings").iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_nothing_else(keep, tmp_path, said):
    (tmp_path / "embeddings").write_text("a file in the way")
    assert keep() == 2
    assert "not stored" in said[-1]


def test_a_title_says_what_an_entry_is(prepared, split, tmp_path):
    prepared(on=dataclasses.replace(split, variant=Variant("fov", 90)))
    titles = sorted(one.title for one in cache.entries(tmp_path, "embeddings"))
    assert titles[0].startswith("colours noise same first queries fov:90 weights ")
    assert titles[1].startswith("colours noise same first references weights ")
