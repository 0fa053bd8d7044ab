import pytest

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.method import Method
from cvgl_bench.running.recipes import find_published, find_recipe, read_recipe


def method_with(folder):
    return type("Cooked", (Method,), {"name": "cooked", "title": "Cooked", "recipes": folder})


def test_the_most_specific_recipe_wins(tmp_path):
    for name in ("default.yaml", "vigor.yaml", "vigor-same.yaml"):
        (tmp_path / name).write_text("training: {epochs: 1}")
    method = method_with(tmp_path)
    assert find_recipe(method, "vigor", "same").name == "vigor-same.yaml"
    assert find_recipe(method, "vigor", "cross").name == "vigor.yaml"
    assert find_recipe(method, "dress", "same").name == "default.yaml"
    assert find_recipe(method_with(None), "vigor", "same") is None


def test_the_published_recipe_of_a_data_set_wins_over_the_general_one(tmp_path):
    method = method_with(tmp_path)
    for folder in (method, method_with(None)):
        with pytest.raises(OptionError, match=r"'cooked' has no recipe 'published\.yaml'.*Leave out --publ"):
            find_published(folder, "vigor")
    (tmp_path / "published.yaml").write_text("training: {epochs: 1}")
    assert find_published(method, "vigor").name == "published.yaml"
    (tmp_path / "published-vigor.yaml").write_text("training: {epochs: 1}")
    assert find_published(method, "vigor").name == "published-vigor.yaml"
    assert find_published(method, "dress").name == "published.yaml"
    assert find_recipe(method, "vigor", "same") is None, "it is never taken unasked"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trainin: {epochs: 1}", "section 'trainin'. Did you mean 'training'?"),
        ("training: 3", "'training' must hold"),
        ("- a", "is not a recipe"),
        ("a: [", "cannot be read"),
        ("training: !!python/object/apply:os.getcwd []", "cannot be read"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused_by_file(tmp_path, text, message):
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(OptionError, match=r"r\.yaml") as caught:
        read_recipe(path)
    assert message in str(caught.value)
