"""What a layout is: how a kind of data set lies on disk, and everything that follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.findings import Findings, Listed
from cvgl_bench.data.splits import Task
from cvgl_bench.foundation.errors import DataError, UnknownNameError
from cvgl_bench.foundation.registry import Registry

if TYPE_CHECKING:
    from cvgl_bench.method import View
    from cvgl_bench.views.images import Size


class Reader(Protocol):
    """Reads the training and test splits of a data set from its folder; no image is opened.

    cities: those that are wanted, in the card's order or not. label_edition: the one that is wanted, or
    None. Raises UsageError for a request that the data set cannot meet, DataError for files that cannot
    be used.
    """

    def __call__(
        self, dataset: Dataset, split: str, root: Path, *, cities: Sequence[str], label_edition: str | None
    ) -> Task:
        """Return the task; paths in its tables are relative to `root`."""


class Inspected(NamedTuple):
    """What a check of lists and labels came to: the image files by path, and the cities it could read."""

    files: dict[str, Listed]
    cities: tuple[str, ...]


class Check(Protocol):
    """Checks lists and labels of `cities` line by line, going on after a fault, for `dataset verify`."""

    def __call__(
        self,
        found: Findings,
        dataset: Dataset,
        root: Path,
        *,
        cities: Sequence[str],
        label_edition: str | None,
    ) -> Inspected:
        """Take problems down in `found` and return what the lists name."""


@dataclass(frozen=True)
class Wanted:
    """One image file of a data set.

    path: relative to the data set's folder, with forward slashes; its suffix says the format.
    lat, lon: degrees; of a reference the centre. size_px: height and width of the file.
    """

    path: str
    lat: float
    lon: float
    size_px: Size

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.rpartition("/")[2]


class Lists(Protocol):
    """Names the files of a view for `dataset fetch`, with one city's lists in memory at a time."""

    def __call__(
        self, dataset: Dataset, root: Path, *, view: View, cities: Sequence[str], label_edition: str | None
    ) -> Iterator[Wanted]:
        """Yield the files; DataError where the lists are missing or damaged."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a kind of data set lies on disk; a card names it, and a plugin may offer more of them.

    name: what a card's `layout` says. expected: what its folder holds, for messages: 'Expected is a
        folder with ...'.
    read: from card and folder to the splits of a task.
    check: what `dataset verify` does with lists and labels; None reads every split and checks what
        comes out.
    lists: what `dataset fetch` downloads; None where file names hold no coordinates to ask for.
    splits: the splits that it can read, where a card may name no others.
    coordinates: False where places have none; cards then state no scale.
    scaled: False where a card need not say what a pixel of its tiles measures.
    shares_images: whether one image may lie in several folders, as a query and as a reference.
    """

    name: str
    expected: str
    read: Reader
    check: Check | None = None
    lists: Lists | None = None
    splits: tuple[str, ...] = ()
    coordinates: bool = True
    scaled: bool = True
    shares_images: bool = False


def layout_of(dataset: Dataset, layouts: Registry[Layout]) -> Layout:
    """Return the layout that a card names; DataError where there is none, or the card does not fit it."""
    try:
        layout = layouts[dataset.layout]
    except UnknownNameError as error:
        raise DataError(f"Card '{dataset.name}': layout: {error}") from None
    fault = _misfit(dataset, layout)
    if fault:
        raise DataError(f"Card '{dataset.name}': {fault}.")
    return layout


def _misfit(dataset: Dataset, layout: Layout) -> str | None:
    strange = [name for name in dataset.splits if layout.splits and name not in layout.splits]
    if strange:
        return f"splits.{strange[0]}: layout '{layout.name}' has the splits {', '.join(layout.splits)}"
    has_scale = "zoom" in dataset.tile or "m_per_px" in dataset.tile
    if layout.coordinates and layout.scaled and not has_scale:
        return "tile: give either zoom (Web-Mercator) or m_per_px"
    if has_scale and not layout.coordinates:
        return f"tile: layout '{layout.name}' has no coordinates, so give neither zoom nor m_per_px"
    return None
