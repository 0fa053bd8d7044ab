"""Training batches without two pairs of one reference, filled with neighbours of a few seeds."""

from cvgl_bench.training.sampling.batches import neighbour_batches, random_batches
from cvgl_bench.training.sampling.neighbours import gps_neighbours, similar_neighbours

__all__ = ["gps_neighbours", "neighbour_batches", "random_batches", "similar_neighbours"]
