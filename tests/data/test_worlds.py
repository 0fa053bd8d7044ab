import pytest

from cvgl_bench.data import cards, worlds
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.plugins import load_plugins


def test_a_cache_that_cannot_be_made_is_named_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CVGL_CACHE", str(tmp_path / "file"))
    card = cards.find_dataset("mini-dress", load_plugins([]).datasets)
    with pytest.raises(DataError, match="file/worlds cannot be made: Not a directory. Set CVGL_CACHE"):
        worlds.world_root(card)
