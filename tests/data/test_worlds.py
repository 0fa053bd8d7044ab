import pytest

from cvgl_bench import minicity
from cvgl_bench.data import cards, worlds
from cvgl_bench.foundation.errors import DataError, UnknownNameError
from cvgl_bench.plugins import load_plugins


def test_a_cache_that_cannot_be_made_is_named_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CVGL_CACHE", str(tmp_path / "file"))
    card = cards.find_dataset("mini-dress", load_plugins([]).datasets)
    with pytest.raises(DataError, match="file/worlds cannot be made: Not a directory. Set CVGL_CACHE"):
        worlds.world_root(card)


def test_a_seed_in_the_name_gives_another_world_with_a_card_and_a_folder_of_its_own(monkeypatch, tmp_path):
    made = []
    monkeypatch.setenv("CVGL_CACHE", str(tmp_path))
    monkeypatch.setattr(minicity, "generate", lambda plan, root, progress: made.append((plan, root)))
    datasets = load_plugins([]).datasets
    plain, other = (cards.find_dataset(name, datasets) for name in ("mini-dress", "mini-dress@2"))
    assert other.name == "mini-dress@2" and "seed 2" in other.title and other.splits == plain.splits
    for card in (plain, other):
        (tmp_path / "worlds").mkdir(exist_ok=True)
        monkeypatch.setattr(worlds, "mark_used", lambda root: None)
        worlds.world_root(card)
    (first, first_root), (second, second_root) = made
    assert (first.seed, second.seed) == (0, 2) and first_root != second_root
    assert second_root.name.startswith("mini-dress@2-")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mini-dress@", "'mini-dress@': after @ stands the seed .* such as mini-dress@2"),
        ("mini-dress@0", "mini-dress itself is the world of seed 0"),
        ("mini-dress@02", "a whole number from 1"),
        ("mini-dress@-1", "a whole number from 1"),
        ("mini-dress@9999999999", "a whole number from 1 to 1,000,000,000"),
        ("mini-dres@2", "Did you mean 'mini-dress'"),
        ("vigor@2", "'vigor@2': only generated worlds have other seeds.*Leave out @2"),
    ],
)
def test_what_is_no_seed_is_said_in_one_line(name, words):
    with pytest.raises(UnknownNameError, match=words) as caught:
        cards.find_dataset(name, load_plugins([]).datasets)
    assert "\n" not in str(caught.value)
