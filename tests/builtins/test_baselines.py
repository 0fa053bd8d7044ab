import numpy as np
import pytest
import torch

from cvgl_bench.builtins.baselines import Chance, ChanceOptions, Frozen, FrozenOptions
from cvgl_bench.data import cards, layouts
from cvgl_bench.embedding.images import embed_split
from cvgl_bench.evaluation.evaluate import Place, evaluate
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.plugins import load_plugins
from cvgl_bench.running.execution import seed_everything

KNOWN = load_plugins([]).layouts

CPU = torch.device("cpu")


def test_chance_opens_no_image_and_repeats_by_seed(noise_world):
    card, root = noise_world
    split = layouts.read_task(cards.read_card(card), "same", root, layouts=KNOWN).test
    object.__setattr__(split, "root", root / "nowhere")
    method = Chance(ChanceOptions())
    ranks = []
    for seed in (1, 1, 2):
        seed_everything(seed)
        found = evaluate(
            method, method.build(), split, options=EvaluationOptions(), place=Place(device=CPU, workers=0)
        )
        ranks.append(found.ranking.rank)
    np.testing.assert_array_equal(ranks[0], ranks[1])
    assert (ranks[0] != ranks[2]).any()


def test_chance_scores_chance():
    seed_everything(0)
    method = Chance(ChanceOptions())
    network = method.build()
    queries, references = (method.embed(network, torch.empty(n, 0), "query") for n in (4000, 50))
    rank = (queries @ references.T).argsort(dim=1, descending=True)[:, 0]
    hits = (rank == torch.arange(4000) % 50).sum().item()
    # Four standard deviations of a binomial with 4,000 draws at 1 / 50.
    assert abs(hits - 80) < 4 * np.sqrt(80)


def test_frozen_takes_the_size_and_colours_of_timms_configuration():
    method = Frozen(FrozenOptions(backbone="test_resnet.r160_in1k", weights="none"))
    image = np.full((40, 80, 3), 255, np.uint8)
    tile, panorama = method.prepare(image, "reference"), method.prepare(image, "query")
    assert tile.shape == (3, 160, 160)
    assert panorama.shape == (3, 160, 320)
    torch.testing.assert_close(tile[:, 0, 0], torch.ones(3))


def test_frozen_embeds_every_image_by_itself(noise_world):
    card, root = noise_world
    split = layouts.read_task(cards.read_card(card), "same", root, layouts=KNOWN).test
    options = FrozenOptions(
        backbone="test_resnet.r160_in1k", weights="none", tile_size=(32, 32), panorama_size=(32, 64)
    )
    seed_everything(0)
    method = Frozen(options)
    network = method.build()
    found = [
        embed_split(method, network, split, view="query", device=CPU, batch_size=size, workers=0)
        for size in (3, 18)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found[0], axis=1), 1, atol=1e-6)


def test_an_embedding_that_is_not_finite_is_refused_by_name(noise_world):
    from cvgl_bench.foundation.errors import EmbeddingError

    class Broken(Chance):
        def embed(self, network, images, view):
            vectors = network(len(images))
            vectors[1] = float("nan")
            return vectors

    card, root = noise_world
    split = layouts.read_task(cards.read_card(card), "same", root, layouts=KNOWN).test
    method = Broken(ChanceOptions())
    with pytest.raises(EmbeddingError, match=split.queries["name"].iloc[1]):
        embed_split(method, method.build(), split, view="query", device=CPU, batch_size=4, workers=0)
