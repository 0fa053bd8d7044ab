from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.views.images import Geometry, normalise, read_image, resize

ALL_GEOMETRIES = [Geometry(flip, turns) for flip in (False, True) for turns in range(4)]


def save(image: Image.Image, path, **settings):
    image.save(path, **settings)
    return path


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class TestReading:
    def test_rgb_comes_back_as_stored_and_writable(self, tmp_path) -> None:
        image = noise(4, 6)
        read = read_image(save(Image.fromarray(image), tmp_path / "a.png"))
        assert read.dtype == np.uint8 and np.array_equal(read, image)
        read[0, 0] = 0

    @pytest.mark.parametrize(
        "settings",
        [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}, {"quality": 98}],
        ids=str,
    )
    def test_jpeg_files_are_decoded_as_pillow_does(self, tmp_path, settings) -> None:
        path = save(Image.fromarray(noise(101, 203)), tmp_path / "a.jpg", **settings)
        assert np.array_equal(read_image(path), np.array(Image.open(path)))

    def test_a_truncated_jpeg_file_is_damaged(self, tmp_path) -> None:
        path = save(Image.fromarray(noise(64, 64)), tmp_path / "a.jpg")
        path.write_bytes(path.read_bytes()[:-500])
        with pytest.raises(DataError, match="damaged"):
            read_image(path)

    @pytest.mark.parametrize("suffix", ["jpg", "png"])
    @pytest.mark.parametrize(
        ("least", "expected"),
        [
            ((384, 768), (384, 768)),
            ((385, 700), (512, 1024)),
            ((140, 768), (384, 768)),
            ((1, 1), (128, 256)),
            ((2000, 10), (1024, 2048)),
        ],
    )
    def test_no_larger_than_what_suffices_at_eighths(self, tmp_path, suffix, least, expected) -> None:
        smooth = Image.fromarray(noise(8, 16)).resize((2048, 1024), Image.Resampling.BICUBIC)
        path = save(smooth, tmp_path / f"a.{suffix}")
        read = read_image(path, least=least)
        assert read.shape == (*expected, 3)
        whole = resize(read_image(path), expected, antialias=True).astype(int)
        assert np.abs(read - whole).mean() < 2  # levels: another filter, the same picture

    def test_what_suffices_is_of_the_upright_image(self, tmp_path) -> None:
        turned = Image.Exif()
        turned[0x0112] = 6
        path = save(Image.fromarray(noise(80, 160)), tmp_path / "a.jpg", exif=turned)
        assert read_image(path).shape == (160, 80, 3)
        assert read_image(path, least=(40, 10)).shape == (40, 20, 3)

    def test_grey_is_repeated_and_a_palette_expanded(self, tmp_path) -> None:
        grey = noise(4, 6)[..., 0]
        read = read_image(save(Image.fromarray(grey), tmp_path / "grey.png"))
        assert np.array_equal(read, np.repeat(grey[..., None], 3, axis=2))
        palette = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)).quantize(2)
        assert read_image(save(palette, tmp_path / "p.png")).tolist() == [[[255, 0, 0], [0, 0, 255]]]

    def test_transparent_pixels_lie_on_white(self, tmp_path) -> None:
        pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
        read = read_image(save(Image.fromarray(pixels), tmp_path / "a.png"))
        assert read.tolist() == [[[10, 20, 30], [255, 255, 255]]]

    def test_sixteen_bit_grey_is_scaled_not_cut(self, tmp_path) -> None:
        pixels = np.array([[0, 257, 65535, 128 * 257]], np.uint16)
        read = read_image(save(Image.fromarray(pixels), tmp_path / "a.png"))
        assert read[0, :, 0].tolist() == [0, 1, 255, 128]

    def test_exif_orientation_is_applied(self, tmp_path) -> None:
        image = Image.fromarray(noise(4, 6))
        exif = image.getexif()
        exif[0x0112] = 6
        read = read_image(save(image, tmp_path / "a.jpg", exif=exif))
        assert read.shape == (6, 4, 3)

    def test_a_missing_file_is_named(self, tmp_path) -> None:
        with pytest.raises(DataError, match=r"none\.png does not exist"):
            read_image(tmp_path / "none.png")

    def test_a_file_that_is_no_image_is_named(self, tmp_path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"<html>not found</html>")
        with pytest.raises(DataError, match=r"a\.jpg is a text page saved as an image"):
            read_image(tmp_path / "a.jpg")

    @pytest.mark.parametrize("suffix", ["png", "jpg"])
    def test_a_truncated_file_is_named(self, tmp_path, suffix: str) -> None:
        path = save(Image.fromarray(noise(64, 64)), tmp_path / f"a.{suffix}")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(DataError, match=rf"a\.{suffix} is damaged"):
            read_image(path)

    def test_a_folder_is_refused(self, tmp_path) -> None:
        with pytest.raises(DataError, match=str(tmp_path)):
            read_image(tmp_path)

    def test_floats_are_refused(self, tmp_path) -> None:
        path = save(Image.fromarray(np.ones((2, 2), np.float32)), tmp_path / "a.tiff")
        with pytest.raises(DataError, match="32-bit pixels of unknown range"):
            read_image(path)


