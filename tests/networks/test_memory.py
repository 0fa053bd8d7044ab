"""Recomputing activations changes nothing but the memory, and a full GPU gets a clear line."""

import pytest
import timm
import torch
from torch import nn

from cvgl_bench.foundation.errors import TrainingError, UsageError
from cvgl_bench.networks.memory import enough_memory, recompute_activations


def gradients_and_kept_bytes(*, recompute):
    torch.manual_seed(0)
    network = nn.ModuleDict({"backbone": timm.create_model("test_convnext", num_classes=0)}).train()
    if recompute:
        recompute_activations(network)
    kept = []

    def keep(tensor):
        kept.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        features = network["backbone"](torch.randn(2, 3, 64, 64))
    kept_bytes = sum(kept)
    features.square().sum().backward()
    return [parameter.grad for parameter in network.parameters()], kept_bytes


def test_recomputing_gives_the_same_with_less_memory():
    plain, plain_bytes = gradients_and_kept_bytes(recompute=False)
    spared, spared_bytes = gradients_and_kept_bytes(recompute=True)
    assert all(torch.equal(one, other) for one, other in zip(plain, spared, strict=True))
    assert spared_bytes < plain_bytes / 3


@pytest.mark.parametrize(
    ("network", "why"),
    [(nn.Linear(2, 2), "does not offer it"), (timm.create_model("test_resnet"), "batch normalisation")],
)
def test_networks_that_cannot_recompute_are_refused(network, why):
    with pytest.raises(UsageError, match=f"machine.recompute is true.*{why}"):
        recompute_activations(network)


def test_a_full_gpu_is_told_in_one_line():
    with pytest.raises(TrainingError) as told:
        with enough_memory("a batch of 8 pairs", "Take less"):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")
    assert str(told.value) == "The GPU's memory does not hold a batch of 8 pairs. Take less."
    with pytest.raises(ValueError, match="another"):
        with enough_memory("a batch of 8 pairs", "Take less"):
            raise ValueError("another")
