"""What tells stored embeddings apart."""

import dataclasses
import importlib.util

import pytest
import torch

from cvgl_bench.builtins.baselines import Frozen
from cvgl_bench.data import cards, layouts
from cvgl_bench.data.variants import Variant
from cvgl_bench.embedding.keys import code_digest, images_digest, machine_facts, split_facts, weights_digest
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.method import Method
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts


def test_weights_are_told_apart_by_value_name_shape_and_type():
    state = {"a": torch.arange(6.0), "b": torch.zeros(2)}

    def digest(changes, buffers=None):
        module = torch.nn.Module()
        for name, tensor in {**state, **changes}.items():
            module.register_buffer(name, tensor)
        for name, tensor in (buffers or {}).items():
            module.register_buffer(name, tensor, persistent=False)
        return weights_digest(module)

    first = digest({})
    assert first == digest({})
    others = [
        digest({"a": torch.arange(6.0).reshape(2, 3)}),
        digest({"a": torch.arange(6.0).double()}),
        digest({"a": torch.arange(6.0).bfloat16()}),
        digest({"b": torch.tensor([0.0, -0.0])}),
        digest({"c": torch.zeros(2)}),
        digest({}, {"grid": torch.zeros(1)}),
    ]
    assert len({first, *others}) == len(others) + 1
    strided = torch.arange(12.0).reshape(6, 2).t()[0].div(2)
    assert digest({"a": strided}) == first, "the layout in memory is not a value"


@pytest.fixture
def package(tmp_path):
    """Return a function that writes a method into a package and imports it anew."""
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "__init__.py").touch()

    def load(body="pass", other="1"):
        (folder / "helper.py").write_text(f"VALUE = {other}\n")
        text = f"from cvgl_bench.method import Method\n\n\nclass Mine(Method):\n    {body}\n"
        (folder / "mine.py").write_text(text)
        spec = importlib.util.spec_from_file_location("pack.mine", folder / "mine.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # `inspect` finds a class's file by its module.
        monkeypatched["pack.mine"] = module
        return module.Mine

    import sys

    monkeypatched = sys.modules
    yield load
    sys.modules.pop("pack.mine", None)


def test_code_is_that_of_the_whole_package_and_of_the_harness(package):
    first = code_digest(package())
    assert first == code_digest(package())
    assert first != code_digest(package(body="x = 1"))
    assert first != code_digest(package(other="2")), "a module beside the method's"
    assert len({code_digest(Method), code_digest(Frozen)}) == 1, "both are the harness's"
    assert first != code_digest(Method)


def test_code_without_a_file_is_not_known():
    namespace = {"__name__": "typed_by_hand"}
    exec("from cvgl_bench.method import Method\nclass Mine(Method):\n    pass", namespace)
    assert code_digest(namespace["Mine"]) is None


def test_the_last_digits_depend_on_the_machine():
    cpu = torch.device("cpu")
    facts = [machine_facts(cpu, kind, size) for kind in (None, torch.bfloat16) for size in (32, 64)]
    assert len({str(found) for found in facts}) == 4
    assert facts[0]["precision"] == "float32" and facts[0]["device"] == "cpu"
    assert "torch" in facts[0]["versions"]


def test_the_variant_is_a_fact_of_the_queries_alone(noise_world):
    path, root = noise_world
    split = layouts.read_task(cards.read_card(path), "cross", root, layouts=KNOWN).test
    narrow = dataclasses.replace(split, variant=Variant("fov", 90))
    assert split_facts(split, "query") != split_facts(narrow, "query")
    assert split_facts(split, "reference") == split_facts(narrow, "reference")
    assert split_facts(split, "query") != split_facts(split, "reference")


def test_a_missing_image_is_named(noise_world):
    path, root = noise_world
    split = layouts.read_task(cards.read_card(path), "cross", root, layouts=KNOWN).test
    lost = dataclasses.replace(split, root=root / "nowhere")
    with pytest.raises(DataError, match="nowhere.*No such file"):
        images_digest(lost, "query")