def bilinear_by_definition(image: np.ndarray, height: int, width: int, *, step: float) -> np.ndarray:
    """Sample at pixel centres, half-integers on both sides, from the four nearest pixels; float64.

    step: what weights are rounded to; 0 for none.
    """

    def axis(size_in: int, size_out: int):
        place = np.clip((np.arange(size_out) + 0.5) * size_in / size_out - 0.5, 0, size_in - 1)
        low = np.minimum(place.astype(int), size_in - 2)
        weight = place - low
        return low, np.round(weight / step) * step if step else weight

    (y, dy), (x, dx) = axis(image.shape[0], height), axis(image.shape[1], width)
    pixels, dy, dx = image.astype(float), dy[:, None, None], dx[None, :, None]
    top = pixels[y][:, x] * (1 - dx) + pixels[y][:, x + 1] * dx
    bottom = pixels[y + 1][:, x] * (1 - dx) + pixels[y + 1][:, x + 1] * dx
    return top * (1 - dy) + bottom * dy


SIZES = [(24, 24), (25, 37), (32, 32), (96, 100), (64, 128), (35, 192)]


class TestResizing:
    @pytest.mark.parametrize("size", SIZES)
    def test_is_bilinear_at_half_integer_centres_to_one_grey_level(self, size) -> None:
        image = noise(64, 64)
        expected = bilinear_by_definition(image, *size, step=0)
        resized = resize(image, size)
        assert resized.shape == (*size, 3) and resized.dtype == np.uint8
        assert np.abs(resized - expected).max() < 1.5, "weights of 1/256 and a rounded level"
        assert abs((resized - expected).mean()) < 0.2, "rounded, not truncated"

    @pytest.mark.parametrize("size", SIZES)
    def test_tensors_are_exact_under_the_rounding_rule_of_eight_bits(self, size) -> None:
        """Weights of 1/256, exact sums, nearest level with halves upwards; then normalised in float64."""
        image, mean, std = noise(64, 64), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        levels = np.floor(bilinear_by_definition(image, *size, step=1 / 256) + 0.5)
        expected = ((levels / 255 - mean) / std).transpose(2, 0, 1)
        assert np.abs(normalise(resize(image, size), mean, std).numpy() - expected).max() < 1e-6

    def test_size_is_height_then_width(self) -> None:
        assert resize(noise(40, 80), (10, 30)).shape == (10, 30, 3)

    def test_antialiasing_averages_what_is_skipped_otherwise(self) -> None:
        stripes = np.zeros((8, 64, 3), np.uint8)
        stripes[:, ::4] = 255
        smooth = resize(stripes, (2, 16), antialias=True)
        assert np.abs(smooth.astype(int) - 64).max() <= 1
        assert resize(stripes, (2, 16)).std() + 1 < np.abs(resize(stripes, (2, 16)).astype(int) - 64).max()

    def test_the_right_size_is_left_alone(self) -> None:
        image = noise(5, 7)
        assert np.array_equal(resize(image, (5, 7)), image)

    def test_mirrored_views_are_accepted(self) -> None:
        image = noise(16, 16)
        assert np.array_equal(resize(image[:, ::-1], (8, 8)), resize(image[:, ::-1].copy(), (8, 8)))


