"""Published figures: one YAML file a data set, every row with the place where it was printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cvgl_bench.foundation.errors import ResultError, in_one_line
from cvgl_bench.foundation.shipped import shipped_folder
from cvgl_bench.foundation.yaml_text import YamlError, read_yaml
from cvgl_bench.scoring.results import FileName

PublishedMetric = Literal["recall@1", "recall@5", "recall@10", "recall@1%", "hit_rate"]

COLUMNS: dict[PublishedMetric, str] = {
    "recall@1": "recall@1",
    "recall@5": "recall@5",
    "recall@10": "recall@10",
    "recall@1%": "recall@1 %, cut-off of the source",
    "hit_rate": "hit rate of the source",
}
"""Headings of published columns; the last two have several definitions, so they are not our metrics."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedRow(_Strict):
    """What one source prints for a method on a split, in per cent as printed."""

    method: str
    split: FileName
    source: str
    per_cent: dict[PublishedMetric, Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]]


class Published(_Strict):
    """The published figures of a data set; `sources` says where each abbreviation was printed."""

    dataset: FileName
    title: str
    sources: dict[str, str]
    rows: list[PublishedRow]
    note: str = ""

    @model_validator(mode="after")
    def _sources_are_listed(self) -> Published:
        for row in self.rows:
            if row.source not in self.sources:
                raise ValueError(f"the source '{row.source}' of {row.method} is not among `sources`")
        return self


def published_folder() -> Path:
    """Return the folder of the harness's own."""
    return shipped_folder("published", in_checkout="leaderboards/published")


def read_published(path: Path) -> Published:
    """Read one file of published figures, or raise ResultError naming the file and field."""
    try:
        return Published.model_validate(read_yaml(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise ResultError(f"{path} cannot be read as published figures: {in_one_line(error)}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ResultError(f"{path} does not hold published figures: {field}: {first['msg']}.") from None
