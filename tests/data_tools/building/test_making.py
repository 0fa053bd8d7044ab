"""Data sets built from beginning to end."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data import layouts
from cvgl_bench.data.cards import read_card
from cvgl_bench.data.layouts.labels import read_labels
from cvgl_bench.data_tools.inspection import verify
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.locks import workplace
from cvgl_bench.minicity import WorldPlan, generate
from cvgl_bench.plugins import load_plugins
from cvgl_bench.views.images import read_image

from .conftest import LAT, LON, ZOOM, noise, write_csv

KNOWN = load_plugins([]).layouts


def load(made):
    """Return the card, its same-area task, and what verification finds."""
    card = read_card(made.card)
    root = made.card.parent
    return card, layouts.read_task(card, "same", root, layouts=KNOWN), verify(card, root, layouts=KNOWN)


def tree(root) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def edit(path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_an_image_and_photos_become_a_data_set_that_verifies(build, field, tmp_path):
    made = build(**field)
    card, task, found = load(made)
    assert found.passed, found.problems
    assert (made.tiles, made.missing_tiles, made.outside, list(card.splits)) == (16, 0, 0, ["same"])
    assert card.counts == {"tiles": 16, "queries": len(task.train) + len(task.test)}
    assert card.tile == {"size_px": (64, 64), "zoom": 18}
    assert made.queries["area"]["train"] == len(task.train)
    pixels = read_image(tmp_path / "field.png")
    for row in range(len(task.test)):
        reference = task.test.references.iloc[task.test.truth[row]]
        x, y = (float(v) for v in geo.mercator_px(reference["lat"], reference["lon"], ZOOM))
        x0, y0 = (float(v) for v in geo.mercator_px(LAT, LON, ZOOM))
        left, top = round(x - x0 + 128 - 32), round(y - y0 + 128 - 32)
        stored = read_image(task.test.root / reference["path"])
        assert np.array_equal(stored, pixels[top : top + 64, left : left + 64])
    assert (task.test.covers == -1).all()


def test_positions_are_those_of_the_photos(build, field):
    _, task, _ = load(build(**field))
    for split in (task.train, task.test):
        reference = split.references.iloc[split.truth]
        x, y = geo.mercator_px(split.queries["lat"], split.queries["lon"], ZOOM)
        cx, cy = geo.mercator_px(reference["lat"], reference["lon"], ZOOM)
        expected = np.stack([x - cx + 32, y - cy + 32], axis=1)
        assert np.abs(split.position_px - expected).max() < 0.01


def test_panoramas_look_north(build, field, tmp_path):
    _, task, _ = load(build(**field))
    for path in task.test.queries["path"]:
        number = int(re.search(r"p(\d+),", path)[1])
        original = read_image(tmp_path / "photos" / f"p{number:02}.png").astype(float)
        turned = read_image(task.test.root / path)
        shift = 10 * number / 360 * 64
        rolled = np.roll(original, round(shift), axis=1)
        assert np.abs(turned - rolled).mean() < (1 if abs(shift - round(shift)) < 0.01 else 60)


def test_the_same_options_give_the_same_bytes_and_another_seed_other_splits(build, field):
    first, again, other = (build(name, seed=seed, **field) for name, seed in (("a", 0), ("b", 0), ("c", 3)))
    same = {k: v for k, v in tree(first.card.parent).items() if k not in ("build.json", "card.yaml")}
    assert same == {k: v for k, v in tree(again.card.parent).items() if k not in ("build.json", "card.yaml")}
    test = "splits_new/area/same_area_balanced_test.txt"
    assert same[test] != tree(other.card.parent)[test]


def test_an_interrupted_build_goes_on(build, field):
    whole = tree(build("whole", **field).card.parent)
    root = build("cut", **field).card.parent
    for path in [*root.glob("area/*/*")][::3]:
        path.unlink()
    shutil.rmtree(root / "splits_new")
    (root / "card.yaml").unlink()
    (root / "area" / "panorama" / ".p03.png.1.0a.tmp").write_bytes(b"half")
    build("cut", **field)
    names = ("build.json", "card.yaml")
    assert {k: v for k, v in tree(root).items() if k not in names} == {
        k: v for k, v in whole.items() if k not in names
    }


def test_another_build_is_not_mixed_in(build, field, tmp_path):
    build(**field)
    with pytest.raises(UsageError, match="built with other options .tile_px."):
        build(**{**field, "tile_px": 32})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="full is not empty"):
        build("full", **field)


def test_a_build_that_never_began_does_not_block_another(build, field):
    with pytest.raises(UsageError, match="not an http:// or https:// address"):
        build(**{**field, "imagery": "file:///{z}/{x}/{y}", "zoom": 18.0})
    assert load(build(**field))[2].passed


def test_imagery_that_lies_elsewhere_is_said_to(build, field, tmp_path):
    (tmp_path / "tiles" / "18" / "0").mkdir(parents=True)
    noise((256, 256)).save(tmp_path / "tiles" / "18" / "0" / "0.png")
    with pytest.raises(DataError, match="none of the .* tiles .* latitude 51.50.*Check --zoom"):
        build(**{**field, "imagery": str(tmp_path / "tiles"), "zoom": 18.0})


def test_perspective_photos_stay_as_they_are(build, field, tmp_path):
    for seed, path in enumerate((tmp_path / "photos").iterdir()):
        noise((48, 64), seed=seed).save(path)
    with pytest.raises(UsageError, match="--field-of-view-deg"):
        build(**field)
    made = build(**field, field_of_view_deg=70.0)
    card, task, found = load(made)
    assert found.passed, found.problems
    assert card.panorama["horizontal_deg"] == 70 and card.panorama["vertical_deg"] == pytest.approx(
        55.413, abs=1e-3
    )
    assert card.panorama["size_px"] == (48, 64)
    stored = (task.test.root / task.test.queries["path"].iloc[0]).read_bytes()
    assert stored == (tmp_path / "photos" / "p00.png").read_bytes()
    assert ",130.00," in " ".join(task.test.queries["path"]) + " ".join(task.train.queries["path"])


def test_a_missing_heading_stops_or_is_left_out(build, field, tmp_path):
    edit(tmp_path / "photos.csv", ",70\n", ",\n")
    with pytest.raises(DataError, match="1 files cannot be used: .*p07.png has no heading.*--skip-bad"):
        build(**field)
    made = build("skipping", **field, skip_bad=True)
    assert [fault.path.name for fault in made.faults] == ["p07.png"]
    card, _, found = load(made)
    assert found.passed and card.counts["queries"] == 15


def test_a_truncated_photo_stops_or_is_left_out(build, field, tmp_path):
    victim = tmp_path / "photos" / "p03.png"
    victim.write_bytes(victim.read_bytes()[:-500])
    with pytest.raises(DataError, match="p03.png cannot be decoded"):
        build(**field)
    made = build(**field, skip_bad=True)
    _, _, found = load(made)
    assert found.passed and [fault.path.name for fault in made.faults] == ["p03.png"]


def test_a_full_disk_ends_the_build_even_where_bad_photos_are_left_out(build, field, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cvgl_bench.data_tools.building.photos.encode", full)
    with pytest.raises(DataError, match="cannot be written: No space left on device"):
        build(**field, skip_bad=True)


def test_photos_outside_the_imagery_are_counted(build, field, tmp_path):
    with (tmp_path / "photos.csv").open("a") as file:
        file.write(f"far.png,{LAT + 1},{LON},0\n")
    noise((32, 64), seed=99).save(tmp_path / "photos" / "far.png")
    made = build(**field)
    assert made.outside == 1 and load(made)[2].passed


def test_photos_between_training_and_test_are_left_out(build, field):
    made = build(**{**field, "buffer_m": 30.0})
    card, task, found = load(made)
    left_out = made.queries["area"]["left_out"]
    assert found.passed, found.problems
    assert left_out > 0 and card.counts["queries"] == 16 - left_out
    assert len(list((made.card.parent / "area" / "panorama").iterdir())) == 16 - left_out


def test_cities_too_small_to_split_are_sides_of_a_cross_area_split(build, field, tmp_path):
    noise((256, 256), seed=1).save(tmp_path / "other.png")
    images = [("field.png", LAT, LON, ZOOM, "Here"), ("other.png", LAT + 1, LON, ZOOM, "There")]
    write_csv(tmp_path / "images.csv", "image,lat_deg,lon_deg,zoom,city", images)
    with (tmp_path / "photos.csv").open("a") as file:
        file.write(f"far.png,{LAT + 1},{LON},0\n")
    noise((32, 64), seed=99).save(tmp_path / "photos" / "far.png")
    made = build(**field, test_cities=("There",))
    card = read_card(made.card)
    assert list(card.splits) == ["cross"] and made.queries["There"] == {"whole": 1}
    assert len(layouts.read_task(card, "cross", made.card.parent, layouts=KNOWN).train) == 16


def test_swapped_coordinates_are_recognised(build, field, tmp_path):
    edit(tmp_path / "photos.csv", "photo,lat_deg,lon_deg", "photo,lon_deg,lat_deg")
    with pytest.raises(DataError, match="None of the 16 photos lies in a tile.*longitude swapped they would"):
        build(**field)


def test_two_images_of_one_place_are_refused(build, field, tmp_path):
    with (tmp_path / "images.csv").open("a") as file:
        file.write(f"field.png,{LAT},{LON},{ZOOM}\n")
    with pytest.raises(DataError, match="2 tiles of area have the same centre"):
        build(**field)


def test_cities_split_across_areas(build, field, tmp_path):
    lines = (tmp_path / "photos.csv").read_text().splitlines()
    far = [
        re.sub(r"^p(\d+).png,([^,]+),", lambda m: f"p{m[1]}.png,{float(m[2]) + 1},", line)
        for line in lines[9:]
    ]
    (tmp_path / "photos.csv").write_text("\n".join([*lines[:9], *far]) + "\n")
    noise((256, 256), seed=1).save(tmp_path / "other.png")
    images = [("field.png", LAT, LON, ZOOM, "Here"), ("other.png", LAT + 1, LON, ZOOM, "There")]
    write_csv(tmp_path / "images.csv", "image,lat_deg,lon_deg,zoom,city", images)
    made = build(**field, test_cities=("There",))
    card = read_card(made.card)
    found = verify(card, made.card.parent, layouts=KNOWN)
    assert found.passed, found.problems
    assert card.splits["cross"] == {"train": ("Here",), "test": ("There",)}
    task = layouts.read_task(card, "cross", made.card.parent, layouts=KNOWN)
    assert len(task.train) + len(task.test) == card.counts["queries"]
    with pytest.raises(UsageError, match="--test-cities Hree: .*Here, There"):
        build("wrong", **field, test_cities=("Hree",))


def test_a_city_may_not_be_called_like_the_data_set(build, field):
    with pytest.raises(UsageError, match="both called 'area'"):
        build("area", **field)


def test_tiles_without_imagery_are_left_out(build, field, tmp_path):
    x, y = (int(v // 256) for v in geo.mercator_px(LAT, LON, ZOOM))
    (tmp_path / "tiles" / "18").mkdir(parents=True)
    for i in range(-1, 2):
        (tmp_path / "tiles" / "18" / str(x + i)).mkdir()
        for j in range(-1, 2):
            if (i, j) != (-1, -1):
                noise((256, 256), seed=3 * i + j + 9).save(
                    tmp_path / "tiles" / "18" / str(x + i) / f"{y + j}.png"
                )
    made = build(**{**field, "imagery": str(tmp_path / "tiles"), "zoom": 18.0, "overlap": 0.5})
    _, task, found = load(made)
    assert found.passed, found.problems
    assert made.missing_tiles > 0 and made.tiles > 50
    assert (task.test.covers >= 0).any()


def test_a_server_that_fails_stops_the_build_which_then_goes_on(build, field, serve_map, monkeypatch):
    monkeypatch.setattr("cvgl_bench.data_tools.fetch.client.FIRST_WAIT_S", 0.005)
    server, url = serve_map
    options = {**field, "imagery": url, "zoom": 18.0}
    server.broken = True
    with pytest.raises(DataError, match="tiles could not be had.*Run the same command again"):
        build(**options)
    server.broken = False
    assert load(build(**options))[2].passed


def test_real_tiles_make_a_data_set(build, sample_data, tmp_path):
    folder = sample_data / "oam_tiles" / "place5"
    found = {tuple(map(int, re.findall(r"\d+", path.name)[:2])) for path in folder.glob("*-20.png")}
    x, y = sorted(p for p in found if {(p[0] + i, p[1] + j) for i in (0, 1) for j in (0, 1)} <= found)[0]
    rows = []
    (tmp_path / "street").mkdir()
    for number in range(20):
        px, py = 30 + 113 * (number % 5), 20 + 150 * (number // 5)
        lat, lon = geo.from_mercator_px(x * 256 + min(px, 500), y * 256 + min(py, 500), 20)
        noise((32, 64), seed=number).save(tmp_path / "street" / f"{number}.png")
        rows.append((f"{number}.png", float(lat), float(lon), 0))
    table = write_csv(tmp_path / "street.csv", "photo,lat_deg,lon_deg,heading_deg", rows)
    made = build(
        imagery=str(folder / "OAM-{x}-{y}-{z}.png"),
        photos=str(tmp_path / "street"),
        photo_table=str(table),
        zoom=20.0,
        tile_px=160,
        overlap=0.5,
        block_m=20.0,
        buffer_m=2.0,
        panorama_width_px=64,
    )
    _, task, verification = load(made)
    assert verification.passed, verification.problems
    reference = task.test.references.iloc[task.test.truth[0]]
    cx, cy = (float(v) for v in geo.mercator_px(reference["lat"], reference["lon"], 20))
    left, top = round(cx - 80), round(cy - 80)
    canvas = Image.new("RGB", (768, 768))
    for i in range(3):
        for j in range(3):
            path = folder / f"OAM-{left // 256 + i}-{top // 256 + j}-20.png"
            if path.exists():
                canvas.paste(Image.open(path), (256 * i, 256 * j))
    part = canvas.crop((left % 256, top % 256, left % 256 + 160, top % 256 + 160))
    assert np.array_equal(read_image(task.test.root / reference["path"]), np.asarray(part))


def test_helsinki_becomes_a_data_set(build, sample_data):
    folder = sample_data / "helsinki10"
    made = build(
        imagery=str(folder / "places.csv"),
        columns=("image=ortho",),
        m_per_px=0.4,
        photos=str(folder),
        photo_table=str(folder / "places.csv"),
        field_of_view_deg=70.0,
        block_m=500.0,
    )
    card, task, found = load(made)
    assert found.passed, found.problems
    assert card.tile == {"size_px": (500, 500), "m_per_px": 0.4}
    assert len(task.test.references) == 10 and len(task.train) + len(task.test) == 10
    assert np.allclose(task.test.position_px, 250)
    query = task.test.queries["path"].iloc[0]
    original = folder / f"{query.split('/')[-1].split(',')[0]}.jpg"
    assert (task.test.root / query).read_bytes() == original.read_bytes()


def test_real_panoramas_are_placed_and_turned_by_their_exif_data(build, sample_data, tmp_path):
    """Four metres apart, which is why the tiles are so small."""
    x, y = (int(v) // 256 for v in geo.mercator_px(49.0069, 1.91919, 19))
    for i in (-1, 0, 1):
        (tmp_path / "tiles" / "19" / str(x + i)).mkdir(parents=True)
        for j in (-1, 0, 1):
            noise((256, 256), seed=3 * i + j + 9).save(tmp_path / "tiles/19" / str(x + i) / f"{y + j}.png")
    made = build(
        imagery=str(tmp_path / "tiles"),
        photos=str(sample_data / "panoramas"),
        zoom=19.0,
        tile_px=16,
        block_m=2.0,
        buffer_m=0.0,
        panorama_width_px=1024,
    )
    _, task, found = load(made)
    assert found.passed, found.problems
    headings = {"1": 349.058, "3": 1.474}
    for path in [*task.train.queries["path"], *task.test.queries["path"]]:
        name = path.rpartition("/")[2].partition(",")[0]
        with Image.open(sample_data / "panoramas" / f"{name}.jpg") as original:
            small = np.asarray(original.resize((1024, 512), Image.Resampling.BOX)).astype(float)
        stored = read_image(task.test.root / path).astype(float)
        shifts = np.arange(-60, 61)
        away = [np.abs(np.roll(small, shift, axis=1) - stored)[::8].mean() for shift in shifts]
        turn_deg = (headings.pop(name) + 180) % 360 - 180
        assert abs(shifts[np.argmin(away)] - turn_deg / 360 * 1024) <= 1
    assert not headings


@pytest.mark.parametrize("layout", ["dress", "vigor"])
def test_the_labels_of_the_generated_world_come_out_again(build, tmp_path, layout):
    world, plan = tmp_path / "world", _plan(layout)
    generate(plan, world, workers=1)
    mosaic, lat, lon = _mosaic(world, plan)
    mosaic.save(tmp_path / "mosaic.png")
    write_csv(tmp_path / "images.csv", "image,lat_deg,lon_deg", [("mosaic.png", lat, lon)])
    theirs = _labels(world, plan)
    rows = [(name, *place, 0) for name, place in theirs["places"].items()]
    table = write_csv(tmp_path / "photos.csv", "photo,lat_deg,lon_deg,heading_deg", rows)
    made = build(
        imagery=str(tmp_path / "images.csv"),
        photos=str(world / "London" / "panorama"),
        photo_table=str(table),
        zoom=18.0,
        tile_px=32,
        overlap=0.0 if layout == "dress" else 0.5,
        panorama_width_px=32,
        semi_rule="nearest",
        block_m=10.0,
        buffer_m=0.0,
    )
    _, task, _ = load(made)
    checked = 0
    for split in (task.train, task.test):
        for row, name in enumerate(split.queries["path"]):
            key = tuple(round(float(v), 9) for v in name.split(",")[2:4])
            tile, x, y = theirs["positives"][key]
            reference = split.references.iloc[split.truth[row]]
            assert (reference["lat"], reference["lon"]) == pytest.approx(tile, abs=1e-9)
            assert split.position_px[row] == pytest.approx((x, y), abs=0.002)
            checked += 1
    assert checked > 10
    mine = read_labels(made.card.parent / "splits_new" / "area" / "pano_label_balanced.txt")
    for row in range(len(mine)):
        key = tuple(round(float(v), 9) for v in mine.queries[row].as_py().split(",")[2:4])
        named = {
            tuple(round(float(v), 8) for v in reversed(_fields(tiles[row].as_py()))) for tiles in mine.tiles
        }
        assert named == theirs["named"][key]


def _plan(layout: str) -> WorldPlan:
    return WorldPlan(
        name="tiny",
        layout=layout,
        cities=("London",),
        tiles_per_side=7,
        tile_px=32,
        panoramas_per_city=30,
        panorama_px=(16, 32),
        region_tiles=7,
        supersample=1,
    )


def _fields(tile: str) -> list[float]:
    """Return the two coordinates in a tile's name, in the order of the name."""
    return [float(v) for v in tile.rpartition(".")[0].split("_")[-2:]]


