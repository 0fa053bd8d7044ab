"""The one evaluation with a second look: what it moves, what it cannot move, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cvgl_bench.builtins.baselines import Chance, ChanceOptions
from cvgl_bench.data import cards, layouts
from cvgl_bench.evaluation import reranking
from cvgl_bench.evaluation.evaluate import Place, evaluate
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.pairs import Scorer
from cvgl_bench.evaluation.reranking import RANK_BEFORE, Reranker
from cvgl_bench.foundation.errors import PluginError, UsageError
from cvgl_bench.method import PairMethod
from cvgl_bench.plugins import load_plugins
from cvgl_bench.testing import check_method

KNOWN = load_plugins([]).layouts
PLACE = Place(torch.device("cpu"), 0)


class Colours(PairMethod):
    """Scores pairs by how alike their mean colours are, as noise worlds are made."""

    name = "colours"
    title = "Colours"

    def build(self):
        return torch.nn.Identity()

    def prepare(self, image, view):
        return torch.from_numpy(image.reshape(-1, 3).mean(axis=0)).float()

    def rerank(self, network, queries, references, width_m):
        return -torch.linalg.vector_norm(queries[:, None] - references[None], dim=2)


@pytest.fixture
def split(noise_world):
    card, root = noise_world
    return layouts.read_task(cards.read_card(card), "same", root, layouts=KNOWN).test


def evaluated(split, scorer=None, **options):
    torch.manual_seed(3)
    method = Chance(ChanceOptions())
    reranker = None if scorer is None else Reranker(scorer, scorer.build())
    return evaluate(
        method,
        method.build(),
        split,
        options=EvaluationOptions(embed_batch_size=4, **options),
        place=PLACE,
        reranker=reranker,
    )


def alone(method, split):
    options = EvaluationOptions(embed_batch_size=4)
    return evaluate(method, method.build(), split, options=options, place=PLACE)


def test_a_method_of_pairs_keeps_the_contract():
    check_method(Colours)


def test_a_method_of_pairs_ranks_alone(split):
    ranking = alone(Colours(None), split).ranking
    assert (ranking.rank == 0).mean() > 0.9
    np.testing.assert_array_equal(ranking.top_rows[ranking.rank == 0, 0], split.truth[ranking.rank == 0])


@pytest.mark.parametrize("query_bytes", [1, 2**30])
def test_scores_do_not_depend_on_how_they_are_parted(split, monkeypatch, query_bytes):
    monkeypatch.setattr("cvgl_bench.evaluation.pairs.QUERY_BYTES", query_bytes)
    method = Colours(None)
    scorer = Scorer(method, method.build(), device=PLACE.device, batch_size=4, workers=0)
    every = scorer.score(split)
    candidates = np.random.default_rng(0).integers(0, len(split.references), (len(split), 5))
    chosen = scorer.score(split, candidates)
    assert every.shape == (len(split), len(split.references))
    np.testing.assert_allclose(chosen, np.take_along_axis(every, candidates, axis=1), rtol=1e-5)


def test_reranking_moves_the_best_and_nothing_across_their_border(split):
    before, after = evaluated(split), evaluated(split, Colours(None), rerank="colours", rerank_top=6)
    for k in range(6, len(split.references)):
        np.testing.assert_array_equal(before.ranking.rank < k, after.ranking.rank < k)
    np.testing.assert_array_equal(after.extra[RANK_BEFORE], before.ranking.rank)
    np.testing.assert_array_equal(after.ranking.top_rows[:, 6:], before.ranking.top_rows[:, 6:])
    within = before.ranking.rank < 6
    assert 0.1 < within.mean() < 0.9
    assert (after.ranking.rank[within] == 0).mean() > 0.9
    assert (after.distance_m[after.ranking.rank == 0] < before.distance_m.max()).all()


def test_equal_scores_count_against_the_truth(split):
    class Even(Colours):
        def rerank(self, network, queries, references, width_m):
            return torch.zeros(len(queries), len(references))

    before, after = evaluated(split), evaluated(split, Even(None), rerank="colours", rerank_top=6)
    within = before.ranking.rank < 6
    assert (after.ranking.rank[within] == 5).all()
    assert (after.ranking.ties[within] == 5).all()
    assert (alone(Even(None), split).ranking.rank == len(split.references) - 1).all()


def test_more_references_may_be_reordered_than_are_kept(split):
    found = evaluated(split, Colours(None), rerank="colours", rerank_top=12, top=3)
    assert found.ranking.top_rows.shape == (len(split), 3)
    assert (found.ranking.rank[found.extra[RANK_BEFORE] < 12] == 0).mean() > 0.9


def test_a_score_that_is_not_finite_is_the_methods_fault(split):
    class Broken(Colours):
        def rerank(self, network, queries, references, width_m):
            return torch.full((len(queries), len(references)), torch.nan)

    with pytest.raises(PluginError, match=r"'colours' breaks its contract: rerank\(\) gives scores that"):
        alone(Broken(None), split)


def test_more_pairs_than_can_be_scored_are_refused_with_the_way_out(split, monkeypatch):
    monkeypatch.setattr(reranking, "MOST_PAIRS", 100)
    with pytest.raises(UsageError, match=r"324: more than the 100 .* --set evaluation\.rerank=colours"):
        alone(Colours(None), split)


def test_a_reranker_that_was_not_given_is_not_passed_over(split):
    with pytest.raises(UsageError, match="does not fit"):
        evaluated(split, rerank="colours")


def test_several_true_references_are_refused(split):
    several = replace(split, also_true=(split.truth[:, None] + 1) % len(split.references))
    for second in ({}, {"scorer": Colours(None), "rerank": "colours", "rerank_top": 4}):
        with pytest.raises(UsageError, match="a query has several true references"):
            evaluated(several, **second) if second else alone(Colours(None), several)
