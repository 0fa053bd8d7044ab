"""Data-set cards: YAML files that say everything about a data set that is not on the user's disk."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cvgl_bench.data.card_fields import checked_fields
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.worlds import reseeded, seed_of
from cvgl_bench.foundation.errors import DataError, UnknownNameError, in_one_line
from cvgl_bench.foundation.registry import Registry
from cvgl_bench.foundation.shipped import shipped_folder
from cvgl_bench.foundation.yaml_text import YamlError, read_yaml


def cards_folder() -> Path:
    """Return the folder of the built-in cards."""
    return shipped_folder("datasets", in_checkout="datasets")


def builtin_cards() -> list[Dataset]:
    """Return the cards that come with cvgl-bench, in order of their names."""
    return list(_cards_of(cards_folder()))


@cache
def _cards_of(folder: Path) -> tuple[Dataset, ...]:
    return tuple(read_card(path) for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem))


def is_path(name_or_path: str) -> bool:
    """Return whether a data set is named by the path of its card."""
    return Path(name_or_path).suffix in (".yaml", ".yml")


def find_dataset(name_or_path: str, datasets: Registry[Dataset]) -> Dataset:
    """Return the data set of that name, or of that card file.

    `<name>@<seed>` is the generated world of another seed: new cities of the same kind and number.
    """
    if is_path(name_or_path):
        path = Path(name_or_path)
        if not path.is_file():
            raise UnknownNameError(f"There is no card {path}. Give the name of a data set, or a card's path.")
        return read_card(path)
    if name_or_path in datasets:
        return datasets[name_or_path]
    name, seed = seed_of(name_or_path)
    return reseeded(datasets[name], seed) if seed else datasets[name]


def read_card(path: Path | str) -> Dataset:
    """Read and check a card, its `folder` made absolute; DataError names the file and the field."""
    path = Path(path)
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise DataError(f"Card {path} cannot be read: {in_one_line(error)}.") from None
    if not isinstance(values, dict):
        raise DataError(f"Card {path} is not a YAML mapping of field to value.")
    fields = checked_fields(values, f"Card {path}")
    if fields["folder"]:
        fields["folder"] = str(path.parent.absolute() / fields["folder"])
    return Dataset(**fields)
