"""A split as CSV files, in the row order that embeddings made elsewhere must follow."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cvgl_bench.data.splits import Split
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.whole_files import written_whole

REFERENCES = "references.csv"
QUERIES = "queries.csv"
REFERENCE_EXPORT = ("name", "path", "city", "lat", "lon", "height_px", "width_px", "m_per_px")
QUERY_EXPORT = ("name", "path", "city", "lat", "lon")


def export(split: Split, folder: Path) -> list[Path]:
    """Write `references.csv` and `queries.csv`; row n of each is row n of the embeddings.

    Queries carry the row of their positive (`truth`), of their covers (`cover_1` ..., empty where there
    is none) and further true references (`also_true_1` ...), their position in the positive (`x_px`,
    `y_px`), decentrality and metres to the nearest border (`border_m`). Existing files are refused, and
    a file is written whole or not at all.
    """
    queries = split.queries[list(QUERY_EXPORT)].assign(truth=split.truth)
    for name, columns in (("cover", split.covers.T), ("also_true", split.also_true.T)):
        for number, rows in enumerate(columns, 1):
            queries[f"{name}_{number}"] = pd.array(rows, "Int64")
            queries.loc[rows < 0, f"{name}_{number}"] = pd.NA
    queries["x_px"], queries["y_px"] = split.position_px.T
    queries["decentrality"] = split.decentrality
    queries["border_m"] = split.border_m
    tables = {folder / REFERENCES: split.references[list(REFERENCE_EXPORT)], folder / QUERIES: queries}
    for path in tables:
        if path.exists():
            raise DataError(f"{path} exists and is never overwritten; choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, table in tables.items():
        with written_whole(path, exclusive=True) as temporary:
            table.rename_axis("row").to_csv(temporary)
    return list(tables)
