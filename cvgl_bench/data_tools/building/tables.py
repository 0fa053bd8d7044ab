"""CSV files of images and photos, checked row by row."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cvgl_bench.foundation.errors import DataError, OptionError, in_one_line, suggest

COORDINATES = ("lat_deg", "lon_deg")
DELIMITERS = ",;\t"
"""The first is that of a CSV; spreadsheets write the others too, the semicolon where the comma is decimal."""
DRIVE = re.compile(r"[A-Za-z]:")


def column_names(assignments: Sequence[str]) -> dict[str, str]:
    """Return {our name: the file's name} of 'ours=theirs' texts."""
    names = {}
    for text in assignments:
        ours, separator, theirs = text.partition("=")
        if not separator or not ours or not theirs:
            raise OptionError(f"--columns '{text}' is not of the form image=ortho.")
        names[ours.strip()] = theirs.strip()
    return names


class CsvRow:
    """A row of a CSV; its methods name file, line and column in their errors."""

    def __init__(
        self,
        path: Path,
        line: int,
        values: Mapping[str, str],
        names: Mapping[str, str],
        *,
        decimal: str = ".",
    ) -> None:
        self._path, self.line = path, line
        self._values, self._names, self._decimal = values, names, decimal

    def text(self, column: str) -> str:
        """Return a cell without the spaces around it; '' where the column does not exist."""
        return (self._values.get(self._names.get(column, column)) or "").strip()

    def number(self, column: str, default: float | None = None) -> float | None:
        """Return a cell as a number, or `default` where it is empty."""
        text = self.text(column)
        if not text:
            return default
        try:
            value = float(text.replace(self._decimal, "."))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{column} is '{text}', which is not a number")
        return value

    def position(self) -> tuple[float, float]:
        """Return latitude and longitude in degrees."""
        lat, lon = (self.number(column) for column in COORDINATES)
        if lat is None or lon is None:
            raise self.error(f"{'lat_deg' if lat is None else 'lon_deg'} is empty")
        reason = position_fault(lat, lon)
        if reason:
            raise self.error(reason)
        return lat, lon

    def file_name(self, column: str) -> str:
        """Return a cell that names a file: relative, and not above its folder; separators become slashes."""
        text = self.text(column)
        if not text:
            raise self.error(f"{column} is empty")
        path = Path(text.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or DRIVE.match(text) or "\0" in text:
            raise self.error(f"{column} '{text}' leads out of its folder")
        return path.as_posix()

    def error(self, reason: str) -> DataError:
        """Return an error about this row."""
        return DataError(f"{self._path}, line {self.line}: {in_one_line(reason)}.")


def position_fault(lat: float, lon: float) -> str | None:
    """Return what is wrong with coordinates in degrees, or None."""
    if abs(lat) <= 90 and abs(lon) <= 180:
        return None
    swapped = " Are latitude and longitude swapped?" if abs(lon) <= 90 and abs(lat) <= 180 else ""
    return f"latitude {lat:g}, longitude {lon:g} is no place on the Earth.{swapped}".rstrip(".")


def read_rows(path: Path, names: Mapping[str, str], *, required: Sequence[str]) -> Iterator[CsvRow]:
    """Yield the rows of a CSV with a header, those left out that hold nothing but separators.

    DataError names a missing column and the likeliest one, a column that is there twice, and a row with
    more cells than there are columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter)
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            _require(path, header, [names.get(column, column) for column in required])
            decimal = "." if delimiter == DELIMITERS[0] else ","
            for values in reader:
                more = "".join(values.pop(None, [])).strip()
                if not more and not any((cell or "").strip() for cell in values.values()):
                    continue
                row = CsvRow(path, reader.line_num, values, names, decimal=decimal)
                if more:
                    raise row.error(
                        f"it has more cells than the {len(header)} columns of the header: '{more}'"
                    )
                yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def _delimiter(header: str) -> str:
    """Return what separates the columns of a header; what occurs most often, first of all the comma."""
    return max(DELIMITERS, key=header.count)


def _require(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    for column in header:
        if column and header.count(column) > 1:
            raise DataError(
                f"{path} has {header.count(column)} columns called '{column}'; leave one of them."
            )
    for column in required:
        if column not in header:
            raise DataError(
                f"{path} has no column '{column}'.{suggest(column, header)} It has: "
                f"{', '.join(header) or 'none'}. Name it by --columns {column}=THEIRS."
            )
