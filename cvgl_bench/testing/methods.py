"""Does a method keep the contract: declaration, determinism, shapes, gradients."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cvgl_bench.foundation.errors import DataError, PluginError
from cvgl_bench.foundation.options import Layer, describe, resolve
from cvgl_bench.method import (
    PAIR_TENSORS,
    ActsAfterSteps,
    Context,
    GroupsParameters,
    Locates,
    Method,
    Pair,
    PairMethod,
    TrainableMethod,
    View,
)
from cvgl_bench.networks import answers
from cvgl_bench.running.options import sections_of
from cvgl_bench.running.recipes import read_recipe
from cvgl_bench.testing.abilities import check_after_step, check_pair_scores, check_parameter_groups
from cvgl_bench.testing.demands import NAME_RULE, Demand, allowed, demands_on, is_name

if TYPE_CHECKING:
    from torch import Tensor, nn

VIEWS: tuple[View, ...] = ("query", "reference")

CUT_SIZE = (48, 120)
"""Height and width of a panorama that is cut above and below: a whole one is twice as wide as high."""

QUERY_SIZES = ((64, 128), (60, 120), CUT_SIZE)
"""Height and width of the images that methods are tried on; the cut one may be refused by a DataError."""

REFERENCE_SIZES = ((64, 64), (56, 56), (72, 72))

SAME = 1e-4
"""Room for another order of summation when unit-length embeddings are computed one by one."""

POSITION = (0.25, 0.6)
"""Where each query lies in its reference, (x, y) as fractions."""

SEED = 20240501

FIRST_STEP = Context(step=0, steps=1, epoch=0, epochs=1)


def check_method(method_class: type[Method], options: Any = None) -> None:
    """Assert that a method keeps the contract: names, options, determinism, shapes, gradients.

    options: an instance of the method's Options that makes it small enough for a test, or None for
    the defaults. The method is built and run on a few images of noise on the CPU.
    """
    must = _demands(method_class)
    _check_declaration(method_class)
    options = method_class.Options() if options is None else options
    method = method_class(options)
    must(method.options is options, "must keep the options it is given in `self.options`")
    network, twin = _built(method), _built(method_class(options))
    state = network.state_dict()
    must(
        _equal(state, twin.state_dict()),
        "builds different networks from one seed; draw initial values from torch's global generator alone",
    )
    translated = method.load_checkpoint(state)
    must(set(translated) == set(state), "does not load its own state dict: load_checkpoint changes keys")
    if isinstance(method, PairMethod):
        queries, references = (_prepared(method, view) for view in VIEWS)
        check_pair_scores(method, network, twin, queries=queries, references=references)
    else:
        _check_embeddings(method, network, twin)
    if isinstance(method, Locates) and method.can_locate:
        _check_positions(method, network)
    if isinstance(method, TrainableMethod):
        batch = _check_training(method, network)
        if isinstance(method, GroupsParameters):
            check_parameter_groups(method, network)
        if isinstance(method, ActsAfterSteps):
            outputs = _represented(method, network, batch)
            other = method_class(options)
            check_after_step(method, other, network, outputs=outputs, context=FIRST_STEP)


def _check_declaration(method_class: type[Method]) -> None:
    must = _demands(method_class)
    missing = ", ".join(sorted(getattr(method_class, "__abstractmethods__", ())))
    must(not inspect.isabstract(method_class), f"must define {missing}")
    name, title = (getattr(method_class, attribute, None) for attribute in ("name", "title"))
    must(is_name(name), f"`name` {NAME_RULE}, not {name!r}")
    must(isinstance(title, str) and title.strip(), "needs a `title`, which tables print")
    cls = method_class.Options
    must(
        is_dataclass(cls) and cls.__dataclass_params__.frozen,  # type: ignore[attr-defined]  # Not in its stub.
        "`Options` must be a frozen dataclass",
    )
    hidden = [n for n in vars(cls) if not n.startswith("_") and n not in {f.name for f in fields(cls)}]
    hidden = [n for n in hidden if not callable(getattr(cls, n)) and not isinstance(vars(cls)[n], property)]
    must(
        not hidden,
        f"option '{', '.join(hidden)}' has no annotation, so it would not be recorded",
    )
    for field, info in zip(fields(cls), describe(cls), strict=True):
        must(info.help, f"option '{info.name}' has no help; declare it with options.option()")
        must(field.default is not dataclasses.MISSING, f"option '{info.name}' has no default")
    _check_recipes(method_class)


def _check_recipes(method_class: type[Method]) -> None:
    if method_class.recipes is None:
        return
    must = _demands(method_class)
    recipes = [file for file in method_class.recipes.iterdir() if file.name.endswith((".yaml", ".yml"))]
    must(recipes, "`recipes` holds no YAML file")
    for recipe in recipes:
        for section, values in allowed(partial(read_recipe, recipe)).items():
            cls = sections_of(method_class.Options)[section]
            allowed(partial(resolve, cls, [Layer(recipe.name, values)]))


def _check_embeddings(method: Method, network: nn.Module, twin: nn.Module) -> None:
    """Assert that embeddings are usable and the same from two networks that were built alike."""
    must, first, dimensions = _demands(method), {}, {}
    for view in VIEWS:
        images = _prepared(method, view)
        first[view] = _embedded(method, network, images, view)
        shape = tuple(first[view].shape)
        must(
            len(shape) == 2 and shape[0] == len(images),
            f"embed() gives shape {shape} for a batch of {len(images)} {view} images; (B, D) is asked for",
        )
        dimensions[view] = shape[1]
        norms = first[view].norm(dim=1)
        must(norms.isfinite().all(), f"embeds a {view} as infinite or not a number")
        must((norms > 0).all(), f"embeds a {view} as zero, which has no direction")
    must(
        dimensions["query"] == dimensions["reference"],
        f"embeds queries with {dimensions['query']} and references with {dimensions['reference']} dimensions",
    )
    for view in VIEWS:
        images = _prepared(method, view)
        again = _embedded(method, twin, images, view)
        must(again.equal(first[view]), f"embeds the same {view} differently when seeded and built anew")
        if method.needs_images:
            _check_images_decide(method, network, images, view)


def _check_images_decide(method: Method, network: nn.Module, images: Tensor, view: View) -> None:
    """Assert that an embedding follows from its own image alone."""
    import torch

    must = _demands(method)
    together = torch.nn.functional.normalize(_embedded(method, network, images, view), dim=1)
    alone = torch.cat([_embedded(method, network, image[None], view) for image in images])
    difference = float((torch.nn.functional.normalize(alone, dim=1) - together).abs().max())
    must(
        difference <= SAME,
        f"embeds a {view} differently alone and in a batch (by {difference:.1e}); embeddings must not depend "
        "on the rest of the batch, and the network is in evaluation mode",
    )
    spread = float((together - together[0]).abs().max())
    must(spread > 0, f"embeds every {view} alike, whatever the image shows")


def _represented(method: TrainableMethod, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    import torch

    with torch.no_grad():
        return method.represent(network, batch)


def _check_training(method: TrainableMethod, network: nn.Module) -> dict[str, Tensor]:
    """Assert that a step of training goes right, and return the batch that it was tried with."""
    import torch

    from cvgl_bench.networks import answers
    from cvgl_bench.networks.losses import total

    must = _demands(method)
    examples = [_example(method, row) for row in range(len(QUERY_SIZES))]
    must(
        all(_equal(example, _example(method, row)) for row, example in enumerate(examples)),
        "prepare_pair() differs between two calls with the same generator; draw from it alone",
    )
    names = set(examples[0])
    for example in examples:
        shapes = {name: tuple(tensor.shape) for name, tensor in example.items()}
        expected = {name: tuple(examples[0][name].shape) for name in names}
        must(shapes == expected, f"prepare_pair() gives {shapes} and {expected}: they cannot be stacked")
    batch = {name: torch.stack([e[name] for e in examples]) for name in examples[0]} | _pair_tensors()
    _check_representations(method, network.eval(), batch)
    terms = _kept(method, lambda: answers.loss_terms(method, loss_terms(method, network.train(), batch)))
    for name, term in terms.items():
        must(term.isfinite(), f"the loss term '{name}' is {term.item()}")
    total(terms).backward()
    _check_gradients(method, network)
    return batch


def _check_gradients(method: TrainableMethod, network: nn.Module) -> None:
    must = _demands(method)
    trained = {name: p.grad for name, p in network.named_parameters() if p.requires_grad}
    idle = [name for name, gradient in trained.items() if gradient is None]
    must(not idle, f"no loss reaches the parameters {', '.join(idle[:3])}; freeze them or leave them out")
    gradients = {name: gradient for name, gradient in trained.items() if gradient is not None}
    broken = [name for name, gradient in gradients.items() if not gradient.isfinite().all()]
    must(not broken, f"the gradient of {', '.join(broken[:3])} is not finite")
    must(any(gradient.any() for gradient in gradients.values()), "the loss has no gradient at all")


def loss_terms(
    method: TrainableMethod, network: nn.Module, batch: dict[str, Tensor], context: Context = FIRST_STEP
) -> dict[str, Tensor]:
    """Return the loss terms of a batch that is represented as a whole."""
    return method.criterion(network, method.represent(network, batch), context)


def _kept(method: TrainableMethod, step: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    try:
        return step()
    except PluginError as error:
        raise AssertionError(f"{type(method).__name__}: {error}") from None


def _check_representations(method: TrainableMethod, network: nn.Module, batch: dict[str, Tensor]) -> None:
    """Assert that what represent() gives for a pair does not depend on the other pairs."""
    import torch

    from cvgl_bench.networks import answers

    must = _demands(method)
    singles = [
        {name: tensor[row : row + 1] for name, tensor in batch.items()} for row in range(len(QUERY_SIZES))
    ]

    def rows_of(part: dict[str, Tensor], count: int) -> dict[str, Tensor]:
        return _kept(
            method, lambda: answers.representations(method, method.represent(network, part), count=count)
        )

    with torch.no_grad():
        whole = rows_of(batch, len(singles))
        alone = [rows_of(single, 1) for single in singles]
    for name, tensor in whole.items():
        rows = torch.cat([part[name] for part in alone])
        must(rows.shape == tensor.shape, f"represent() gives '{name}' of another shape for a pair alone")
        difference = float((rows.double() - tensor.double()).abs().max())
        must(
            difference <= SAME * max(1.0, float(tensor.double().abs().max())),
            f"represents a pair differently alone and in a batch ('{name}', by {difference:.1e}); what "
            "depends on other pairs belongs into criterion()",
        )


def _pair_tensors() -> dict[str, Tensor]:
    import torch

    rows = torch.arange(len(QUERY_SIZES))
    fractions = torch.tensor([POSITION]).repeat(len(rows), 1)
    given = (rows, rows, rows[:, None] * 0 - 1, fractions, torch.ones(len(rows)), torch.zeros(len(rows)))
    return dict(zip(PAIR_TENSORS, given, strict=True))


def _check_positions(method: Any, network: nn.Module) -> None:
    import torch

    must = _demands(method)
    with torch.inference_mode():
        positions = method.locate(network, _prepared(method, "query"), _prepared(method, "reference"))
    shape = tuple(positions.shape)
    must(shape == (len(QUERY_SIZES), 2), f"locate() gives shape {shape}; (B, 2) is asked for")
    must(positions.isfinite().all(), "locate() gives a position that is not a number")


def _built(method: Method) -> nn.Module:
    import torch

    must = _demands(method)
    torch.manual_seed(SEED)
    network = method.build()
    must(isinstance(network, torch.nn.Module), "build() must return a torch.nn.Module")
    return network.eval()


def _prepared(method: Method, view: View) -> Tensor:
    import torch

    must = _demands(method)
    if not method.needs_images:
        return torch.empty(len(QUERY_SIZES), 0)
    sizes = QUERY_SIZES if view == "query" else REFERENCE_SIZES
    tensors = []
    for row, size in enumerate(sizes):
        image = _noise(size, row)
        try:
            tensors.append(method.prepare(image, view))
        except DataError:  # A method may need a panorama's ground, and say so.
            must(view == "query" and size == CUT_SIZE, f"prepare() refuses a whole {view} image")
            tensors.append(method.prepare(_noise(QUERY_SIZES[0], row), view))
        must(np.array_equal(image, _noise(size, row)), "prepare() changes the image it is given")
    try:
        least = answers.least_size(method, method.least_size(view))
    except PluginError as error:
        raise AssertionError(f"{type(method).__name__}: {error}") from None
    smallest = [] if least is None else [method.prepare(_noise(least, 0), view)]
    kinds = {(tuple(tensor.shape), tensor.dtype) for tensor in [*tensors, *smallest]}
    must(
        len(kinds) == 1,
        f"prepare() gives tensors of different shape or type for {view} images of different size",
    )
    return torch.stack(tensors)


def _embedded(method: Method, network: nn.Module, images: Tensor, view: View) -> Tensor:
    import torch

    with torch.inference_mode():
        return method.embed(network, images, view).float()


def _example(method: TrainableMethod, row: int) -> dict[str, Tensor]:
    must = _demands(method)
    height, width = REFERENCE_SIZES[row]
    query, reference = _noise(QUERY_SIZES[row], row), _noise((height, width), row)
    pair = Pair(query, reference, (POSITION[0] * width, POSITION[1] * height), row=row, reference_row=row)
    example = method.prepare_pair(pair, np.random.default_rng(SEED + row))
    must(isinstance(example, dict) and example, "prepare_pair() must return a dict of tensors")
    untouched = np.array_equal(query, _noise(QUERY_SIZES[row], row))
    untouched &= np.array_equal(reference, _noise((height, width), row))
    must(untouched, "prepare_pair() changes the images it is given")
    return example


def _noise(size: tuple[int, int], row: int) -> np.ndarray:
    """Return an RGB image (H, W, 3) of noise in one colour, which differs between rows."""
    generator = np.random.default_rng([SEED, row])
    colour = generator.integers(40, 216, 3)
    return np.clip(generator.normal(colour, 25, (*size, 3)), 0, 255).astype(np.uint8)


def _equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return set(a) == set(b) and all(a[name].equal(b[name]) for name in a)


def _demands(method: Method | type[Method]) -> Demand:
    cls = method if isinstance(method, type) else type(method)
    return demands_on(cls.__name__)
