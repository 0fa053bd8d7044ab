"""Do a method's further abilities keep the contract: scores of pairs, parameter groups, acts after steps."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from cvgl_bench.foundation.errors import PluginError
from cvgl_bench.method import ActsAfterSteps, Context, GroupsParameters, PairMethod
from cvgl_bench.networks import answers
from cvgl_bench.testing.demands import demands_on

if TYPE_CHECKING:
    from torch import Tensor, nn


TILE_M = 30.0
"""Ground that a reference is wide when pairs are scored."""

SAME_SCORE = 1e-4
"""Room for another order of summation when pairs are scored one by one, by the largest score."""


def check_pair_scores(
    method: PairMethod, network: nn.Module, twin: nn.Module, *, queries: Tensor, references: Tensor
) -> None:
    """Assert that scores of pairs are usable, belong to their pair alone, and tell images apart.

    twin: another network that was built alike. queries, references: stacked results of `prepare`.
    """
    import torch

    must = demands_on(type(method).__name__)
    shared = torch.cat([references, references[:1]])

    def scores(network: nn.Module, queries: Tensor, references: Tensor) -> Tensor:
        width_m = torch.full((len(references),), TILE_M)
        with torch.inference_mode():
            answer = method.rerank(network, queries, references, width_m)
        try:
            size = {"queries": len(queries), "references": len(references)}
            return answers.pair_scores(method, answer, **size)
        except PluginError as error:
            raise AssertionError(f"{type(method).__name__}: {error}") from None

    together = scores(network, queries, shared)
    must(together.equal(scores(twin, queries, shared)), "scores differently when seeded and built anew")
    must(together[:, 0].equal(together[:, -1]), "scores two equal references differently")
    must((together[:, :-1] != together[:, :1]).any(), "scores every reference alike, whatever it shows")
    alone = torch.cat(
        [
            torch.cat([scores(network, query[None], reference[None]) for reference in shared], dim=1)
            for query in queries
        ]
    )
    difference = float((alone - together).abs().max())
    must(
        difference <= SAME_SCORE * max(1.0, float(together.abs().max())),
        f"scores a pair differently alone and among others (by {difference:.1e})",
    )


def check_parameter_groups(method: GroupsParameters, network: nn.Module) -> None:
    """Assert that groups are of the network's own parameters, none in two, and leave something to train."""
    must = demands_on(type(method).__name__)
    try:
        groups = answers.parameter_groups(method, method.parameter_groups(network), network=network)
    except PluginError as error:
        raise AssertionError(f"{type(method).__name__}: {error}") from None
    still = {id(parameter) for group in groups if group.frozen for parameter in group.parameters}
    trained = [p for p in network.parameters() if p.requires_grad and id(p) not in still]
    must(trained, "parameter_groups() freezes everything")
    names = [group.name for group in groups]
    must(len(set(names)) == len(names), "parameter_groups() gives two groups of one name")


def check_after_step(
    method: ActsAfterSteps, other: Any, network: nn.Module, *, outputs: dict[str, Tensor], context: Context
) -> None:
    """Assert that what after_step() keeps is in the network, and that it leaves what is trained alone.

    other: a method of the same class and options, which has seen nothing. outputs: what represent() gave.
    """
    must = demands_on(type(method).__name__)
    trained = {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}
    before = network.state_dict()
    _act(method, network, outputs, context)
    after = {name: p for name, p in network.named_parameters() if p.requires_grad}
    must(
        set(after) == set(trained) and all(p.equal(trained[name]) for name, p in after.items()),
        "after_step() changes parameters that are trained; change buffers, or what needs no gradient",
    )
    state = network.state_dict()
    must(
        {name: t.shape for name, t in state.items()} == {name: t.shape for name, t in before.items()},
        "after_step() changes the names or shapes of the network's state, which could not be resumed then",
    )
    resumed = copy.deepcopy(network)
    _act(method, network, outputs, context)
    _act(other, resumed, outputs, context)
    again = resumed.state_dict()
    must(
        all(tensor.equal(again[name]) for name, tensor in network.state_dict().items()),
        "after_step() keeps something outside the network: after a restart it does otherwise",
    )


def _act(method: ActsAfterSteps, network: nn.Module, outputs: dict[str, Tensor], context: Context) -> None:
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        method.after_step(network, outputs, context)
