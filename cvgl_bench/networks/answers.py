"""What a method answers, checked once a batch: a broken contract is named, never scored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from cvgl_bench.foundation.errors import PluginError
from cvgl_bench.method import ParameterGroup

if TYPE_CHECKING:
    from cvgl_bench.method import GroupsParameters, Locates, Method


def built_network(method: Method, network: Any) -> nn.Module:
    """Return what `build` answered, if it is a network."""
    if not isinstance(network, nn.Module):
        raise _broken(method, "build", f"{_what(network)}, but it must be a torch.nn.Module")
    return network


def prepared_image(method: Method | Locates, image: Any) -> Tensor:
    """Return what `prepare` answered for one image, if it is a tensor."""
    if not isinstance(image, Tensor):
        raise _broken(method, "prepare", f"{_what(image)}, but it must be a tensor")
    return image


def prepared_pair(method: Method, pair: Any) -> dict[str, Tensor]:
    """Return what `prepare_pair` answered for one pair, if it is a mapping of names to tensors."""
    if not isinstance(pair, Mapping) or not pair:
        raise _broken(method, "prepare_pair", f"{_what(pair)}, but it must be a dict of named tensors")
    for name, tensor in pair.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise _broken(method, "prepare_pair", f"{_what(tensor)} as {name!r}, but it must be a tensor")
    return dict(pair)


def least_size(method: Method | Locates, size: Any) -> tuple[int, int] | None:
    """Return what `least_size` answered, if it is a height and a width, or None."""
    if size is None:
        return None
    sides = list(size) if isinstance(size, Iterable) else []
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise _broken(method, "least_size", f"{size!r}, but it must be (height, width) in pixels, or None")
    return sides[0], sides[1]


def embeddings(method: Method, batch: Any, *, count: int, width: int | None) -> Tensor:
    """Return what `embed` answered for `count` images, if it is (count, D) numbers; width: D, if known."""
    return _table(method, "embed", batch, count=count, width=width)


def positions(method: Method | Locates, answered: Any, *, count: int) -> Tensor:
    """Return what `locate` answered for `count` pairs, if it is (count, 2) finite numbers."""
    table = _table(method, "locate", answered, count=count, width=2)
    if not torch.isfinite(table).all():
        raise _broken(method, "locate", "positions that are not finite")
    return table


def pair_scores(method: Method, answered: Any, *, queries: int, references: int) -> Tensor:
    """Return what `rerank` answered, if it is (queries, references) finite numbers."""
    table = _table(method, "rerank", answered, count=queries, width=references)
    if not torch.isfinite(table).all():
        raise _broken(method, "rerank", "scores that are not finite")
    return table


def representations(method: Method, outputs: Any, *, count: int) -> dict[str, Tensor]:
    """Return what `represent` answered for `count` pairs, if it is named tensors of one row a pair."""
    if not isinstance(outputs, Mapping) or not outputs:
        raise _broken(method, "represent", f"{_what(outputs)}, but it must be a dict of named tensors")
    for name, rows in outputs.items():
        if not isinstance(name, str) or not isinstance(rows, Tensor):
            raise _broken(method, "represent", f"{_what(rows)} as {name!r}, but it must be a tensor")
        if not rows.ndim or len(rows) != count:
            reason = f"{_what(rows)} as {name!r}, but for {count} pairs it must hold one row a pair"
            raise _broken(method, "represent", reason)
    return dict(outputs)


def loss_terms(method: Method, terms: Any) -> dict[str, Tensor]:
    """Return what `criterion` answered, if it is named scalars of which one at least can be minimised."""
    if not isinstance(terms, Mapping) or not terms:
        raise _broken(method, "criterion", f"{_what(terms)}, but it must be a dict of named scalar tensors")
    for name, term in terms.items():
        if not isinstance(name, str) or not isinstance(term, Tensor):
            raise _broken(method, "criterion", f"{_what(term)} as {name!r}, but it must be a scalar tensor")
        if term.ndim or not term.is_floating_point():
            raise _broken(
                method, "criterion", f"{_what(term)} as {name!r}, but it must be one floating number"
            )
    if not any(term.requires_grad for term in terms.values()):
        raise _broken(
            method, "criterion", "terms that do not depend on the network, so that nothing is learnt"
        )
    return dict(terms)


def parameter_groups(
    method: Method | GroupsParameters, groups: Any, *, network: nn.Module
) -> list[ParameterGroup]:
    """Return what `parameter_groups` answered, if it is groups of the network's parameters, none in two."""
    found = list(groups) if isinstance(groups, Iterable) else [groups]
    if not all(isinstance(group, ParameterGroup) for group in found):
        raise _broken(method, "parameter_groups", f"{_what(groups)}, but it must be a list of ParameterGroup")
    free = {id(parameter) for parameter in network.parameters()}
    for group in found:
        if fault := _group_fault(group, free):
            raise _broken(method, "parameter_groups", f"a group '{group.name}' {fault}")
        free -= {id(parameter) for parameter in group.parameters}
    return found


def _group_fault(group: ParameterGroup, free: set[int]) -> str | None:
    """Return what is wrong with a group, if `free` are the network's parameters that are in no other."""
    identities = [id(parameter) for parameter in group.parameters]
    if not set(identities) <= free or len(set(identities)) < len(identities):
        return "with a parameter that is in another group, or that the network does not have"
    numbers = [group.rate_factor, *([] if group.weight_decay is None else [group.weight_decay])]
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        return "whose rate or decay is negative or not finite"
    return None


def loaded_state(method: Method, state: Any) -> dict[str, Tensor]:
    """Return what `load_checkpoint` answered, if it is a mapping of names to tensors."""
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise _broken(method, "load_checkpoint", f"{_what(state)}, but it must map names to tensors")
    return dict(state)


def _table(
    method: Method | Locates, function: str, answered: Any, *, count: int, width: int | None
) -> Tensor:
    columns = "D" if width is None else str(width)
    wanted = f"but for {count} rows it must be a tensor ({count}, {columns}) of floating numbers"
    if not isinstance(answered, Tensor) or not answered.is_floating_point():
        raise _broken(method, function, f"{_what(answered)}, {wanted}")
    shape = tuple(answered.shape)
    if len(shape) != 2 or not shape[1] or shape != (count, width or shape[1]):
        raise _broken(method, function, f"{_what(answered)}, {wanted}")
    return answered


def _what(answered: Any) -> str:
    if isinstance(answered, Tensor):
        return f"a tensor {tuple(answered.shape)} of {str(answered.dtype).removeprefix('torch.')}"
    return "None" if answered is None else f"a {type(answered).__name__}"


def _broken(method: Method | Locates | GroupsParameters, function: str, reason: str) -> PluginError:
    return PluginError(f"The method '{method.name}' breaks its contract: {function}() gives {reason}.")
