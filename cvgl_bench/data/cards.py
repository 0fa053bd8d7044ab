"""Data-set cards: YAML files that say everything about a data set that is not on the user's disk."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml

import cvgl_bench
from cvgl_bench.data.dataset import DEFAULT_DECENTRALITY_EDGES, Dataset
from cvgl_bench.data.layouts import LAYOUTS
from cvgl_bench.foundation.errors import DataError, UnknownNameError, in_one_line

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cvgl_bench.foundation.registry import Registry


def cards_folder() -> Path:
    """Return the folder of the built-in cards: inside the installed package, or beside it in a checkout."""
    package = Path(cvgl_bench.__file__).parent
    installed = package / "datasets"
    return installed if installed.is_dir() else package.parent / "datasets"


def builtin_cards() -> list[Dataset]:
    """Return the cards that come with cvgl-bench, in order of their names."""
    return [read_card(path) for path in sorted(cards_folder().glob("*.yaml"))]


def find_dataset(name_or_path: str, datasets: Registry[Dataset]) -> Dataset:
    """Return the data set of that name, or of that card file."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise UnknownNameError(f"There is no card {path}. Give the name of a data set, or a card's path.")
        return read_card(path)
    return datasets[name_or_path]


def read_card(path: Path | str) -> Dataset:
    """Read and check a card; DataError names the file and the field."""
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"Card {path} cannot be read: {in_one_line(error)}.") from None
    if not isinstance(values, dict):
        raise DataError(f"Card {path} is not a YAML mapping of field to value.")
    card = Dataset(**_validated(path, values))
    reason = _contradiction(card)
    if reason:
        raise DataError(f"Card {path}: {reason}.")
    return card


def _validated(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    try:
        checked: Any = _model().model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(f"Card {path}: {field}: {first['msg'].lower()}.") from None
    return {**checked.model_dump(exclude={"tile"}), "tile": checked.tile.model_dump(exclude_none=True)}


@cache
def _model() -> type[BaseModel]:
    # Importing pydantic takes a tenth of a second, which `--help` would pay for nothing.
    from pydantic import ConfigDict, Field, create_model

    strict = ConfigDict(extra="forbid")
    name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    part = Annotated[tuple[str, ...], Field(min_length=1)]
    split = create_model("split", __config__=strict, train=(part, ...), test=(part, ...))
    tile, panorama = _image_models()
    return create_model(
        "card",
        __config__=strict,
        name=(name, ...),
        title=(str, ...),
        layout=(str, ...),
        cities=(Annotated[tuple[name, ...], Field(min_length=1)], ...),
        splits=(Annotated[dict[name, split], Field(min_length=1)], ...),
        tile=(tile, ...),
        panorama=(panorama, panorama()),
        label_editions=(tuple[str, ...], ()),
        decentrality_edges=(tuple[float, ...], DEFAULT_DECENTRALITY_EDGES),
        counts=(dict[str, int | dict[str, int]], {}),
        licence=(str, ""),
        citation=(str, ""),
        homepage=(str, ""),
        access=(str, ""),
        generated=(str | None, None),
        fetch=(dict[str, Any], {}),
    )


def _image_models() -> tuple[type[BaseModel], type[BaseModel]]:
    from pydantic import ConfigDict, Field, create_model

    strict = ConfigDict(extra="forbid")
    size = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
    positive = Annotated[float, Field(gt=0)]
    # A whole zoom stays one: tile services have no others.
    zoom = Annotated[int, Field(gt=0)] | positive
    scale = positive | dict[str, positive] | dict[str, positive | dict[str, positive]]
    tile = create_model(
        "tile",
        __config__=strict,
        size_px=(size, ...),
        zoom=(zoom | None, None),
        m_per_px=(scale | None, None),
    )
    panorama = create_model(
        "panorama",
        __config__=strict,
        size_px=(size | None, None),
        horizontal_deg=(Annotated[float, Field(gt=0, le=360)], 360.0),
        vertical_deg=(Annotated[float, Field(gt=0, le=180)], 180.0),
    )
    return tile, panorama


def _contradiction(card: Dataset) -> str | None:
    if card.layout not in LAYOUTS:
        return f"layout: '{card.layout}' is not one of {', '.join(LAYOUTS)}"
    for name, parts in card.splits.items():
        for part, cities in parts.items():
            strange = [city for city in cities if city not in card.cities]
            if strange:
                return f"splits.{name}.{part}: '{strange[0]}' is not one of the card's cities"
        train, test = set(parts["train"]), set(parts["test"])
        if train & test and train != test:
            return f"splits.{name}: train and test must name the same cities or share none"
    edges = card.decentrality_edges
    if len(edges) < 2 or list(edges) != sorted(set(edges)):
        return "decentrality_edges: give at least two numbers, increasing"
    return _scale_contradiction(card)


def _scale_contradiction(card: Dataset) -> str | None:
    if ("zoom" in card.tile) == ("m_per_px" in card.tile):
        return "tile: give either zoom (Web-Mercator) or m_per_px"
    scale = card.tile.get("m_per_px")
    if len(card.label_editions) > 1:
        if not isinstance(scale, dict) or set(scale) != set(card.label_editions):
            return "tile.m_per_px: give one entry for each of label_editions"
        scales = scale
    else:
        scales = {"": scale}
    for edition, value in scales.items():
        if isinstance(value, dict) and set(value) != set(card.cities):
            where = f"tile.m_per_px.{edition}".rstrip(".")
            return f"{where}: give one number, or one for each city"
    return None
