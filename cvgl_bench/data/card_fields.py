"""What the fields of a card may hold; checked however a card is made."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from cvgl_bench.foundation.errors import DataError

if TYPE_CHECKING:
    from pydantic import BaseModel

DEFAULT_DECENTRALITY_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def checked_fields(values: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a card's fields in their types; DataError names `where`, the field and the reason."""
    from pydantic import ValidationError

    try:
        model: Any = _model().model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(f"{where}: {field}: {first['msg'].lower()}.") from None
    fields = {**model.model_dump(exclude={"tile"}), "tile": model.tile.model_dump(exclude_none=True)}
    reason = _contradiction(fields)
    if reason:
        raise DataError(f"{where}: {reason}.")
    return fields


@cache
def _model() -> type[BaseModel]:
    # Importing pydantic takes a tenth of a second, which `--help` would pay for nothing.
    from pydantic import BaseModel, ConfigDict, Field, create_model

    strict = ConfigDict(extra="forbid", allow_inf_nan=False)
    name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    card_name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(@[0-9]+)?$")]
    part = Annotated[tuple[str, ...], Field(min_length=1)]

    class Parts(BaseModel):
        model_config = strict
        train: part
        test: part

    tile, panorama = _image_models()
    return create_model(
        "card",
        __config__=strict,
        name=(card_name, ...),
        title=(str, ...),
        layout=(str, ...),
        cities=(Annotated[tuple[name, ...], Field(min_length=1)], ...),
        splits=(Annotated[dict[name, Parts], Field(min_length=1)], ...),
        tile=(tile, ...),
        panorama=(panorama, panorama()),
        label_editions=(tuple[str, ...], ()),
        decentrality_edges=(tuple[float, ...], DEFAULT_DECENTRALITY_EDGES),
        counts=(dict[str, int | dict[str, int]], {}),
        licence=(str, ""),
        citation=(str, ""),
        homepage=(str, ""),
        access=(str, ""),
        folder=(str, ""),
        generated=(str | None, None),
        fetch=(dict[str, Any], {}),
    )


def _image_models() -> tuple[type[BaseModel], type[BaseModel]]:
    from pydantic import ConfigDict, Field, create_model

    strict = ConfigDict(extra="forbid", allow_inf_nan=False)
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


def _contradiction(card: dict[str, Any]) -> str | None:
    for name, parts in card["splits"].items():
        for part, cities in parts.items():
            strange = [city for city in cities if city not in card["cities"]]
            if strange:
                return f"splits.{name}.{part}: '{strange[0]}' is not one of the card's cities"
        train, test = set(parts["train"]), set(parts["test"])
        if train & test and train != test:
            return f"splits.{name}: train and test must name the same cities or share none"
    edges = card["decentrality_edges"]
    if len(edges) < 2 or list(edges) != sorted(set(edges)):
        return "decentrality_edges: give at least two numbers, increasing"
    return _scale_contradiction(card)


def _scale_contradiction(card: dict[str, Any]) -> str | None:
    """Say what is wrong with the scale of the tiles; whether there must be one is for the layout to say."""
    if "zoom" in card["tile"] and "m_per_px" in card["tile"]:
        return "tile: give either zoom (Web-Mercator) or m_per_px"
    scale = card["tile"].get("m_per_px")
    editions = card["label_editions"]
    if len(editions) > 1:
        if not isinstance(scale, dict) or set(scale) != set(editions):
            return "tile.m_per_px: give one entry for each of label_editions"
        scales = scale
    else:
        scales = {"": scale}
    for edition, value in scales.items():
        if isinstance(value, dict) and set(value) != set(card["cities"]):
            where = f"tile.m_per_px.{edition}".rstrip(".")
            return f"{where}: give one number, or one for each city"
    return None
