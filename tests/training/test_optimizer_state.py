"""Whatever timm's optimisers keep comes back to the bit, or is refused in one line."""

import json

import pytest
import torch
from timm.optim import get_optimizer_info, list_optimizers
from torch import nn

from cvgl_bench.foundation.errors import OptionError, TrainingError
from cvgl_bench.training.optimizer import make_optimizer
from cvgl_bench.training.optimizer_state import optimizer_state, restore_optimizer
from cvgl_bench.training.options import TrainingOptions

from .conftest import Probe

NEEDS_A_GPU = [name for name in list_optimizers() if name.startswith(("bnb", "fused"))]
HERE = [
    name
    for name in list_optimizers()
    if not name.startswith(("bnb", "fused")) and not get_optimizer_info(name).second_order
]


def fresh(name):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.Conv2d(1, 2, 2)).to(memory_format=torch.channels_last)
    network.scale = nn.Parameter(torch.tensor(2.0))
    return network, make_optimizer(Probe(), network, TrainingOptions(optimizer=name, learning_rate=0.05))


def steps(network, optimizer, numbers):
    for number in numbers:
        generator = torch.Generator().manual_seed(number)
        for parameter in network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()


@pytest.mark.parametrize("name", [name for name in HERE if not name.startswith("kron")])
def test_the_steps_that_follow_are_the_same(name):
    network, optimizer = fresh(name)
    steps(network, optimizer, range(3))
    tensors, numbers = optimizer_state(optimizer)
    tensors = {key: tensor.clone() for key, tensor in tensors.items()}
    again, restored = fresh(name)
    again.load_state_dict(network.state_dict())
    restore_optimizer(restored, tensors, json.loads(json.dumps(numbers)))
    for each, by in ((network, optimizer), (again, restored)):
        steps(each, by, range(3, 6))
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key


def test_what_cannot_be_saved_is_refused_in_one_line():
    network, optimizer = fresh("sgd")
    optimizer.state[network.scale]["factors"] = [torch.zeros(2)]
    with pytest.raises(TrainingError, match="by SGD could not be resumed: it keeps 'factors' as a list"):
        optimizer_state(optimizer)


@pytest.mark.parametrize("name", NEEDS_A_GPU[:1])
def test_what_cannot_be_had_is_refused_in_one_line(name):
    if torch.cuda.is_available():
        pytest.skip("it may be had here")
    with pytest.raises(TrainingError, match=f"The optimiser '{name}' cannot be had here: .*Choose another"):
        fresh(name)


def test_a_name_that_timm_does_not_have_is_refused_with_a_suggestion():
    with pytest.raises(OptionError, match=r"training.optimizer is 'adamww', .* Did you mean 'adamw'"):
        TrainingOptions(optimizer="adamww")
    with pytest.raises(OptionError, match="'adahessian', which needs second derivatives"):
        TrainingOptions(optimizer="adahessian")
