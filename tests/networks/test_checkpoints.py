import argparse
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from cvgl_bench.builtins.baselines import Chance, ChanceOptions
from cvgl_bench.foundation.errors import CheckpointError
from cvgl_bench.networks.checkpoints import file_sha256, load_weights, read_tensors, save_tensors

METHOD = Chance(ChanceOptions())


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_weights_survive_the_disk(tmp_path):
    saved, loaded = network(), network()
    save_tensors(saved.state_dict(), tmp_path / "w.safetensors", metadata={})
    load_weights(tmp_path / "w.safetensors", METHOD, loaded)
    for name, tensor in saved.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    (tmp_path / "usual").touch()
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_pytorch_state_dict_is_read(tmp_path):
    torch.save({"state_dict": network().state_dict()}, tmp_path / "w.pth")
    load_weights(tmp_path / "w.pth", METHOD, network())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("0.bias"), "1 missing: 0.bias"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 left over: extra"),
        (
            lambda state: state.update({"0.weight": torch.zeros(4, 2)}),
            r"0.weight \(4, 2\) instead of \(4, 3\)",
        ),
    ],
)
def test_a_checkpoint_that_fits_partly_is_refused_and_loads_nothing(tmp_path, change, message):
    state = dict(network().state_dict())
    change(state)
    save_tensors(state, tmp_path / "w.safetensors", metadata={})
    target = network()
    before = target[0].weight.clone()
    with pytest.raises(CheckpointError, match=message):
        load_weights(tmp_path / "w.safetensors", METHOD, target)
    assert torch.equal(target[0].weight, before)


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_a_pickle_that_would_execute_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": Bomb()}, protocol=2))
    with pytest.raises(
        CheckpointError, match="cannot be read as weights: it holds a .*open.*, which is code"
    ) as refused:
        read_tensors(tmp_path / "w.pth")
    assert "weights_only" not in str(refused.value)
    assert not (tmp_path / "exploded").exists()


def test_what_is_not_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        read_tensors(tmp_path / "none.pth")
    with pytest.raises(CheckpointError, match="is a folder; give a file of weights.$"):
        read_tensors(tmp_path)
    (tmp_path / "w.safetensors").write_bytes(b"<html>not found</html>")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        read_tensors(tmp_path / "w.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="something other than a state dict"):
        read_tensors(tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match=r"is a folder; .* such as .*/w.safetensors\.$"):
        read_tensors(tmp_path)


def test_the_hash_is_that_of_the_file(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_sha256(tmp_path / "f").startswith("ba7816bf8f01cfea")


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda s: s, ""),
        (lambda s: {f"module.{k}": v for k, v in s.items()}, "'module.'"),
        (lambda s: {f"_orig_mod.module.{k}": v for k, v in s.items()}, "'_orig_mod.module.'"),
        (lambda s: {f"model.{k}": v for k, v in s.items()}, "'model.'"),
        (lambda s: {"state_dict": s, "epoch": 3, "loss": 0.3}, "under 'state_dict'"),
        (lambda s: {"model": s, "optimizer": {"state": {}, "param_groups": []}}, "under 'model'"),
        (lambda s: {"model_state_dict": s, "best": np.float64(0.3)}, "under 'model_state_dict'"),
        (lambda s: {"net": s, "history": np.arange(3.0), "on": np.bool_(True)}, "under 'net'"),
        (lambda s: {"model": s, "args": argparse.Namespace(lr=0.1)}, "under 'model'"),
        (lambda s: {"checkpoint": {"state_dict": {f"module.{k}": v for k, v in s.items()}}}, "'module.'"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors.bak"])
def test_a_checkpoint_is_read_as_people_save_them(tmp_path, wrap, words, suffix):
    saved, loaded, said = network(), network(), []
    torch.save(wrap(saved.state_dict()), tmp_path / f"w{suffix}")
    load_weights(tmp_path / f"w{suffix}", METHOD, loaded, say=said.append)
    for name, tensor in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    assert words in " ".join(said) and bool(said) == bool(words)


def test_safetensors_are_known_by_their_content(tmp_path):
    saved, loaded = network(), network()
    save_tensors(saved.state_dict(), tmp_path / "w.bin", metadata={})
    load_weights(tmp_path / "w.bin", METHOD, loaded)
    assert torch.equal(loaded[0].weight, saved[0].weight)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"epoch": 3},
        {"student": {"a": torch.zeros(1)}, "teacher": {"a": torch.ones(1)}},
        {"state_dict": {"a": 1}},
        {"state_dict": {}},
        {1: torch.zeros(1)},
        {"model": {"model": {"model": {"model": {"model": {"a": torch.zeros(1)}}}}}},
    ],
)
def test_what_holds_no_state_dict_where_one_is_usual_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="w.pth holds something other than a state dict"):
        read_tensors(tmp_path / "w.pth")


def test_a_prefix_that_some_names_lack_stays(tmp_path):
    state = network().state_dict()
    torch.save({**{f"module.{k}": v for k, v in state.items()}, "scale": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="left over: module.0.bias"):
        load_weights(tmp_path / "w.pth", METHOD, network())


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_a_bit_that_changed_is_noticed(tmp_path, kind):
    path = tmp_path / "w.safetensors"
    save_tensors({"a": torch.ones(3).to(kind), "b": torch.ones(()).to(kind)}, path, metadata={})
    assert read_tensors(path)["a"].dtype == kind
    content = bytearray(path.read_bytes())
    content[-2] ^= 0x40 if kind != torch.bool else 0x01
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="w.safetensors is damaged: its contents are not those"):
        read_tensors(path)
