"""Queries, and which part of their city's labels they belong to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cvgl_bench.data_tools.building.blocks import split_blocks
from cvgl_bench.data_tools.building.labels import Label
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photos import Photo
from cvgl_bench.foundation.errors import DataError, UsageError

Part = Literal["train", "test", "whole", "left_out"]
"""`whole` where no city is split: then every query is one side of a cross-area split."""


@dataclass(frozen=True)
class Query:
    """A photo that has a label, its city, and its file's name."""

    photo: Photo
    label: Label
    city: str
    name: str
    part: Part = "left_out"

    @property
    def path(self) -> str:
        """Where its file is, relative to the data set's folder."""
        return f"{self.city}/panorama/{self.name}"


def assign_parts(queries: Sequence[Query], cities: Sequence[str], *, options: BuildOptions) -> list[Query]:
    """Return the queries with their parts, city by city.

    Where `options.test_cities` asks for a cross-area split, a city that is too small to be split makes
    the whole data set cross-area only; otherwise it raises DataError.
    """
    strange = set(options.test_cities) - set(cities)
    if strange or set(options.test_cities) == set(cities):
        raise UsageError(
            f"--test-cities {','.join(options.test_cities)}: give some, but not all, of the cities with "
            f"queries, which are {', '.join(cities)}."
        )
    generator = np.random.default_rng(options.seed)
    assigned: list[Query] = []
    for city in cities:
        own = [query for query in queries if query.city == city]
        try:
            assigned += _split(own, city, options, generator)
        except DataError:
            if not options.test_cities:
                raise
            return [dataclasses.replace(query, part="whole") for query in queries]
    return assigned


def _split(
    own: Sequence[Query], city: str, options: BuildOptions, generator: np.random.Generator
) -> list[Query]:
    positives = [query.label.positive for query in own]
    tiles = np.array([(tile.sheet, tile.row, tile.column) for tile in positives])
    train, test = split_blocks(
        np.array([query.photo.lat for query in own]),
        np.array([query.photo.lon for query in own]),
        tile=np.unique(tiles, axis=0, return_inverse=True)[1].reshape(-1),
        block_m=options.block_m,
        buffer_m=options.buffer_m,
        test_fraction=options.test_fraction,
        generator=generator,
        city=city,
    )
    parts: list[Part] = [
        "test" if t else "train" if r else "left_out" for t, r in zip(test, train, strict=True)
    ]
    return [dataclasses.replace(query, part=part) for query, part in zip(own, parts, strict=True)]
