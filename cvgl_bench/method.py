"""The contract of a method: three functions to be ranked, three more to be trained.

A method stores its options and does nothing else in its constructor. The harness owns the loop, the
device, mixed precision, the batches and the ranking; a method never sees a device string.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from cvgl_bench.foundation.errors import EmbeddingError

if TYPE_CHECKING:
    from importlib.abc import Traversable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

View = Literal["query", "reference"]

PAIR_TENSORS = (
    "pair.row",
    "pair.reference_row",
    "pair.covers",
    "pair.position",
    "pair.m_per_px",
    "pair.heading_deg",
)
"""What every batch says of its pairs beside a method's own tensors, after the fields of `Pair`.

int64 (B,), (B,) and (B, K), padded with -1; float32 (B, 2), (x, y) as fractions of the stored reference,
(B,) and (B,).
"""


@dataclass(frozen=True)
class NoOptions:
    """For a method with nothing to set."""


@dataclass(frozen=True)
class Pair:
    """One training example: a query and the reference that holds it.

    query, reference: uint8 (H, W, 3) RGB arrays as stored on disk, or with `decode=scaled` no larger than
        `Method.least_size` asks for.
    position_px: (x, y) of the query in the reference, in the pixels of `reference`.
    row: of the query among the training queries. reference_row: of the reference among the references.
    covers: rows of further references that hold the query too, and would be false negatives.
    city: of the query. m_per_px: ground metres per pixel of `reference`.
    heading_deg: where the query's middle column looks, clockwise from north; 0 as data sets store it.
    """

    query: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    position_px: tuple[float, float]
    row: int = 0
    reference_row: int = 0
    covers: tuple[int, ...] = ()
    city: str = ""
    m_per_px: float = math.nan
    heading_deg: float = 0.0


@dataclass(frozen=True)
class Context:
    """Where in training a step is: `step` of `steps` in all, in `epoch` of `epochs`, both from 0."""

    step: int
    steps: int
    epoch: int
    epochs: int


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters of a network with a learning rate and a weight decay of their own, or that stand still.

    rate_factor: on the run's learning rate, whatever its schedule says. weight_decay: None is the run's.
    frozen: nothing trains them. A layer that keeps running statistics updates them all the same in
    training mode; where that is not wanted, the network's `train` leaves it in evaluation mode.
    """

    name: str
    parameters: Iterable[nn.Parameter]
    rate_factor: float = 1.0
    weight_decay: float | None = None
    frozen: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))


