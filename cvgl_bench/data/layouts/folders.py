"""Where a tiled data set keeps its images and labels.

Images: `<root>/<City>/{panorama,satellite}/` or `<root>/{ground,satellite}/<City>/`. Labels: in
`<root>/<splits...>/<City>/`, or directly in `<root>/<City>/`; file names may end in `__corrected`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.foundation.errors import DataError

TILE_LIST = "satellite_list"
ALL_LABELS = "pano_label_balanced"
CORRECTED = "__corrected"
CORRECTED_EDITION = "corrected"
PREFERRED_FOLDERS = ("splits__corrected", "splits_corrected", "splits_new", "splits", "")
"""Looked into in this order; the empty one is the root itself, with a folder a city."""


def image_folders(root: Path, city: str) -> tuple[str, str]:
    """Return the folders of a city's queries and references, relative to `root`."""
    if (root / "ground").is_dir():
        return f"ground/{city}", f"satellite/{city}"
    return f"{city}/panorama", f"{city}/satellite"


@dataclass(frozen=True)
class LabelFolder:
    """A folder of label files that all end in `suffix`."""

    root: Path
    name: str
    suffix: str

    @property
    def claims(self) -> bool:
        """Whether a name says that these are corrected labels."""
        return bool(self.suffix) or CORRECTED_EDITION in self.name

    def tile_list(self, city: str) -> Path:
        """Return the city's tile list; where this folder has none, another folder's."""
        for name in (self.name, *PREFERRED_FOLDERS):
            path = self.root / name / city / f"{TILE_LIST}.txt"
            if path.is_file():
                return path
        raise DataError(f"{self.root / self.name / city}/{TILE_LIST}.txt does not exist; it lists the tiles.")

    def label_files(self, city: str, part: str, *, same_area: bool) -> list[Path]:
        """Return the files with the labels of a city's part; across areas that is the whole city."""
        if same_area:
            return [self._file(city, f"same_area_balanced_{part}")]
        whole = self._file(city, ALL_LABELS)
        if whole.is_file():
            return [whole]
        return [self._file(city, f"same_area_balanced_{half}") for half in ("train", "test")]

    def has(self, cities: Sequence[str], *, same_area: bool) -> bool:
        """Whether every label file of `cities` is here."""
        return not self.missing(cities, same_area=same_area)

    def missing(self, cities: Sequence[str], *, same_area: bool) -> list[Path]:
        """Return the label files of `cities` that are not here."""
        files = {
            f
            for city in cities
            for part in ("train", "test")
            for f in self.label_files(city, part, same_area=same_area)
        }
        return sorted(file for file in files if not file.is_file())

    def notes(self, edition: str, others: Sequence[LabelFolder]) -> list[str]:
        """Return what a person should know about the choice of this folder."""
        notes = []
        if self.claims and edition == "original":
            notes.append(
                f"the labels in {self} are called corrected, but by their geometry they are {edition}"
            )
        if others:
            notes.append(f"labels read from {self}; there are others in {', '.join(map(str, others))}")
        return notes

    def _file(self, city: str, stem: str) -> Path:
        return self.root / self.name / city / f"{stem}{self.suffix}.txt"

    def __str__(self) -> str:
        return f"{self.name or '.'}/<City>/*{self.suffix}.txt"


def label_folders(
    dataset: Dataset, root: Path, cities: Sequence[str], *, same_area: bool, edition: str | None
) -> tuple[LabelFolder, list[LabelFolder]]:
    """Return the folder to read labels from, and the others that would do.

    Corrected labels come first, unless another `edition` is asked for. DataError says what is missing.
    """
    candidates = [LabelFolder(root, name, suffix) for name in PREFERRED_FOLDERS for suffix in (CORRECTED, "")]
    complete = [folder for folder in candidates if folder.has(cities, same_area=same_area)]
    if not complete:
        raise DataError(_nothing_found(dataset, root, candidates, cities, same_area))
    wants_corrected = edition in (None, CORRECTED_EDITION)
    complete.sort(key=lambda folder: folder.claims != wants_corrected)
    return complete[0], complete[1:]


def _nothing_found(
    dataset: Dataset, root: Path, candidates: list[LabelFolder], cities: Sequence[str], same_area: bool
) -> str:
    best = min(candidates, key=lambda folder: len(folder.missing(cities, same_area=same_area)))
    missing = best.missing(cities, same_area=same_area)
    example = LabelFolder(root, PREFERRED_FOLDERS[2], "").label_files(cities[0], "train", same_area=True)[0]
    everything = {
        f
        for city in cities
        for part in ("train", "test")
        for f in best.label_files(city, part, same_area=same_area)
    }
    if len(missing) < len(everything):
        return f"{missing[0]} does not exist; {len(missing)} of {len(everything)} label files are missing."
    return (
        f"{root} holds no labels of {dataset.name} for {', '.join(cities)}: expected are files such as "
        f"{example}. {dataset.access}"
    )
