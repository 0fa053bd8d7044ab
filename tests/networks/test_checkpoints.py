import pickle

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
    with pytest.raises(CheckpointError, match="cannot be read as weights. It must be") as refused:
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