def test_normalise_is_the_textbook_formula_in_float32() -> None:
    image, mean, std = noise(3, 5), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    tensor = normalise(image, mean, std)
    assert tuple(tensor.shape) == (3, 3, 5) and str(tensor.dtype) == "torch.float32"
    expected = ((image / 255 - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(tensor.numpy(), expected, atol=1e-5)
    assert tensor.is_contiguous()


def compass(size: int) -> tuple[np.ndarray, np.ndarray]:
    """A tile and a panorama whose colour at a bearing is the bearing's, in steps of a column."""
    width = 4 * size
    middle = size / 2
    y, x = np.mgrid[:size, :size] + 0.5
    bearing = np.arctan2(x - middle, middle - y)
    tile = np.repeat(((bearing / (2 * np.pi)) % 1 * width).astype(np.uint8)[..., None], 3, axis=2)
    columns = ((np.arange(width) + 0.5) / width - 0.5) % 1 * width
    panorama = np.tile(columns.astype(np.uint8)[None, :, None], (4, 1, 3))
    return tile, panorama


class TestGeometry:
    @pytest.mark.parametrize("geometry", ALL_GEOMETRIES, ids=str)
    def test_views_of_a_place_stay_aligned(self, geometry: Geometry) -> None:
        """Both views colour a bearing alike, so after any Geometry the tile's colours, read along the
        new bearings, must be the panorama's."""
        size = 32
        tile, panorama = compass(size)
        tile, panorama = geometry.on_overhead(tile), geometry.on_panorama(panorama)
        for column in range(0, 4 * size, 5):
            bearing = 2 * np.pi * ((column + 0.5) / (4 * size) - 0.5)
            x, y = size / 2 + 14 * np.sin(bearing), size / 2 - 14 * np.cos(bearing)
            difference = int(tile[int(y), int(x), 0]) - int(panorama[0, column, 0])
            assert min(difference % 128, -difference % 128) <= 2

    @pytest.mark.parametrize("geometry", ALL_GEOMETRIES, ids=str)
    @pytest.mark.parametrize("shape", [(20, 20), (12, 20)])
    def test_a_marked_pixel_and_its_position_move_together(self, geometry: Geometry, shape) -> None:
        image = np.zeros((*shape, 3), np.uint8)
        image[3, 7] = 255
        x, y = geometry.on_position((7.5, 3.5), shape)
        assert np.argwhere(geometry.on_overhead(image)[..., 0] == 255).tolist() == [[y - 0.5, x - 0.5]]

    def test_one_quarter_turn_takes_east_to_north_and_the_centre_nowhere(self) -> None:
        turn = Geometry(quarter_turns=1)
        assert turn.on_position((100.0, 50.0), (100, 100)) == (50.0, 0.0)
        assert turn.on_position((50.0, 50.0), (100, 100)) == (50.0, 50.0)
        panorama = np.arange(8, dtype=np.uint8)[None, :, None].repeat(3, 2)
        assert turn.on_panorama(panorama)[0, 4, 0] == 6, "the column three quarters across looked east"

    def test_a_flip_mirrors_positions_about_the_centre(self) -> None:
        assert Geometry(flip=True).on_position((10.25, 3.0), (64, 100)) == (89.75, 3.0)

    def test_four_turns_and_two_flips_change_nothing(self) -> None:
        image = noise(6, 6)
        turned = image
        for _ in range(4):
            turned = Geometry(quarter_turns=1).on_overhead(turned)
        assert np.array_equal(turned, image)
        assert np.array_equal(Geometry(flip=True).on_overhead(Geometry(flip=True).on_overhead(image)), image)

    @pytest.mark.parametrize("width", [7, 10, 13])
    @pytest.mark.parametrize("turns", range(4))
    def test_odd_widths_are_off_by_half_a_column_at_most(self, width: int, turns: int) -> None:
        panorama = np.arange(width, dtype=np.uint8)[None, :, None].repeat(3, 2)
        rolled = Geometry(quarter_turns=turns).on_panorama(panorama)[0, :, 0]
        shift = int(rolled[0])
        assert abs(shift - turns * width / 4) <= 0.5
        assert rolled.tolist() == [(column + shift) % width for column in range(width)]

    def test_the_given_image_is_untouched_and_the_result_usable_by_torch(self) -> None:
        image = noise(8, 8)
        for geometry in ALL_GEOMETRIES:
            for result in (geometry.on_overhead(image), geometry.on_panorama(image)):
                assert all(stride > 0 for stride in result.strides)
        assert np.array_equal(image, noise(8, 8))

    def test_three_quarter_turns_are_the_most(self) -> None:
        with pytest.raises(UsageError, match="quarter_turns is 4"):
            Geometry(quarter_turns=4)


class TestDrawing:
    def draws(self, flip: float, turn: float, count: int = 2000) -> list[Geometry]:
        generator = np.random.default_rng(0)
        return [Geometry.draw(generator, flip_probability=flip, turn_probability=turn) for _ in range(count)]

    def test_frequencies(self) -> None:
        drawn = self.draws(0.5, 0.75)
        assert 0.45 < np.mean([geometry.flip for geometry in drawn]) < 0.55
        turns = np.bincount([geometry.quarter_turns for geometry in drawn], minlength=4) / len(drawn)
        assert np.abs(turns - 0.25).max() < 0.05

    def test_probabilities_of_zero_and_one(self) -> None:
        assert set(self.draws(0, 0, 50)) == {Geometry()}
        assert {geometry.flip for geometry in self.draws(1, 1, 50)} == {True}
        assert 0 not in {geometry.quarter_turns for geometry in self.draws(1, 1, 50)}

    def test_later_draws_do_not_depend_on_the_probabilities(self) -> None:
        generators = np.random.default_rng(3), np.random.default_rng(3)
        for generator, probability in zip(generators, (0.0, 1.0), strict=True):
            Geometry.draw(generator, flip_probability=probability, turn_probability=probability)
        assert generators[0].random() == generators[1].random()
