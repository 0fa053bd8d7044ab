import pytest

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.method import Method
from cvgl_bench.running.recipes import find_recipe, read_recipe


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
