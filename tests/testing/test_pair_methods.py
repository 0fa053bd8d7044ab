"""The suite tells what a method of pairs breaks, and lets one be that keeps the contract."""

import pytest
import torch
from torch import nn

from cvgl_bench.foundation.errors import DataError, EmbeddingError
from cvgl_bench.method import PairMethod
from cvgl_bench.testing import check_method


class Alike(PairMethod):
    """Scores a pair by how alike its mean colours are."""

    name = "alike"
    title = "Alike"

    def build(self):
        return nn.Linear(3, 3)

    def prepare(self, image, view):
        return torch.from_numpy(image.reshape(-1, 3).mean(axis=0) / 255).float()

    def rerank(self, network, queries, references, width_m):
        return -torch.linalg.vector_norm(network(queries[:, None] - references[None]), dim=2)


class Whole(Alike):
    """Refuses a cut panorama."""

    def prepare(self, image, view):
        if view == "query" and image.shape[1] > 2 * image.shape[0]:
            raise DataError("cut")
        return super().prepare(image, view)


class Sulky(Alike):
    """Refuses a tile."""

    def prepare(self, image, view):
        if view == "reference":
            raise DataError("no")
        return super().prepare(image, view)


class Transposed(Alike):
    """Answers (K, Q)."""

    def rerank(self, network, queries, references, width_m):
        return super().rerank(network, queries, references, width_m).T


class Relative(Alike):
    """Scores against what stands beside."""

    def rerank(self, network, queries, references, width_m):
        scores = super().rerank(network, queries, references, width_m)
        return scores - scores.mean(dim=1, keepdim=True)


class Ordered(Alike):
    """Breaks ties by order."""

    def rerank(self, network, queries, references, width_m):
        scores = super().rerank(network, queries, references, width_m)
        return scores - 1e-6 * torch.arange(len(references))


class Constant(Alike):
    """Looks at no image."""

    def rerank(self, network, queries, references, width_m):
        return torch.zeros(len(queries), len(references))


class Chancy(Alike):
    """Draws."""

    def rerank(self, network, queries, references, width_m):
        return torch.rand(len(queries), len(references))


class Infinite(Alike):
    """Overflows."""

    def rerank(self, network, queries, references, width_m):
        return super().rerank(network, queries, references, width_m) / 0.0


BROKEN = {
    Sulky: "refuses a whole reference image",
    Transposed: r"rerank\(\) gives a tensor \(4, 3\)",
    Relative: "scores a pair differently alone and among others",
    Ordered: "scores two equal references differently",
    Constant: "scores every reference alike",
    Chancy: "scores differently when seeded and built anew",
    Infinite: "scores that are not finite",
}


@pytest.mark.parametrize("method", [Alike, Whole])
def test_accepts_what_keeps_the_contract(method):
    check_method(method)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_names_what_a_method_of_pairs_breaks(broken):
    with pytest.raises(AssertionError, match=BROKEN[broken]) as caught:
        check_method(broken)
    assert str(caught.value).startswith(broken.__name__ + ": ")


def test_a_method_of_pairs_embeds_nothing():
    with pytest.raises(EmbeddingError, match="'alike' scores pairs of images and gives no embedding"):
        Alike(None).embed(nn.Identity(), torch.zeros(1, 3), "query")
