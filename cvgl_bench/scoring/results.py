"""The record of a result: what was measured, by what, on what, with which options.

Validated on reading, since results come from other people. Files of every past schema version must
load: a field added later has a default, and tests/golden holds one file of each version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from cvgl_bench.foundation.errors import ResultError, in_one_line
from cvgl_bench.foundation.registry import NAME
from cvgl_bench.foundation.whole_files import write_text
from cvgl_bench.scoring.plausible import implausible, is_too_deep

SCHEMA_VERSION = 1

RESULT = "result.json"
"""What a run folder calls its record."""

TOLERANCE = 1e-9
"""Room for another order of summation where figures are computed anew; a query more or less is 1e-6."""

MetricId = str
FileName = Annotated[str, Field(pattern=f"^{NAME.pattern}$", max_length=150)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Record):
    """A metric's value with its 95 % interval over `count` queries; None where it is undefined.

    standard_error, degrees, clusters: of the value, of freedom in it, and of queries that are not
        independent; None in records of version 0.1.
    widened, cut_off_m: by which factor dependence between tiles raised the variance, and up to which
        distance; None where none was found.
    """

    value: Finite | None
    low: Finite | None = None
    high: Finite | None = None
    count: int = Field(ge=0)
    standard_error: Finite | None = Field(default=None, ge=0)
    degrees: Finite | None = Field(default=None, gt=0)
    clusters: int | None = Field(default=None, ge=1)
    widened: Finite | None = Field(default=None, ge=1)
    cut_off_m: Finite | None = Field(default=None, gt=0)

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out later fields that are None: a record holds hundreds of estimates."""
        return {k: v for k, v in dump(self).items() if v is not None or k in ("value", "low", "high")}


Estimates = dict[MetricId, Estimate]


class Metrics(_Record):
    """Metrics over all queries and by stratum; a decentrality bin is named by its edges, '0.2-0.4'.

    by_border: by metres to the nearest border of the query's tile, '0-5' and so on.
    intervals: how they were made, by redrawing tiles (version 0.1) or from variances that follow the range
        of dependence between tiles.
    """

    overall: Estimates
    by_decentrality: dict[str, Estimates] = {}
    by_border: dict[str, Estimates] = {}
    by_city: dict[str, Estimates] = {}
    by_city_and_decentrality: dict[str, dict[str, Estimates]] = {}
    intervals: Literal["bootstrap", "spatial"] = "bootstrap"


class TaskRecord(_Record):
    """What was tested."""

    dataset: FileName
    split: FileName
    cities: list[str]
    partial: bool = False
    label_edition: str = ""
    variant: str = "none"
    query_count: int | None = Field(default=None, ge=1)
    reference_count: int | None = Field(default=None, ge=1)
    fingerprint: str = ""
    train_fingerprint: str = ""


class MethodRecord(_Record):
    """Who was tested: the method and the distribution that offers it."""

    name: str
    title: str
    distribution: str = ""
    version: str = ""


class Selection(_Record):
    """How the reported epoch was chosen; on the test split only if the run said so.

    city: the training city that was left out to choose it, where one was.
    """

    rule: Literal["last", "validation", "validation-city", "test", "none"]
    epoch: int | None = None
    city: str | None = None


Share = Annotated[float, Field(ge=0, le=1)]


class RerankingRecord(_Record):
    """Who re-ordered the best `top` references of each query, and what came of it.

    recall_before, recall_after: recall@1 of the first ranking and of the second. recall_of_top: recall@top,
        which the second recall@1 cannot exceed. recovered: how much of the way there was made, negative
        where queries were lost on balance; None where there was no way to make.
    gained, lost: queries whose truth came to the first place, and left it.
    """

    method: MethodRecord
    options: dict[str, Any] = {}
    top: int = Field(ge=2)
    recall_before: Share
    recall_after: Share
    recall_of_top: Share
    recovered: Annotated[float, Field(allow_inf_nan=False, le=1)] | None
    gained: int = Field(ge=0)
    lost: int = Field(ge=0)
    ms_per_query: Annotated[float, Field(allow_inf_nan=False, ge=0)]


class Result(_Record):
    """One row of a leaderboard, with its provenance."""

    schema_version: int = SCHEMA_VERSION
    id: FileName
    origin: Literal["measured", "published", "embeddings"]
    created: str
    task: TaskRecord
    method: MethodRecord
    metrics: Metrics
    units: dict[MetricId, str] = {}
    """Unit of each metric, as `Metric.unit`: tables are built without the plugin that offers it."""
    selection: Selection | None = None
    reranking: RerankingRecord | None = None
    options: dict[str, Any] = {}
    summary: dict[str, float | None] = {}
    versions: dict[str, str] = {}
    commit: str | None = None
    checkpoint_sha256: str | None = None
    environment: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    source: str | None = None
    """For published rows: where the numbers were printed."""


def read_result(path: Path) -> Result:
    """Read a result file, or that of a run folder, of any schema version.

    Raises ResultError naming the file and the field.
    """
    path = path / RESULT if path.is_dir() else path
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        # A JSON text may spell halves of characters, which no page could be written with.
        json.dumps(data, ensure_ascii=False).encode()
    except (OSError, ValueError) as error:
        raise ResultError(f"{path} cannot be read as a result: {in_one_line(error)}.") from None
    except RecursionError:
        raise ResultError(
            f"{path} cannot be read as a result: its values lie too deep in one another."
        ) from None
    return parse_result(data, str(path))


def parse_result(data: Any, where: str) -> Result:
    """Validate a result of any schema version; `where` names it in the error."""
    version = data.get("schema_version") if isinstance(data, dict) else None
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise ResultError(
            f"{where} has schema version {version!r}; this cvgl-bench reads 1 to {SCHEMA_VERSION}. "
            "Update cvgl-bench if the file is newer."
        )
    if is_too_deep(data):
        raise ResultError(f"{where} is not a valid result: its values lie too deep in one another.")
    try:
        result = Result.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ResultError(f"{where} is not a valid result: {field}: {first['msg'].lower()}.") from None
    reason = implausible(result.model_dump())
    if reason:
        raise ResultError(f"{where} is not a valid result: {reason}.")
    return result


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number that JSON knows")


def write_result(result: Result, path: Path) -> None:
    """Write a result whole or not at all; an existing file, or a value JSON cannot hold, is refused."""
    try:
        text = json.dumps(result.model_dump(mode="json"), indent=2, sort_keys=True, allow_nan=False)
    except ValueError as error:
        raise ResultError(f"{path} cannot be written: the result holds a value that is {error}.") from None
    write_text(path, text + "\n", exclusive=True, error=ResultError)
