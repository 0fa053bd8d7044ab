"""Which recorded options tell two rows apart, and how a table says so."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.options import as_of_today
from cvgl_bench.scoring.results import Result
from cvgl_bench.training.options import TrainingOptions

IRRELEVANT_OPTIONS = frozenset(
    {
        "training.seed",
        "training.tuned_on",
        "training.tries",
        "method.seed",
        "evaluation.embed_batch_size",
        "evaluation.rank_precision",
        "evaluation.top",
    }
)
"""Options in which two runs of one row may differ: the seed, what does not change a rank, and where the
settings come from."""

SWITCHED_OFF = {
    "training.published_batch_size": "training.scale_rate",
    "training.rho": "training.sharpness",
    "evaluation.rerank_top": "evaluation.rerank",
    "evaluation.rerank_set": "evaluation.rerank",
}
"""Options that change nothing while another one is 'none'."""

RERANK = "evaluation.rerank"

RETIRED_OPTIONS = frozenset({"evaluation.resamples"})
"""Options of earlier records that no run has any more, and that did not change a rank either."""

IRRELEVANT_SECTION = "machine."

SECTIONS = {"training": TrainingOptions, "evaluation": EvaluationOptions}
"""Sections whose options may have been added or renamed since a record was made."""


def relevant_options(result: Result) -> dict[str, Any]:
    """Return the options that may change what is measured, as 'section.option', under today's names."""
    options = {
        section: as_of_today(SECTIONS[section], values) if _is_whole(section, values) else values
        for section, values in result.options.items()
    }
    found = flat(options)
    unused = {name for name, by in SWITCHED_OFF.items() if found.get(by, "none") == "none"}
    return {
        name: value
        for name, value in found.items()
        if name not in IRRELEVANT_OPTIONS | RETIRED_OPTIONS | unused
        and not name.startswith(IRRELEVANT_SECTION)
    }


def _is_whole(section: str, values: Any) -> bool:
    """Return whether a section holds all options of its time, not just the seed of a run without training."""
    return section in SECTIONS and isinstance(values, dict) and set(values) != {"seed"}


def seed_of(result: Result) -> int | None:
    """Return the seed of a run: of its training, or of a method that needs none."""
    options = flat(result.options)
    return options.get("training.seed", options.get("method.seed"))


def tuning_of(result: Result) -> str:
    """Return by what the settings of a run were chosen and among how many; empty where it does not say."""
    training = result.options.get("training")
    training = training if isinstance(training, dict) else {}
    tuned_on, tries = training.get("tuned_on"), training.get("tries")
    if not isinstance(tuned_on, str) or tuned_on == "unknown":
        return ""
    return f"{tuned_on} ({tries} tries)" if isinstance(tries, int) else tuned_on


def differing_options(results: Sequence[Result]) -> list[str]:
    """Return for each result the options in which those of one method differ: 'bim=false, pcm=true'.

    Who re-ranks is said in any case: the row is not that method's alone.
    """
    by_method: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, result in enumerate(results):
        by_method[result.method.name, result.method.distribution].append(number)
    options = [relevant_options(result) for result in results]
    texts = [""] * len(results)
    for members in by_method.values():
        names = sorted({name for number in members for name in options[number]})
        differing = [n for n in names if len({plain(options[number].get(n)) for number in members}) > 1]
        for number in members:
            own = options[number]
            shown = [n for n in names if n in differing or (n == RERANK and own.get(n, "none") != "none")]
            texts[number] = ", ".join(_assignment(n, own.get(n)) for n in shown)
    return texts


def flat(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested options as one level, the names joined by dots."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def plain(value: Any) -> str:
    """Return a value as text that is equal exactly where the values are."""
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def _assignment(name: str, value: Any) -> str:
    return f"{name.partition('.')[2] or name}={value if isinstance(value, str) else plain(value)}"
