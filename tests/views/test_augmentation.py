from __future__ import annotations

import colorsys

import numpy as np
import pytest

from cvgl_bench.views import augmentation as augment
from cvgl_bench.views.augmentation import Photometric

OFF = {
    "jpeg_probability": 0.0,
    "colour_probability": 0.0,
    "blur_probability": 0.0,
    "dropout_probability": 0.0,
}
STEPS = sorted(OFF)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(height: int = 40, width: int = 60) -> np.ndarray:
    return generator(9).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int = 64, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([120 + 60 * np.sin(x / 9), 100 + 50 * np.cos(y / 7), 90 + x * 0.5], -1).astype(np.uint8)


class TestPhotometric:
    def test_with_every_step_off_only_the_size_changes(self) -> None:
        image = noise()
        assert np.array_equal(Photometric(**OFF)(image, (40, 60), generator()), image)
        assert Photometric(**OFF)(image, (20, 24), generator()).shape == (20, 24, 3)

    @pytest.mark.parametrize("step", STEPS)
    def test_each_step_changes_the_image_and_repeats_with_the_seed(self, step: str) -> None:
        image, photometric = noise(), Photometric(**(OFF | {step: 1.0}))
        first, again = photometric(image, (40, 60), generator(1)), photometric(image, (40, 60), generator(1))
        assert first.dtype == np.uint8 and first.shape == (40, 60, 3)
        assert np.array_equal(first, again)
        assert not np.array_equal(first, image)
        others = [photometric(image, (40, 60), generator(seed)) for seed in range(5, 9)]
        assert not all(np.array_equal(first, other) for other in others)

    def test_the_given_image_is_left_alone(self) -> None:
        image = noise()
        Photometric(**dict.fromkeys(STEPS, 1.0))(image, (40, 60), generator())
        assert np.array_equal(image, noise())

    def test_a_step_happens_as_often_as_its_probability_says(self) -> None:
        photometric, image, draws = Photometric(**(OFF | {"dropout_probability": 0.3})), noise(), generator()
        changed = [not np.array_equal(photometric(image, (40, 60), draws), image) for _ in range(400)]
        assert 0.22 < np.mean(changed) < 0.38


class TestCompression:
    def test_is_close_on_a_smooth_image_and_closer_at_higher_quality(self) -> None:
        errors = [
            np.abs(augment.compress(smooth(), quality) - smooth().astype(int)).mean() for quality in (60, 98)
        ]
        assert errors[1] < errors[0] < 4

    def test_red_stays_red(self) -> None:
        red = np.zeros((16, 16, 3), np.uint8)
        red[..., 0] = 200
        assert np.abs(augment.compress(red, 95).astype(int) - red).max() <= 3


class TestColours:
    def test_no_strength_changes_nothing(self) -> None:
        assert np.array_equal(augment.jitter_colours(noise(), 0.0, generator()), noise())

    def test_changes_grow_with_the_strength(self) -> None:
        def change(strength: float) -> float:
            differences = [
                np.abs(augment.jitter_colours(smooth(), strength, generator(seed)) - smooth().astype(int))
                for seed in range(10)
            ]
            return float(np.mean(differences))

        assert 0 < change(0.02) < change(0.15) < change(0.4)

    def test_saturation_blends_with_the_grey_level(self) -> None:
        pixel = np.array([200.0, 100.0, 50.0])
        grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
        np.testing.assert_allclose(augment.saturation_matrix(0.0) @ pixel, [grey] * 3)
        np.testing.assert_allclose(augment.saturation_matrix(1.0), np.eye(3))

    @pytest.mark.parametrize("turn", [0.1, -0.15, 0.5])
    def test_a_hue_turn_keeps_greys_and_grey_levels(self, turn: float) -> None:
        matrix = augment.hue_matrix(2 * np.pi * turn)
        np.testing.assert_allclose(matrix @ np.full(3, 77.0), np.full(3, 77.0), atol=1e-9)
        pixels = generator().uniform(0, 255, (3, 20))
        np.testing.assert_allclose(augment.LUMA @ matrix @ pixels, augment.LUMA @ pixels, atol=1e-9)

    @pytest.mark.parametrize("turn", [0.05, 0.1, 0.15])
    def test_a_hue_turn_is_near_that_of_hsv(self, turn: float) -> None:
        pixels = 128 + generator().uniform(-20, 20, (3, 200))
        moved = augment.hue_matrix(2 * np.pi * turn) @ pixels
        before, after = (np.array([colorsys.rgb_to_hsv(*p)[0] for p in v.T / 255]) for v in (pixels, moved))
        turned = np.abs((after - before + 0.5) % 1 - 0.5)
        assert abs(np.median(turned) - turn) < 0.4 * turn

    def test_contrast_spreads_about_the_mean_grey_level(self) -> None:
        class Fixed:
            """Draws brightness 1, contrast 1.3 and saturation 1, then no hue turn."""

            def uniform(self, low, high, size=None):
                return np.array([0.0, 0.3, 0.0]) if size else 0.0

        image = np.full((4, 4, 3), 100, np.uint8)
        image[:2] = 140
        changed = augment.jitter_colours(image, 0.3, Fixed())
        assert changed[0, 0].tolist() == [146] * 3 and changed[3, 3].tolist() == [94] * 3


