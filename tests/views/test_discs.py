"""A slid disc correlates as the definition says, at every place that holds enough of it."""

import cv2
import numpy as np
import pytest
import torch

from cvgl_bench.views.discs import Slide

SIDE = 7
AXIS = np.arange(SIDE) - SIDE // 2
INSIDE = np.hypot(AXIS[:, None], AXIS) <= SIDE / 2


def plain_best(tile, disc, least_inside):
    """Return the weighed correlation of the best place, one place after the other: (C, H, W), (C, s, s)."""
    best, half = -1.0, SIDE // 2
    padded = np.pad(tile, ((0, 0), (half, half), (half, half)), constant_values=np.nan)
    for y in range(tile.shape[1]):
        for x in range(tile.shape[2]):
            there = padded[:, y : y + SIDE, x : x + SIDE]
            shared = INSIDE & ~np.isnan(there[0])
            share = shared.sum() / INSIDE.sum()
            if share >= least_inside:
                one, other = (part[:, shared] - part[:, shared].mean(1)[:, None] for part in (there, disc))
                r = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
                best = max(best, r * np.sqrt(share))
    return best


@pytest.mark.parametrize("least_inside", [0.25, 0.6, 1.0])
def test_every_pair_scores_as_the_definition(least_inside):
    rng = np.random.default_rng(0)
    tiles = rng.uniform(0, 255, (3, 2, 14, 18)).astype(np.float32)
    discs = rng.uniform(0, 255, (7, 2, SIDE, SIDE)).astype(np.float32)
    found = Slide(torch.from_numpy(tiles), SIDE, least_inside=least_inside).best(torch.from_numpy(discs))
    plain = [[plain_best(tile, disc, least_inside) for tile in tiles] for disc in discs]
    np.testing.assert_allclose(found, plain, atol=1e-5)


def test_whole_places_score_as_opencvs_masked_correlation():
    rng = np.random.default_rng(0)
    tiles = rng.uniform(0, 255, (2, 3, 40, 44)).astype(np.float32)
    disc = tiles[1][:, 10:25, 20:35] + rng.normal(0, 20, (3, 15, 15)).astype(np.float32)
    axis = np.arange(15) - 7
    mask = np.repeat((np.hypot(axis[:, None], axis) <= 7.5).astype(np.float32)[..., None], 3, axis=2)
    plain = [
        cv2.matchTemplate(
            np.ascontiguousarray(tile.transpose(1, 2, 0)),
            np.ascontiguousarray(disc.transpose(1, 2, 0)),
            cv2.TM_CCOEFF_NORMED,
            mask=mask,
        ).max()
        for tile in tiles
    ]
    found = Slide(torch.from_numpy(tiles), 15).best(torch.from_numpy(disc)[None])[0]
    np.testing.assert_allclose(found, plain, atol=1e-5)


def test_a_disc_half_outside_is_found_where_it_is():
    rng = np.random.default_rng(1)
    ground = torch.from_numpy(rng.uniform(0, 255, (1, 3, 40, 80)).astype(np.float32))
    left, right = ground[..., :40], ground[..., 40:]
    disc = ground[..., 20 - 3 : 20 + 4, 41 - 3 : 41 + 4]  # a pixel right of the border
    tiles = torch.cat([left, right])
    whole = Slide(tiles, SIDE).best(disc)[0]
    parts = Slide(tiles, SIDE, least_inside=0.25).best(disc)[0]
    assert parts[1] > parts[0]
    assert parts[1] > whole[1] + 0.2
    assert parts[1] == pytest.approx(np.sqrt(INSIDE[:, 2:].sum() / INSIDE.sum()), abs=1e-4)


def test_even_ground_correlates_with_nothing():
    even, noise = torch.full((1, 3, 20, 20), 90.0), torch.rand(1, 3, 20, 20) * 255
    disc = torch.rand(1, 3, SIDE, SIDE) * 255
    assert abs(float(Slide(even, SIDE).best(disc))) < 1e-3
    assert abs(float(Slide(noise, SIDE).best(torch.full_like(disc, 90.0)))) < 1e-3
