"""CV-Cities' headerless tables on two small cities."""

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cvgl_bench.cli import cli
from cvgl_bench.data import layouts
from cvgl_bench.data.cards import cards_folder, read_card
from cvgl_bench.data_tools.inspection import city_statistics, verify
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.testing import check_layout

KNOWN = load_plugins([]).layouts
PUBLISHED = read_card(cards_folder() / "cvcities.yaml")
SPLITS = {"cross": {"train": ["paris", "tokyo"], "test": ["rio"]}}
CARD = dataclasses.replace(
    PUBLISHED, cities=("paris", "rio", "tokyo"), splits=SPLITS, counts={"train": 4, "test": 2}
)


@pytest.fixture
def root(tmp_path):
    """Two pairs a city, named by tables with longitude first."""
    generator = np.random.default_rng(0)
    for city, (lat, lon) in {"paris": (48.0, 2.0), "rio": (-22.0, -43.0), "tokyo": (35.0, 139.0)}.items():
        lines = []
        for number in range(2):
            paths = [f"{city}/{folder}/{number}.png" for folder in ("sat_images", "pano_images")]
            for path in paths:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                pixels = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / path)
            lines.append(f"n{number},{lon + number / 100},{lat},{city},{','.join(paths)}\n")
        (tmp_path / city / "img_info.csv").write_text("".join(lines))
    return tmp_path


def test_the_card_counts_what_the_published_code_does():
    assert sum(PUBLISHED.counts.values()) == 223_736 and len(PUBLISHED.cities) == 16


def test_a_line_is_a_pair_with_the_query_in_the_centre(root):
    task = layouts.read_task(CARD, "cross", root, layouts=KNOWN)
    assert len(task.train) == 4 and len(task.test.references) == 2 and not task.partial
    assert task.test.queries["path"].tolist() == ["rio/pano_images/0.png", "rio/pano_images/1.png"]
    assert task.test.references[["lat", "lon"]].to_numpy().tolist() == [[-22, -43], [-22, -42.99]]
    assert (task.test.decentrality == 0).all() and task.test.has_coordinates and not task.test.has_scale
    (tested, *_) = city_statistics(task)
    assert (tested.tiles, tested.test_queries, tested.tile_side_m) == (2, 2, None)


def test_the_layout_keeps_the_contract_and_a_whole_copy_passes(root):
    check_layout(KNOWN["cvcities"], CARD, root)
    found = verify(CARD, root, layouts=KNOWN)
    assert found.passed and found.checked == {"labels": 6, "images": 12}


def test_a_scale_on_the_card_is_used(root):
    card = dataclasses.replace(CARD, tile={"size_px": (16, 16), "m_per_px": 0.5})
    (tested, *_) = city_statistics(layouts.read_task(card, "cross", root, layouts=KNOWN))
    assert tested.tile_side_m == 8 and tested.area_km2 > 0


def test_some_of_the_cities_are_a_part(root):
    assert layouts.read_task(CARD, "cross", root, layouts=KNOWN, cities=["rio", "paris"]).partial
    with pytest.raises(UsageError, match="leaves none"):
        layouts.read_task(CARD, "cross", root, layouts=KNOWN, cities=["paris"])


@pytest.mark.parametrize(
    "line, fault",
    [
        ("n,200,10,rio,a.png,b.png", "line 3: '200', '10' is no longitude and latitude"),
        ("n,x,10,rio,a.png,b.png", "line 3: 'x', '10' is no longitude"),
        ("n,1,1,rio,../../a.png,b.png", "reference path '../../a.png' leads out of"),
        ("n,1,1,rio,rio/sat_images/0.png,b.png", "'rio/sat_images/0.png' occurs twice"),
    ],
)
def test_bad_lines_are_refused_by_file_and_line(root, line, fault):
    with (root / "rio" / "img_info.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=fault):
        layouts.read_task(CARD, "cross", root, layouts=KNOWN)


def test_a_table_of_other_columns_or_none_is_refused(root):
    (root / "rio" / "img_info.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="2 columns where name, lon, lat, city, reference, query"):
        layouts.read_task(CARD, "cross", root, layouts=KNOWN)
    (root / "rio" / "img_info.csv").unlink()
    with pytest.raises(DataError, match="img_info.csv cannot be read"):
        layouts.read_task(CARD, "cross", root, layouts=KNOWN)


def test_the_commands_give_counts_without_a_scale(root):
    whole = ["--cities", "paris,rio,tokyo", "--data-root", str(root)]
    shown = CliRunner().invoke(cli, ["dataset", "stats", "cvcities", *whole])
    assert shown.exit_code == 0 and "nan" not in shown.output and "rio" in shown.output
    assert "metres per pixel unknown" in CliRunner().invoke(cli, ["dataset", "info", "cvcities"]).output
