"""North alignment of panoramas."""

from __future__ import annotations

import numpy as np
import pytest

from cvgl_bench.data_tools.fetch.north import north_aligned


def compass(height: int, width: int, heading_deg: float) -> np.ndarray:
    """Return a panorama whose colours tell the compass direction and the height of each pixel."""
    azimuth = np.radians(heading_deg + ((np.arange(width) + 0.5) / width - 0.5) * 360)
    pixels = np.empty((height, width, 3))
    pixels[..., 0] = 127.5 + 120 * np.cos(azimuth)
    pixels[..., 1] = 127.5 + 120 * np.sin(azimuth)
    pixels[..., 2] = np.linspace(0, 255, height)[:, None]
    return np.round(pixels).astype(np.uint8)


@pytest.mark.parametrize("heading", [0, 90, 180, 349.06, 1.47, -30.7, 725])
@pytest.mark.parametrize("size", [(256, 512), (128, 256)])
def test_the_centre_column_looks_north(heading, size):
    turned = north_aligned(compass(256, 512, heading), heading, size)
    assert turned.shape == (*size, 3)
    assert np.abs(turned[..., :2].astype(int) - compass(*size, 0)[..., :2]).max() <= 2


def test_nothing_to_do_changes_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 128, 3)).astype(np.uint8)
    assert np.array_equal(north_aligned(pixels, 0, (64, 128)), pixels)


def test_a_turn_by_whole_columns_is_a_roll():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 128, 3)).astype(np.uint8)
    assert np.array_equal(north_aligned(pixels, 90, (64, 128)), np.roll(pixels, 32, axis=1))
