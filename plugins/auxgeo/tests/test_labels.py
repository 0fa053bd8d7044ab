"""Labels of the query's place, exact and as the published code has them."""

import pytest
from cvgl_auxgeo.labels import position_label

from cvgl_bench.views.images import Geometry

STORED, TILE = (640, 640), (384, 384)
EVERY_GEOMETRY = [Geometry(flip, turns) for flip in (False, True) for turns in range(4)]
UNTURNED = Geometry()


def label(position_px, geometry=UNTURNED, *, labels="published", shift_px=0.0):
    """Return the label in pixels of the tile as the network sees it."""
    x, y = position_label(position_px, STORED, geometry, tile=TILE, labels=labels, shift_px=shift_px)
    return x * 384, y * 384


@pytest.mark.parametrize("position_px", [(320.0, 320.0), (101.3, 500.9), (3.0, 639.0)])
def test_published_labels_are_whole_pixels_nearest_to_the_exact_ones(position_px):
    exact, published = label(position_px, labels="exact"), label(position_px)
    assert exact == pytest.approx([0.6 * value for value in position_px])
    assert published == pytest.approx([round(value) for value in exact])


@pytest.mark.parametrize("geometry", EVERY_GEOMETRY, ids=str)
def test_published_turns_are_about_a_point_half_a_pixel_off(geometry):
    """The centre itself goes a pixel right, below, or both; a flip alone is right."""
    off = {0: (0, 0), 1: (0, 1), 2: (1, 1), 3: (1, 0)}[geometry.quarter_turns]
    for position_px in [(320.0, 320.0), (100.0, 500.0)]:
        exact = label(position_px, geometry, labels="exact")
        assert label(position_px, geometry) == pytest.approx([exact[0] + off[0], exact[1] + off[1]])


@pytest.mark.parametrize("labels", ["exact", "published"])
def test_a_shift_puts_the_centre_of_vigors_tiles_at_the_published_pixel(labels):
    assert label((320.0, 320.0), labels=labels, shift_px=-1) == pytest.approx((191, 191))
    flipped = label((320.0, 320.0), Geometry(flip=True), labels=labels, shift_px=-1)
    assert flipped == pytest.approx((193, 191)), "shifted before the flip"
