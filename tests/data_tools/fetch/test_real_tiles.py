"""`dataset fetch` on real aerial tiles, from a list of arbitrary centres to pixels."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from cvgl_bench.cli.dataset_fetch import command
from cvgl_bench.foundation import geo
from cvgl_bench.views.images import read_image

ZOOM, SIDE_PX, FILES = 20, 200, 12


@pytest.fixture
def tiles(sample_data):
    """Return the real tiles of a place by column and row."""
    paths = (sample_data / "oam_tiles" / "place5").glob(f"*-{ZOOM}.png")
    return {tuple(map(int, re.findall(r"\d+", path.name)[:2])): path for path in paths}


def centres(tiles):
    """Return world pixels around which every tile is there, drawn at random."""
    generator, low, high = np.random.default_rng(0), np.min(list(tiles), axis=0), np.max(list(tiles), axis=0)
    found = []
    while len(found) < FILES:
        x, y = generator.uniform(256 * low, 256 * (high + 1))
        reach = SIDE_PX / 2 + 1
        corners = {
            (int((x + i) // 256), int((y + j) // 256)) for i in (-reach, reach) for j in (-reach, reach)
        }
        found += [(x, y)] if corners <= set(tiles) else []
    return found


def write_lists(root, places):
    """Write the lists of a city: a tile around each place, a query in each; return the tiles' names."""
    names, labels = [], []
    for number, (x, y) in enumerate(places):
        lat, lon = geo.from_mercator_px(x, y, ZOOM)
        names.append(f"satellite_{ZOOM}_{lon:.12f}_{lat:.12f}.png")
        lat, lon = geo.from_mercator_px(x + 30, y - 20, ZOOM)
        tile = f" {names[-1]} {SIDE_PX / 2 + 30} {SIDE_PX / 2 - 20}"
        labels.append(f"{number},Nairobi,{lat:.10f},{lon:.10f},0,.jpg" + 4 * tile)
    folder = root / "splits_new" / "Nairobi"
    folder.mkdir(parents=True)
    for stem, lines in (
        ("satellite_list", names),
        ("same_area_balanced_train", labels[::2]),
        ("same_area_balanced_test", labels[1::2]),
    ):
        (folder / f"{stem}.txt").write_text("\n".join(lines) + "\n")
    return names


def expected(tiles, name) -> np.ndarray:
    """Return the crop that a name asks for, from a mosaic pasted together and the textbook formulas."""
    lon, lat = map(float, name.removesuffix(".png").split("_")[2:])
    world_px = 256 * 2**ZOOM
    x = (lon + 180) / 360 * world_px - SIDE_PX / 2
    y = (1 - math.log(math.tan(math.radians(lat)) + 1 / math.cos(math.radians(lat))) / math.pi) / 2 * world_px
    y -= SIDE_PX / 2
    column, row = int(x // 256), int(y // 256)
    mosaic = Image.new("RGB", (512, 512))
    for i in (0, 1):
        for j in (0, 1):
            if (column + i, row + j) in tiles:
                mosaic.paste(Image.open(tiles[column + i, row + j]).convert("RGB"), (256 * i, 256 * j))
    left, top = math.floor(x), math.floor(y)
    box = (left - 256 * column, top - 256 * row)
    window = np.asarray(mosaic).astype(float)[box[1] :, box[0] :][: SIDE_PX + 1, : SIDE_PX + 1]
    rows = window[:-1] * (1 - (y - top)) + window[1:] * (y - top)
    return np.floor(rows[:, :-1] * (1 - (x - left)) + rows[:, 1:] * (x - left) + 0.5)


def test_listed_tiles_equal_an_independent_mosaic(tiles, serve, tmp_path):
    names = write_lists(tmp_path / "data", centres(tiles))
    card = {
        "name": "nairobi",
        "title": "Nairobi",
        "layout": "dress",
        "cities": ["Nairobi"],
        "splits": {"same": {"train": ["Nairobi"], "test": ["Nairobi"]}},
        "tile": {"size_px": [SIDE_PX, SIDE_PX], "zoom": ZOOM},
    }
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))

    def answer(method, path, body):
        _, column, row = map(int, path.strip("/").split("/"))
        return 200, {}, tiles[column, row].read_bytes()

    url = serve(answer).url + "/{z}/{x}/{y}"
    given = ["--data-root", tmp_path / "data", "--url", url, "--allow-private", "--accept-terms"]
    result = CliRunner().invoke(command, [str(word) for word in (tmp_path / "card.yaml", *given)])
    assert result.exit_code == 0 and f"fetched {FILES} files" in result.output, result.output
    for name in names:
        assert np.array_equal(read_image(tmp_path / "data/Nairobi/satellite" / name), expected(tiles, name))