class Method(ABC):
    """Embeds queries and references so that those of one place score highest by dot product."""

    name: ClassVar[str]
    """What `--method` takes."""
    title: ClassVar[str]
    """What tables print, with the publication: 'Sample4Geo (ICCV 2023)'."""
    Options: ClassVar[type] = NoOptions
    """A frozen dataclass of `options.option` fields."""
    recipes: ClassVar[Traversable | None] = None
    """A folder with recipes `<dataset>-<split>.yaml`, `<dataset>.yaml` or `default.yaml`.

    `published-<dataset>.yaml` or `published.yaml` holds what `run --published` sets on top of those: the
    behaviour of the published code where the method does otherwise.
    """
    needs_images: ClassVar[bool] = True
    """False where embeddings do not depend on pixels; no image file is opened then."""

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the network on the CPU; its state dict is the checkpoint.

        Random initial values come from torch's global generator, which the harness has seeded.
        """

    def prepare(self, image: NDArray[np.uint8], view: View) -> Tensor:
        """Turn one RGB image (H, W, 3) into the network's input; called in worker processes.

        All images of one view must give tensors of one shape and dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} needs images but does not define prepare().")

    def least_size(self, view: View) -> tuple[int, int] | None:
        """Return (height, width) at which images of a view suffice; None, the default, for as stored.

        Where a run says `decode=scaled` images come at the smallest eighth of their size that leaves no side
        shorter, to `prepare`, `prepare_pair` and `locate` alike; their aspect stays.
        """
        return None

    @abstractmethod
    def embed(self, network: nn.Module, images: Tensor, view: View) -> Tensor:
        """Return embeddings (B, D) of a batch; the harness normalises them to unit length in float32.

        images: the stacked results of `prepare`, or an empty (B, 0) tensor where `needs_images` is False.
        """

    def load_checkpoint(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Translate a foreign state dict (published weights) into the network's own keys.

        The default returns `state` unchanged; loading is strict in any case.
        """
        return state


class PairMethod(Method):
    """Scores pairs of a query and a reference instead of embedding each of them.

    It re-orders the best references of any other method (`evaluation.rerank`), or ranks a small gallery
    alone, by all of its pairs.
    """

    @abstractmethod
    def rerank(self, network: nn.Module, queries: Tensor, references: Tensor, width_m: Tensor) -> Tensor:
        """Return scores (Q, K) of every query with every reference, finite; the higher the better.

        A score belongs to its pair alone: two equal references get equal scores, whatever stands beside
        them. Round off what arithmetic leaves open, or ties are broken by chance.

        queries, references: the stacked results of `prepare`, (Q, ...) and (K, ...). width_m: float32 (K,),
        metres of ground between the left and the right border of each reference, NaN where unknown.
        """

    def embed(self, network: nn.Module, images: Tensor, view: View) -> Tensor:
        """Raise EmbeddingError: there is nothing to compare by dot product."""
        raise EmbeddingError(f"'{self.name}' scores pairs of images and gives no embedding of one.")


class TrainableMethod(Method):
    """A method that the training loop can train.

    What belongs to a pair is kept apart from what belongs to a batch, so that a batch may be larger than
    what fits in memory at once: the loop calls `represent` for parts of it and `criterion` for the whole.
    """

    @abstractmethod
    def prepare_pair(self, pair: Pair, generator: np.random.Generator) -> dict[str, Tensor]:
        """Turn one training example into named tensors, augmented with `generator`; run in workers.

        The harness stacks them over the batch, adds what `PAIR_TENSORS` names, and moves all to the device.
        """

    @abstractmethod
    def represent(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what `criterion` needs of some pairs of a batch: named tensors, one row a pair.

        Embeddings, those of further views, terms that belong to one pair alone, and tensors of `batch`
        handed on. batch: the stacked results of `prepare_pair`.
        """

    @abstractmethod
    def criterion(
        self, network: nn.Module, outputs: dict[str, Tensor], context: Context
    ) -> dict[str, Tensor]:
        """Return named scalar loss terms; the loop minimises their sum and logs each of them.

        outputs: what `represent` gave for the pairs of the whole batch, in order. Parameters of the network
        may be used (a temperature), its layers are for `represent`.
        """


@runtime_checkable
class Locates(Protocol):
    """What a method adds that also answers where in a reference a query lies."""

    name: ClassVar[str]

    @property
    def can_locate(self) -> bool:
        """Whether the ability is on under the method's options."""

    def prepare(self, image: NDArray[np.uint8], view: View) -> Tensor:
        """As `Method.prepare`."""

    def least_size(self, view: View) -> tuple[int, int] | None:
        """As `Method.least_size`."""

    def locate(self, network: nn.Module, queries: Tensor, references: Tensor) -> Tensor:
        """Return (B, 2) positions (x, y) of queries in references as fractions of width and height.

        (0, 0) is the reference's top-left corner, (0.5, 0.5) its centre, whatever the image's size.

        queries, references: the stacked results of `prepare`, paired row by row.
        """


@runtime_checkable
class GroupsParameters(Protocol):
    """What a method adds that trains parts of its network at different rates, or not at all."""

    name: ClassVar[str]

    def parameter_groups(self, network: nn.Module) -> Sequence[ParameterGroup]:
        """Return groups of parameters of `network`, no parameter in two; those left out are trained as usual.

        Called once, before the first step, on what `build` returned.
        """


@runtime_checkable
class ActsAfterSteps(Protocol):
    """What a method adds that changes its network after each step: a teacher, a queue, a memory bank."""

    name: ClassVar[str]

    def after_step(self, network: nn.Module, outputs: dict[str, Tensor], context: Context) -> None:
        """Change buffers, or parameters that nothing trains, in place; called without gradients.

        What it keeps belongs into the network, whose state dict is saved: only then does an interrupted
        run go on as if it had not been. Called once a step, where half precision skipped its update too.

        outputs: what `criterion` was given, of the whole batch. context: of the step that was taken.
        """
