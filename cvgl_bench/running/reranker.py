"""The method that re-orders what a run's own method ranks: found by name, refused where it cannot."""

from __future__ import annotations

from typing import Any

from cvgl_bench.data.splits import Split
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.reranking import require_rerankable
from cvgl_bench.foundation.errors import OptionError, UsageError
from cvgl_bench.foundation.options import Layer, parse_assignments, resolve
from cvgl_bench.method import PairMethod, TrainableMethod
from cvgl_bench.running.offers import Offers

ORIGIN = "evaluation.rerank_set"


def find_reranker(options: EvaluationOptions, split: Split, plugins: Offers) -> PairMethod | None:
    """Return the method that `options.rerank` names, with its options; None where nothing is re-ranked.

    Raises UnknownNameError for a name that nobody offers, UsageError for a method that scores no pairs or
    has to be trained, and for a split that cannot be re-ranked so.
    """
    name = options.rerank
    if name == "none":
        if options.rerank_set:
            raise OptionError(f"{ORIGIN} is set, but evaluation.rerank is none. Name the method there.")
        return None
    cls = plugins.method(name)
    if not issubclass(cls, PairMethod):
        able = [name for name, entry in plugins.methods if issubclass(entry.thing, PairMethod)]
        raise UsageError(
            f"evaluation.rerank is '{name}', which embeds images and scores no pairs of them. Those that do: "
            f"{', '.join(able)}."
        )
    if issubclass(cls, TrainableMethod):
        raise UsageError(
            f"evaluation.rerank is '{name}', which has to be trained; only methods without weights of their "
            "own can re-rank another."
        )
    require_rerankable(split, options)
    chosen: Any
    chosen, _ = resolve(
        cls.Options, [Layer(ORIGIN, parse_assignments(options.rerank_set or (), origin=ORIGIN))]
    )
    return cls(chosen)
