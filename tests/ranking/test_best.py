"""The best references, in order, from contenders that come in any order."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from cvgl_bench.ranking import best


def offered(generator, lines, count):
    """Contenders of which nothing is known but an interval, and their true scores."""
    scores = torch.from_numpy(generator.choice([-0.5, -0.25, -0.0, 0.0, 0.25, 0.5, 0.75], count)).float()
    line = torch.from_numpy(np.sort(generator.integers(0, lines, count)))
    wide = torch.from_numpy(generator.uniform(0, 0.3, count))
    return line, scores + 0.0, wide


def test_best_keeps_the_best_in_order():
    generator = np.random.default_rng(0)
    for size in (1, 4, 30):
        keeper = best.Best(5, size, torch.device("cpu"))
        seen, true = [], {}
        for batch in range(6):
            line, scores, wide = offered(generator, 5, 40)
            groups = torch.arange(40) + 40 * batch
            true.update(zip(groups.tolist(), scores.tolist(), strict=True))
            seen += list(zip(line.tolist(), groups.tolist(), strict=True))
            low, high = scores.double() - wide, scores.double() + wide
            keeper.offer(best.Contenders(line, groups, low, high, torch.full((40,), torch.nan)))
            assert (keeper.floor() <= _last(seen, true, 5, size)).all()
            if batch % 2:
                keeper.settle(partial(_settled, true=true))
                assert keeper.pending_count == 0
        rows, scores = keeper.table()
        for line in range(5):
            expected = sorted(
                (group for at, group in seen if at == line),
                key=lambda group: (-true[group], group % 3, group),
            )[:size]
            assert rows[line, : len(expected)].tolist() == expected
            assert scores[line, : len(expected)].tolist() == [true[group] for group in expected]


def _settled(pending, true):
    scores = torch.tensor([true[group] for group in pending.groups.tolist()], dtype=torch.float32)
    return pending.lines, pending.groups, scores, pending.groups % 3


def _last(seen, true, lines, size):
    """The last of the best scores of each line so far."""
    scores = [
        sorted((true[group] for at, group in seen if at == line), reverse=True) for line in range(lines)
    ]
    return torch.tensor([(own + [-torch.inf] * size)[size - 1] for own in scores])


def test_free_places_score_minus_infinity():
    keeper = best.Best(2, 3, torch.device("cpu"))
    score, kind, _ = keeper.last()
    assert torch.isinf(score).all() and (score < 0).all() and (kind != best.OTHER).all()
    assert torch.isinf(keeper.floor()).all()


def test_outdone_contenders_are_not_scored():
    keeper = best.Best(1, 1, torch.device("cpu"))
    scores = torch.tensor([0.9, 0.1])
    keeper.offer(
        best.Contenders(
            torch.tensor([0, 0]),
            torch.tensor([0, 1]),
            scores.double() - 0.05,
            scores.double() + 0.05,
            torch.full((2,), torch.nan),
        )
    )
    asked = []

    def settle(pending):
        asked.extend(pending.groups.tolist())
        return pending.lines, pending.groups, torch.tensor([0.9]), torch.zeros(1, dtype=torch.int64)

    keeper.settle(settle)
    assert asked == [0]


def test_kinds():
    covers = torch.tensor([[2, -1], [5, 1], [-1, -1]])
    got = best.kinds(torch.tensor([2, 5, 7]), torch.tensor([9, 5, 0]), covers)
    assert got.tolist() == [best.COVER, best.TRUTH, best.OTHER]


def test_scores_survive_their_keys():
    scores = torch.tensor([-1.0, -1e-30, 0.0, 1e-30, 0.3, 1.0])
    keys = ~best._ordered(scores) << best.SCORE_SHIFT
    assert torch.equal(best._scores(keys), scores) and (keys[1:] < keys[:-1]).all()
