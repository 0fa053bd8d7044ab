from __future__ import annotations

import numpy as np
import pytest

from cvgl_bench.foundation import geo
from cvgl_bench.training.sampling import gps_neighbours, similar_neighbours

CENTRES = [(60.17, 24.94), (-33.87, 151.21), (39.29, -76.61)]


def town(count: int, centres=CENTRES, *, seed: int = 0) -> np.ndarray:
    """Positions scattered over about 2 km around each centre."""
    draws = np.random.default_rng(seed)
    return np.concatenate([np.array(centre) + draws.uniform(-0.01, 0.01, (count, 2)) for centre in centres])


def nearest_by_definition(queries: np.ndarray, references: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Every used reference but the own one, by great-circle distance."""
    distance = geo.great_circle_m(*queries.T[:, :, None], *references.T[:, None, :])
    distance[:, np.setdiff1d(np.arange(len(references)), truth)] = np.inf
    distance[np.arange(len(queries)), truth] = np.inf
    return np.argsort(distance, axis=1, kind="stable")


def test_agrees_with_the_full_distance_matrix() -> None:
    """Including latitude 39.29, where degrees taken for radians leave 29 % of the neighbours right."""
    references = town(200)
    draws = np.random.default_rng(1)
    truth = draws.integers(0, len(references), 700)
    queries = references[truth] + draws.uniform(-3e-4, 3e-4, (700, 2))
    found = gps_neighbours(queries, references, truth=truth, pool=32)
    assert np.array_equal(found, nearest_by_definition(queries, references, truth)[:, :32])


def test_neighbours_reach_across_the_date_line_and_the_pole() -> None:
    references = np.array([[0.0, 179.999], [0.0, -179.999], [0.0, 179.9], [89.999, 0.0], [89.999, 180.0]])
    found = gps_neighbours(references, references, truth=np.arange(5), pool=1)
    assert found[:, 0].tolist() == [1, 0, 0, 4, 3]


def test_references_without_a_query_are_no_neighbours() -> None:
    references = town(50)
    truth = np.arange(0, len(references), 2)
    found = gps_neighbours(references[truth], references, truth=truth, pool=10)
    assert np.isin(found, truth).all()


def test_every_query_of_a_tile_has_neighbours_of_its_own() -> None:
    lat = np.linspace(10, 10.01, 11)
    references = np.stack([lat, np.full(11, 20.0)], axis=1)
    queries = np.array([[lat[5] - 4e-4, 20.0], [lat[5] + 4e-4, 20.0], *references])
    truth = np.array([5, 5, *range(11)])
    found = gps_neighbours(queries, references, truth=truth, pool=1)
    assert found[:2, 0].tolist() == [4, 6]


def published_neighbours(position: np.ndarray, pool: int) -> np.ndarray:
    """The haversine of the published code, degrees fed as radians, over the full matrix."""
    lat, lon = position.T
    across, along = lat[:, None] - lat, lon[:, None] - lon
    chord = np.sin(across / 2) ** 2 + np.cos(lat)[:, None] * np.cos(lat) * np.sin(along / 2) ** 2
    np.fill_diagonal(chord, np.inf)
    return np.argsort(chord, axis=1, kind="stable")[:, :pool]


@pytest.mark.parametrize(("centre", "right"), [(39.29, (0.2, 0.55)), (60.17, (0.6, 1)), (-33.87, (0.6, 1))])
def test_degrees_for_radians_give_the_published_neighbours(centre: float, right: tuple) -> None:
    position = town(900, [(centre, 24.94)])
    settings = {"truth": np.arange(900), "pool": 128}
    found = gps_neighbours(position, position, **settings, metric="degrees-as-radians")
    assert np.array_equal(found, published_neighbours(position, 128))
    correct = gps_neighbours(position, position, **settings)
    share = np.mean([np.isin(a, b).mean() for a, b in zip(found, correct, strict=True)])
    assert right[0] < share < right[1]


def test_neighbours_of_a_reference_are_those_of_its_centre() -> None:
    lat = np.linspace(10, 10.01, 11)
    references = np.stack([lat, np.full(11, 20.0)], axis=1)
    queries = np.array([[lat[5] - 4e-4, 20.0], [lat[5] + 4e-4, 20.0], *references])
    truth = np.array([5, 5, *range(11)])
    shared = gps_neighbours(queries, references, truth=truth, pool=4, owner="reference")
    centre = gps_neighbours(references, references, truth=np.arange(11), pool=4)
    assert np.array_equal(shared, centre[truth])


@pytest.mark.parametrize("references", [1, 2, 5])
def test_fewer_references_than_the_pool(references: int) -> None:
    position = town(references, CENTRES[:1])
    found = gps_neighbours(position, position, truth=np.arange(references), pool=128)
    rows = [sorted(set(row.tolist()) - {-1}) for row in found]
    assert rows == [[other for other in range(references) if other != row] for row in range(references)]


def test_equal_positions_are_all_found() -> None:
    position = np.tile([[48.0, 2.0]], (300, 1))
    found = gps_neighbours(position, position, truth=np.arange(300), pool=8)
    assert found.shape == (300, 8)
    assert all(row not in found[row] and -1 not in found[row] for row in range(300))


def test_similar_neighbours_leave_out_the_own_reference_and_keep_the_order() -> None:
    nearest = np.array([[7, 3, 5], [3, 7, 5], [5, 7, 9]])
    truth = np.array([7, 7, 1])
    assert similar_neighbours(nearest, truth=truth, pool=2).tolist() == [[3, 5], [3, 5], [5, 7]]


def test_of_a_references_queries_the_last_gives_the_neighbours() -> None:
    nearest = np.array([[1, 2, 3], [0, 2, 3], [3, 0, 1], [2, 1, 3], [0, 1, 2]])
    truth = np.array([0, 1, 0, 0, 1])
    shared = similar_neighbours(nearest, truth=truth, pool=2, owner="reference")
    own = similar_neighbours(nearest, truth=truth, pool=2)
    assert own.tolist() == [[1, 2], [0, 2], [3, 1], [2, 1], [0, 2]]
    assert shared.tolist() == [own[[3, 4, 3, 3, 4][row]].tolist() for row in range(5)]


def test_similar_neighbours_pad_at_the_end() -> None:
    nearest = np.array([[0, 1, -1], [2, 0, 1]])
    assert similar_neighbours(nearest, truth=np.array([0, 3]), pool=8).tolist() == [[1, -1, -1], [2, 0, 1]]


def test_vigors_training_split_is_searched_exactly(sample_data) -> None:
    """The true tiles of NewYork: a sample of queries against the full matrix."""
    names = (sample_data / "vigor_corrected_labels" / "NewYork" / "satellite_list.txt").read_text().split()
    references = np.array([name.removesuffix(".png").split("_")[1:3] for name in names], float)
    truth = np.random.default_rng(0).permutation(len(references))[:3000]
    found = gps_neighbours(references[truth], references, truth=truth, pool=128)
    sample = slice(0, 60)
    distance = geo.great_circle_m(
        *references[truth[sample]].T[:, :, None], *references[np.sort(truth)].T[:, None, :]
    )
    expected = np.sort(distance, axis=1)[:, 1:129]
    rows = references[found[sample]]
    measured = geo.great_circle_m(
        references[truth[sample], 0, None], references[truth[sample], 1, None], rows[..., 0], rows[..., 1]
    )
    np.testing.assert_allclose(measured, expected, atol=1e-5)