def _mosaic(world, plan) -> tuple[Image.Image, float, float]:
    """Return the picture that the world's tiles cover, and the coordinates of its centre."""
    stride = plan.stride_px
    side = (plan.tiles_per_side - 1) * stride + plan.tile_px
    places = {}
    for path in (world / "London" / "satellite").iterdir():
        first, second = _fields(path.name)
        lat, lon = (second, first) if plan.layout == "dress" else (first, second)
        places[path] = tuple(float(v) for v in geo.mercator_px(lat, lon, plan.zoom))
    xs, ys = zip(*places.values(), strict=True)
    canvas = Image.new("RGB", (side, side))
    for path, (x, y) in places.items():
        canvas.paste(Image.open(path), (round(x - min(xs)), round(y - min(ys))))
    lat, lon = geo.from_mercator_px((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, plan.zoom)
    return canvas, float(lat), float(lon)


def _labels(world, plan) -> dict:
    """Return the generator's labels, queries by their coordinates, tiles by theirs (lat, lon)."""
    (path,) = world.glob("splits*/London/pano_label_balanced*.txt")
    table = read_labels(path)
    places, positives, named = {}, {}, {}
    for row in range(len(table)):
        name = table.queries[row].as_py()
        start = 2 if plan.layout == "dress" else 1
        place = tuple(float(v) for v in name.split(",")[start : start + 2])
        key = tuple(round(v, 9) for v in place)
        tiles = [_fields(tiles[row].as_py()) for tiles in table.tiles]
        tiles = [tuple(reversed(t)) if plan.layout == "dress" else tuple(t) for t in tiles]
        a, b = table.numbers[row, 0]
        x, y = (a, b) if plan.layout == "dress" else (plan.tile_px / 2 - b, plan.tile_px / 2 + a)
        places[name], positives[key] = place, (tiles[0], x, y)
        named[key] = {tuple(round(v, 8) for v in tile) for tile in tiles}
    return {"places": places, "positives": positives, "named": named}


def test_the_record_says_how_it_was_built(build, field):
    made = build(**field)
    record = json.loads((made.card.parent / "build.json").read_text())
    assert record["name"] == "mine" and record["tile_px"] == 64


def test_a_corrected_heading_makes_the_panorama_again_and_no_other(build, field, tmp_path):
    root = build(**field).card.parent
    before = tree(root)
    edit(tmp_path / "photos.csv", ",70\n", ",250\n")
    made = build(**field)
    fresh = tree(build("fresh", **field).card.parent)
    after, names = tree(root), ("build.json", "card.yaml")
    assert {k: v for k, v in after.items() if k not in names} == {
        k: v for k, v in fresh.items() if k not in names
    }
    changed = [name for name in after if after[name] != before[name] and "/panorama/" in name]
    assert made.renewed == 1 and len(changed) == 1 and "p07" in changed[0]


def test_other_pixels_or_photos_under_the_same_names_are_noticed(build, field, tmp_path):
    root = build(**field).card.parent
    noise((256, 256), seed=9).save(tmp_path / "field.png")
    noise((32, 64), seed=99).save(tmp_path / "photos" / "p03.png")
    made = build(**field)
    assert made.renewed == 17, "sixteen tiles and a panorama"
    fresh = tree(build("fresh", **field).card.parent)
    assert {k: v for k, v in tree(root).items() if "/" in k} == {k: v for k, v in fresh.items() if "/" in k}


def test_a_folder_has_one_builder(build, field, tmp_path):
    root = build(**field).card.parent
    with workplace(root / ".build_partial"):
        with pytest.raises(UsageError, match="Another process builds in .*mine"):
            build(**field)
    build(**field)


def test_panoramas_of_another_shape_say_so_on_the_card(build, field, tmp_path):
    for seed, path in enumerate((tmp_path / "photos").iterdir()):
        noise((16, 64), seed=seed).save(path)
    card, _, found = load(build(**field, photo_kind="panorama"))
    assert found.passed, found.problems
    assert card.panorama["size_px"] == (16, 64) and card.panorama["vertical_deg"] == 90.0
