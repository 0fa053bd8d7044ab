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
        first, again = photometric(image, (40, 60), generator(4)), photometric(image, (40, 60), generator(4))
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
    def test_a_blur_spreads_a_point_by_a_gaussian_and_keeps_its_sum(self) -> None:
        point = np.zeros((9, 9, 3), np.uint8)
        point[4, 4] = 250
        spread = augment.blur(point, 5, 1.0)[..., 0].astype(int)
        window = np.exp(-0.5 * np.arange(-2, 3) ** 2)
        expected = 250 * np.outer(window, window) / window.sum() ** 2
        assert np.abs(spread[2:7, 2:7] - expected).max() <= 1
        assert spread[4, 3] == spread[4, 5] == spread[3, 4]

    def test_sharpening_steepens_an_edge_and_leaves_plains_alone(self) -> None:
        image = np.full((8, 8, 3), 100, np.uint8)
        image[:, 4:] = 140
        sharp = augment.sharpen(image, 0.2).astype(int)
        assert (sharp[:, :2] == 100).all() and (sharp[:, 6:] == 140).all()
        assert (sharp[:, 3] == 100 - round(0.2 * 3 * 40)).all()
        assert (sharp[:, 4] == 140 + round(0.2 * 3 * 40)).all()


class TestDropout:
    @pytest.mark.parametrize("ratio", [0.4, 0.5])
    def test_a_grid_blackens_the_ratio_squared(self, ratio: float) -> None:
        image = np.full((100, 200, 3), 9, np.uint8)
        black = (augment.drop_grid(image, ratio) == 0).all(axis=2)
        assert black.mean() == pytest.approx(ratio**2, abs=1e-6)
        assert black[0, 0] and not black[9, 19]

    def test_holes_have_the_published_number_and_sides(self) -> None:
        image = np.full((100, 100, 3), 9, np.uint8)
        shares = [(augment.drop_holes(image, generator(seed)) == 0).mean() for seed in range(40)]
        assert min(shares) > 0.08, "at least ten holes of 10 by 10 %, overlapping"
        assert 0.2 < np.mean(shares) < 0.45

    def test_holes_stay_inside_small_images(self) -> None:
        for seed in range(20):
            assert augment.drop_holes(np.full((7, 5, 3), 9, np.uint8), generator(seed)).shape == (7, 5, 3)
