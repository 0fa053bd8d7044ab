"""The bird's-eye view against the published formula in float64, and its symmetries."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cvgl_bench.cli import cli
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.views import birdseye
from cvgl_bench.views.images import Geometry, read_image

SIZES = [(64, 64), (63, 65), (40, 96)]


def noise(height=128, width=256, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def reference(panorama, size, *, fov_deg=170.0, heading_deg=0.0, centre="centred", shift_px=0.0):
    """The formula of the paper, pixel by pixel in float64: slow and plain."""
    height, width = panorama.shape[:2]
    frame_height = width / 2
    offset = (frame_height - height) / 2 + shift_px
    half = 0.5 if centre == "centred" else 0.0
    depth = max(size) / 2 / np.tan(np.radians(fov_deg) / 2)
    view = np.zeros((*size, 3))
    for i in range(size[0]):
        for j in range(size[1]):
            north, west = size[0] / 2 - half - i, size[1] / 2 - half - j
            t = np.pi / 2 - np.arctan2(depth, np.hypot(north, west))
            p = np.arctan2(west, north) + np.pi + np.radians(heading_deg)
            u, v = (1 - p / (2 * np.pi)) % 1.0, 1 - t / np.pi
            if centre == "published":
                x, y = u * (width - 1), v * (frame_height - 1) - int(offset)
            else:
                x, y = u * width - 0.5, v * frame_height - 0.5 - offset
            view[i, j] = bilinear(panorama, x, y, clamp=offset == 0)
    return view


def bilinear(panorama, x, y, *, clamp):
    height, width = panorama.shape[:2]
    y = min(y, height - 1) if clamp else y
    column, row = int(np.floor(x)), int(np.floor(y))
    total = np.zeros(3)
    for i, weight_y in ((row, 1 - (y - row)), (row + 1, y - row)):
        for j, weight_x in ((column, 1 - (x - column)), (column + 1, x - column)):
            if 0 <= i < height:
                total += weight_x * weight_y * panorama[i, j % width]
    return total


SETTINGS = [
    {},
    {"fov_deg": 90.0},
    {"heading_deg": 349.06},
    {"centre": "published"},
    {"centre": "published", "fov_deg": 120.0},
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_view_is_the_formula_to_one_grey_level(size, setting):
    panorama = noise()
    error = np.abs(birdseye.project(panorama, size, **setting) - reference(panorama, size, **setting))
    assert error.max() <= 1
    assert error.mean() < 0.3


@pytest.mark.parametrize("shape", [(1024, 2048), (100, 200), (333, 666), (101, 203), (2880, 5760)])
def test_any_panorama_size(shape):
    panorama = noise(*shape)
    view = birdseye.project(panorama, (20, 20))
    assert np.abs(view - reference(panorama, (20, 20))).max() <= 1


@pytest.mark.parametrize("shift_px", [0, -20, 35, 400, -400])
@pytest.mark.parametrize("centre", ["centred", "published"])
def test_panorama_cut_above_and_below_is_padded_with_black(shift_px, centre):
    panorama = noise(90, 256)
    view = birdseye.project(panorama, (48, 48), centre=centre, horizon_shift_px=shift_px)
    expected = reference(panorama, (48, 48), centre=centre, shift_px=shift_px)
    assert np.abs(view - expected).max() <= 1
    assert view[24, 24].any() == (shift_px == 35), "only then does the panorama reach down to the nadir"


def test_padded_panorama_equals_one_padded_beforehand():
    panorama = noise(72, 256)
    whole = np.zeros((128, 256, 3), np.uint8)
    whole[28 - 10 : 28 - 10 + 72] = panorama
    assert np.array_equal(
        birdseye.project(panorama, (64, 64), horizon_shift_px=-10), birdseye.project(whole, (64, 64))
    )


@pytest.mark.parametrize("geometry", [Geometry(f, q) for f in (False, True) for q in range(4)], ids=str)
@pytest.mark.parametrize("size", [64, 65])
def test_view_of_the_turned_panorama_is_the_turned_view(geometry, size):
    panorama = noise()
    turned = birdseye.project(geometry.on_panorama(panorama), (size, size))
    expected = geometry.on_overhead(birdseye.project(panorama, (size, size)))
    difference = np.abs(turned.astype(int) - expected).max(-1)
    if size % 2:
        difference[size // 2, size // 2] = 0  # The nadir itself has no azimuth to read from.
    assert difference.max() <= 1


def test_truncated_levels_are_those_of_the_view_rounded_down():
    panorama = noise()
    truncated = birdseye.project(panorama, (40, 40), levels="truncated")
    exact = reference(panorama, (40, 40))
    # Where float32 sees a whole number from below, a level less is right too.
    assert (exact - truncated).min() > -1e-3 and (exact - truncated).max() < 1 + 1e-3
    rounded = birdseye.project(panorama, (40, 40))
    assert (rounded.astype(float) - truncated).mean() == pytest.approx(0.5, abs=0.05)


def test_published_centre_breaks_under_a_flip():
    """What `centre='centred'` is for: were the two alike, the option would be pointless."""
    panorama, flip = noise(), Geometry(flip=True)
    turned = birdseye.project(flip.on_panorama(panorama), centre="published")
    expected = flip.on_overhead(birdseye.project(panorama, centre="published"))
    assert np.abs(turned.astype(int) - expected).max() > 50


def test_north_is_up_and_east_is_right():
    panorama = np.zeros((128, 256, 3), np.uint8)
    for channel, column in enumerate((128, 192)):
        panorama[:, column - 4 : column + 4, channel] = 255
    red, green, _ = np.moveaxis(birdseye.project(panorama, (65, 65)), -1, 0)
    assert np.argmax(red.sum(1)[:32]) >= 0 and red[:30, 32].min() == 255 and not red[34:, 32].any()
    assert green[32, 35:].min() == 255 and not green[32, :30].any()


def test_heading_turns_a_panorama_to_north():
    """A panorama whose centre looks east, told so, gives the view of the north-aligned one."""
    panorama = noise()
    looks_east = np.roll(panorama, -64, axis=1)
    view = birdseye.project(looks_east, (64, 64), heading_deg=90)
    assert np.abs(view.astype(int) - birdseye.project(panorama, (64, 64))).max() <= 1


def test_seam_is_closed():
    """A smooth panorama has no edge at its seam, which the view shows straight down from its middle."""
    azimuth = (np.arange(256) + 0.5) / 256 * 2 * np.pi
    panorama = np.broadcast_to((127 + 120 * np.cos(azimuth))[None, :, None], (128, 256, 3)).astype(np.uint8)
    south = birdseye.project(panorama, (65, 65))[40:, 28:37].astype(int)
    assert np.abs(np.diff(south, axis=1)).max() < 12


def test_where_to_look_is_worked_out_once_for_a_setting(monkeypatch):
    worked_out = []
    arctan2 = np.arctan2
    monkeypatch.setattr(np, "arctan2", lambda *given: worked_out.append(given) or arctan2(*given))
    for seed in range(3):
        birdseye.project(noise(seed=seed), [31, 37])
        if not seed:
            first = len(worked_out)
    assert len(worked_out) == first > 0


def test_view_of_a_flipped_array_and_of_a_read_only_one():
    panorama = noise()
    panorama.setflags(write=False)
    mirrored = birdseye.project(panorama[:, ::-1], (32, 32))
    assert np.array_equal(mirrored, birdseye.project(np.ascontiguousarray(panorama[:, ::-1]), (32, 32)))


@pytest.mark.parametrize(
    ("panorama", "options", "error", "message"),
    [
        (noise(200, 300), {}, DataError, "no 360-degree panorama"),
        (noise()[..., 0], {}, DataError, r"needs \(height, width, 3\) in uint8"),
        (noise().astype(np.uint16), {}, DataError, "uint16"),
        (noise(), {"size": (0, 9)}, UsageError, "height and width"),
        (noise(), {"fov_deg": 180}, UsageError, "between 0 and 180"),
        (noise(), {"fov_deg": float("nan")}, UsageError, "between 0 and 180"),
        (noise(), {"centre": "middle"}, UsageError, "'centred' or 'published'"),
    ],
)
def test_what_cannot_be_projected_is_refused(panorama, options, error, message):
    with pytest.raises(error, match=message):
        birdseye.project(panorama, **options)


def run_bev(*arguments):
    return CliRunner().invoke(cli, ["bev", *map(str, arguments)])


def test_command_writes_the_view(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "street.png")
    result = run_bev(tmp_path / "street.png", tmp_path / "view.png", "--size", 40, 50, "--heading", 30)
    assert result.exit_code == 0, result.output
    assert "heading 30 degrees as given" in result.output
    expected = birdseye.project(noise(), (40, 50), heading_deg=30)
    assert np.array_equal(read_image(tmp_path / "view.png"), expected)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["street.png", "view.png"]


@pytest.mark.parametrize("kind", ["grey", "16-bit", "palette", "transparent"])
def test_command_takes_other_kinds_of_image(tmp_path, kind):
    grey = noise()[..., 0]
    images = {
        "grey": Image.fromarray(grey),
        "16-bit": Image.fromarray(grey.astype(np.uint16) * 257),
        "palette": Image.fromarray(grey).convert("P"),
        "transparent": Image.fromarray(noise()).convert("RGBA"),
    }
    images[kind].save(tmp_path / "street.png")
    result = run_bev(tmp_path / "street.png", tmp_path / "view.png", "--size", 32, 32)
    assert result.exit_code == 0, result.output
    expected = noise() if kind == "transparent" else np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(read_image(tmp_path / "view.png"), birdseye.project(expected, (32, 32)))


def test_command_takes_the_heading_from_exif(tmp_path):
    exif = Image.Exif()
    exif[0x8825] = {0x0011: 123.5}
    Image.fromarray(noise()).save(tmp_path / "street.png", exif=exif)
    assert "123.5 degrees by EXIF" in run_bev(tmp_path / "street.png", tmp_path / "a.png").output
    Image.fromarray(noise()).save(tmp_path / "plain.png")
    assert "0 degrees by default" in run_bev(tmp_path / "plain.png", tmp_path / "b.png").output


def test_command_refuses_what_it_cannot_do(tmp_path):
    Image.fromarray(noise(200, 300)).save(tmp_path / "photo.png")
    Image.fromarray(noise()).save(tmp_path / "street.png")
    for arguments, error in [
        (("photo.png", "view.png"), DataError),
        (("missing.png", "view.png"), DataError),
        (("street.png", "view.xyz"), UsageError),
        (("street.png", "street.png"), UsageError),
        (("street.png", "no/view.png"), DataError),
    ]:
        result = run_bev(*(tmp_path / name for name in arguments))
        assert isinstance(result.exception, error), result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png", "street.png"]


def test_two_real_panoramas_agree_on_where_north_is(sample_data):
    """Taken seconds apart on one street with headings 349 and 1 degree: the same edges in the same direction.

    The phone's compass is good to some degrees; with the heading's sign reversed they differ by 19.
    """
    folder = sample_data / "panoramas"
    first, second = (
        edge_directions(birdseye.project(read_image(folder / name), (512, 512), fov_deg=150, heading_deg=deg))
        for name, deg in (("1.jpg", 349.06), ("3.jpg", 1.47))
    )
    difference_deg = max(range(-40, 41), key=lambda shift: first @ np.roll(second, shift))
    assert abs(difference_deg) <= 6


def edge_directions(view):
    """Histogram of gradient directions over 180 degrees in the middle of a view, where the ground is."""
    grey = view[128:384, 128:384].mean(-1)
    dy, dx = np.gradient((grey[:-2] + grey[1:-1] + grey[2:])[:, 1:-1] / 3)
    weight = np.where(np.hypot(dx, dy) > 10, np.hypot(dx, dy), 0)
    counts, _ = np.histogram(np.degrees(np.arctan2(dy, dx)) % 180, 180, (0, 180), weights=weight)
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 3) ** 2)
    return np.convolve(np.concatenate([counts[-8:], counts, counts[:8]]), kernel, "valid")
