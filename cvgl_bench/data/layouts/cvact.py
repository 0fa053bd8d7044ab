"""Read CVACT: ids, positions and index sets in one MATLAB file, images named by id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.centred import Pairs, is_partial, present
from cvgl_bench.data.layouts.recognition import require_edition
from cvgl_bench.data.layouts.utm import from_utm
from cvgl_bench.data.splits import Task
from cvgl_bench.foundation.errors import DataError

INDEX = "ACT_data.mat"
CANBERRA_UTM_ZONE = 55

TEST_SETS = {
    "val": ("valSet", "ANU_data_small"),
    "test": ("valSetAll", "ANU_data_test"),
    "test-5m": ("valSetAll", "ANU_data_test"),
}
"""Split to the index set of its queries and the folder of their images."""

ACCEPTED_M = {"test-5m": 5.0}
"""Within this distance of the query any tile counts, by the test set's original protocol."""


def read_task(
    dataset: Dataset, split: str, root: Path, *, cities: Sequence[str], label_edition: str | None
) -> Task:
    """Read CVACT's training pairs and one of its test sets.

    Pairs of which an image is missing are left out and counted in the notes. In `test-5m` the
    tiles within 5 m of a query are its covers.
    """
    require_edition(dataset, label_edition)
    listed_train, listed_test = pairs_of(split, root)
    train, train_notes = present(listed_train, root, "train")
    test, test_notes = present(listed_test, root, "test")
    notes = [*train_notes, *test_notes]
    covers = None
    if split in ACCEPTED_M:
        covers = _near(test, ACCEPTED_M[split])
        notes.append(
            f"by the original protocol any tile within {ACCEPTED_M[split]:g} m is right; those are the "
            "covers, so that covered@1 is this protocol's recall at 1 and recall@1 that of the exact tile"
        )
    return Task(
        dataset=dataset,
        split=split,
        train=train.split("train", dataset, root),
        test=test.split("test", dataset, root, covers=covers),
        label_edition=dataset.label_editions[0] if dataset.label_editions else "",
        partial=is_partial(dataset, split, test),
        notes=tuple(notes),
    )


def pairs_of(split: str, root: Path) -> tuple[Pairs, Pairs]:
    """Return the training and test pairs of the index; images are not looked for."""
    index = _Index.read(root / INDEX)
    return index.pairs("trainSet", "ANU_data_small"), index.pairs(*TEST_SETS[split])


class _Index:
    """The contents of ACT_data.mat."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self.path = path
        self.values = values
        self.ids = [str(np.ravel(name)[0]) for name in np.ravel(self._value("panoIds"))]
        utm = np.asarray(self._value("utm"), np.float64)
        if utm.shape != (len(self.ids), 2) or not np.isfinite(utm).all():
            raise DataError(f"{path}: utm must hold two numbers for each of {len(self.ids)} panoramas.")
        # Which column is which is documented nowhere; in Canberra northings are ten times eastings.
        easting_m, northing_m = utm[:, np.argsort(np.median(utm, axis=0))].T
        self.lat, self.lon = from_utm(easting_m, northing_m, zone=CANBERRA_UTM_ZONE, southern=True)

    @classmethod
    def read(cls, path: Path) -> _Index:
        from scipy.io import loadmat

        try:
            return cls(path, loadmat(path))
        except (OSError, ValueError, TypeError, NotImplementedError) as error:
            raise DataError(f"{path} cannot be read as CVACT's index: {error}.") from None

    def pairs(self, name: str, folder: str) -> Pairs:
        """Return the pairs of an index set with their images in `folder`."""
        rows = self._rows(name)
        ids = pd.Series([self.ids[row] for row in rows], dtype="str")
        strange = ids.str.contains(r"[/\\]|^\.") | ids.duplicated()
        if strange.any():
            raise DataError(f"{self.path}: '{ids[strange].iloc[0]}' in {name} is no id, or occurs twice.")
        lat, lon = self.lat[rows], self.lon[rows]
        return Pairs(
            ids=ids,
            query_paths=f"{folder}/streetview/" + ids + "_grdView.jpg",
            reference_paths=f"{folder}/satview_polish/" + ids + "_satView_polish.jpg",
            lat=lat,
            lon=lon,
            query_lat=lat,
            query_lon=lon,
            source=f"{self.path}, {name}",
            line=(rows + 1).astype(np.int32),
        )

    def _rows(self, name: str) -> NDArray[np.int64]:
        value = np.asarray(self._value(name))
        if value.dtype.names:
            # A struct of the set's name and its indices, in this order.
            value = value.ravel()[0][1]
        rows = np.ravel(value).astype(np.int64) - 1
        if not len(rows) or rows.min() < 0 or rows.max() >= len(self.ids):
            raise DataError(f"{self.path}: {name} must hold indices from 1 to {len(self.ids)}.")
        return rows

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise DataError(f"{self.path} has no variable '{name}'.")
        return self.values[name]


def _near(pairs: Pairs, radius_m: float) -> NDArray[np.int64]:
    """Return (N, K) rows of the other tiles within `radius_m` of each query, padded with -1."""
    from scipy.spatial import cKDTree

    from cvgl_bench.foundation.geo import EARTH_RADIUS_M, unit_vectors

    # Chord and arc differ by less than a picometre over a few metres.
    tree = cKDTree(unit_vectors(pairs.lat, pairs.lon) * EARTH_RADIUS_M)
    close = tree.query_pairs(radius_m, output_type="ndarray")
    query, tile = np.concatenate([close, close[:, ::-1]]).T
    order = np.lexsort((tile, query))
    query, tile = query[order], tile[order]
    first = np.searchsorted(query, np.arange(len(pairs)))
    counts = np.bincount(query, minlength=len(pairs))
    covers = np.full((len(pairs), counts.max(initial=0)), -1, np.int64)
    covers[query, np.arange(len(query)) - first[query]] = tile
    return covers
