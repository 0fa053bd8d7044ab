"""What a person may set about evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvgl_bench.foundation.options import option
from cvgl_bench.views.images import Decode


@dataclass(frozen=True)
class EvaluationOptions:
    """Settings of the evaluation; the defaults are what results are compared with."""

    embed_batch_size: int = option(64, "Images in a batch when embedding.", least=1)
    embed_precision: Literal["auto", "off", "fp16", "bf16"] = option(
        "auto", "Autocast type when embedding; auto is fp16 on a GPU and off on a CPU."
    )
    decode: Decode = option(
        "exact",
        "Images as stored, or scaled: decoded at the smallest eighth of their size that the method needs.",
        earlier="exact",
    )
    rank_precision: Literal["auto", "float32", "bfloat16", "float16"] = option(
        "auto", "First-pass type of the scores; ranks are those of float32 scores with every choice."
    )
    top: int = option(10, "Best references that the outcome keeps for each query.", least=1)
    rerank: str = option(
        "none", "A method that scores pairs and re-orders the best references of each query.", earlier="none"
    )
    rerank_top: int = option(10, "How many of the best references are re-ordered.", least=2, earlier=10)
    rerank_set: tuple[str, ...] | None = option(
        None, "Options of the re-ranking method, [name=value, ...]; else its defaults.", earlier=None
    )