class TestBlurAndSharpening:
    def test_a_blur_spreads_a_point_by_its_window(self) -> None:
        point = np.zeros((9, 9, 3), np.uint8)
        point[4, 4] = 250
        window = np.array([[1, 2, 3], [4, 20, 5], [6, 7, 2]]) / 50
        spread = augment.blur(point, window)[..., 1]
        assert spread[3:6, 3:6].tolist() == np.round(250 * window[::-1, ::-1]).tolist()
        assert spread.sum() == 250

    def test_blur_windows_have_the_documented_sides_and_sum_to_one(self) -> None:
        windows = [augment.draw_blur_window(generator(seed)) for seed in range(300)]
        sides = [len(window) for window in windows]
        assert {side: sides.count(side) // 60 for side in (3, 5, 7)} == {3: 1, 5: 1, 7: 1}
        for window in windows:
            assert window.shape == (len(window),) * 2 and window.min() >= 0
            assert window.sum() == pytest.approx(1)
            assert window.max() == pytest.approx(window[(len(window) // 2,) * 2], rel=0.23)

    def test_blur_windows_are_stretched_in_every_direction(self) -> None:
        """Covariance of the weights: wider along x in as many draws as along y, and turned either way."""
        moments, draws = [], generator()
        for _ in range(400):
            window = augment.draw_blur_window(draws)
            y, x = np.mgrid[: len(window), : len(window)] - len(window) // 2
            moments.append([(window * x * x).sum() - (window * y * y).sum(), (window * x * y).sum()])
        for moment in np.array(moments).T:
            visible = moment[np.abs(moment) > 0.01]
            assert len(visible) > 100, "the rest hardly leaves the middle pixel"
            assert 0.4 < np.mean(visible > 0) < 0.6

    def test_blur_keeps_the_published_share_of_fine_detail(self) -> None:
        """Of a 384 x 768 px street panorama the published blur keeps 0.67 of its high-pass energy, an
        isotropic Gaussian of the same sigmas 0.57. Here the share is taken on a power spectrum of 1 / f^2,
        as street scenes have, where that Gaussian keeps 0.5 to 0.6 as well."""
        frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(64)] * 2))
        power = np.where(frequency > 0.08, 1 / np.maximum(frequency, 0.08) ** 2, 0)

        def kept(window: np.ndarray) -> float:
            return float((np.abs(np.fft.fft2(window, (64, 64))) ** 2 * power).sum() / power.sum())

        def gaussian(draws: np.random.Generator) -> np.ndarray:
            side, sigma = int(draws.choice((3, 5, 7))), draws.uniform(0.2, 1)
            bell = np.exp(-0.5 * ((np.arange(side) - side // 2) / sigma) ** 2)
            return np.outer(bell, bell) / bell.sum() ** 2

        ours = np.mean([kept(augment.draw_blur_window(generator(seed))) for seed in range(1500)])
        round_bells = np.mean([kept(gaussian(generator(seed))) for seed in range(1500)])
        assert 0.08 < ours - round_bells < 0.13
        assert 0.62 < ours < 0.72

    def test_sharpening_steepens_an_edge_and_leaves_plains_alone(self) -> None:
        image = np.full((8, 8, 3), 100, np.uint8)
        image[:, 4:] = 140
        sharp = augment.sharpen(image, 0.2).astype(int)
        assert (sharp[:, :2] == 100).all() and (sharp[:, 6:] == 140).all()
        assert (sharp[:, 3] == 100 - round(0.2 * 3 * 40)).all()
        assert (sharp[:, 4] == 140 + round(0.2 * 3 * 40)).all()


def white(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)

    def test_published_sharpening_darkens_by_an_eleventh_on_average(self) -> None:
        """Alpha 0.35 times a loss of 0.25 on average: 8.75 % of the light, where it is not clipped."""
        plain = np.full((8, 8, 3), 120, np.uint8)
        darkened = augment.sharpen(plain, 0.4, gain=0.5)
        assert (darkened == 120 * (1 - 0.4 * 0.5)).all()
        draws, levels = generator(), []
        sharpening = Photometric(**(OFF | {"blur_probability": 1.0}), sharpen_darkens=True)
        for _ in range(400):
            levels.append(sharpening(plain, (8, 8), draws).mean())
        # Half of the draws blur, which leaves a plain as it is.
        assert 120 - np.mean(levels) == pytest.approx(120 * 0.0875 / 2, rel=0.15)
        keeping = Photometric(**(OFF | {"blur_probability": 1.0}))
        assert all((keeping(plain, (8, 8), draws) == plain).all() for _ in range(40))


class TestDropout:
    """Figures of the published code, measured over 2,000 draws of it."""

    @pytest.mark.parametrize(
        ("size", "ratio", "squares", "cell_px", "hole_px", "black"),
        [
            ((384, 768), 0.5, (6, 11), 76, 38, 0.255),
            ((140, 768), 0.5, (2, 11), 76, 38, 0.274),
            ((384, 384), 0.4, (11, 11), 38, 15, 0.161),
        ],
    )
    def test_a_grid_has_the_published_squares(self, size, ratio, squares, cell_px, hole_px, black) -> None:
        dropped = (augment.drop_grid(white(*size), ratio) == 0).all(axis=2)
        for axis, count in enumerate(squares):
            line = dropped.any(axis=1 - axis).astype(int)
            starts = np.flatnonzero(np.diff(line, prepend=0) == 1)
            ends = np.flatnonzero(np.diff(line, append=0) == -1) + 1
            assert starts.tolist() == [cell_px * square for square in range(count)]
            assert (ends[:-1] - starts[:-1] == hole_px).all()
            assert ends[-1] == min(starts[-1] + hole_px, size[axis])
        assert dropped.mean() == pytest.approx(black, abs=0.001)

    @pytest.mark.parametrize("width", [5, 20, 80])
    def test_a_grid_leaves_light_in_every_whole_cell_of_a_small_image(self, width: int) -> None:
        dropped = (augment.drop_grid(white(8, width), 0.99) == 0).all(axis=2)
        cell = max(width // 10, 2)
        assert dropped[0, 0] and not dropped[cell - 1, cell - 1]

    @pytest.mark.parametrize(
        ("size", "black"), [((384, 768), 0.171), ((140, 768), 0.069), ((384, 384), 0.31)]
    )
    def test_holes_blacken_the_published_area(self, size, black: float) -> None:
        draws, image = generator(), white(*size)[..., :1]
        left = [np.count_nonzero(augment.drop_holes(image, draws)) for _ in range(2000)]
        assert 1 - np.mean(left) / image.size == pytest.approx(black, abs=0.01)

    def test_holes_have_sides_of_the_images_height_in_both_directions(self) -> None:
        """One hole at a time, in the corner, from what the generator is asked for."""
        asked: list[tuple[int, int, int | None]] = []

        class Asked:
            def integers(self, low, high, size=None):
                asked.append((low, high, size))
                return np.array([high - 1] * size) if size else low

        dropped = augment.drop_holes(white(140, 768), Asked())[..., 0] == 0
        assert asked[:2] == [(10, 26, None), (14, 29, 2)], "10 to 25 holes of 14 to 28 px"
        assert asked[2:4] == [(0, 113, None), (0, 741, None)], "anywhere inside"
        assert dropped.sum() == 28 * 28 and dropped[:28, :28].all()

    def test_holes_stay_inside_small_images(self) -> None:
        for seed in range(20):
            assert augment.drop_holes(np.full((7, 5, 3), 9, np.uint8), generator(seed)).shape == (7, 5, 3)
