"""The score of a query and a reference: one number, whatever the block, the precision or the device.

The score is the dot product of the two unit float32 rows, each product exact in float64, added up by
halves in float64 and rounded to float32. A matrix product adds in an order that varies with its shape
and the machine, so two equal references may get scores that differ in the last bit; these cannot.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

CPU_PAIRS, GPU_PAIRS = 256, 65536
"""Pairs scored at a time: what stays in a processor's cache, what fills a GPU."""


def sum_by_halves(values: Tensor) -> Tensor:
    """Sum float64 (N, D) over D in a fixed order, the second half onto the first; overwrites `values`."""
    while values.shape[1] > 1:
        half = values.shape[1] // 2
        if values.shape[1] % 2:
            values[:, 0] += values[:, -1]
        values[:, :half] += values[:, half : 2 * half]
        values = values[:, :half]
    return values[:, 0]


def float64_bound(dimensions: int) -> float:
    """Return how far two float64 dot products of unit rows, added in any two orders, may lie apart."""
    return 1.01 * dimensions * torch.finfo(torch.float64).eps


def pair_scores(queries: Tensor, take: Callable[[Tensor], Tensor], lines: Tensor, rows: Tensor) -> Tensor:
    """Return float32 (N,), the scores of rows `lines` of `queries` (A, D) and the references `take(rows)`."""
    size = min(CPU_PAIRS if queries.device.type == "cpu" else GPU_PAIRS, max(len(lines), 1))
    scores = torch.empty(len(lines), dtype=torch.float32, device=queries.device)
    buffer = torch.empty(size, queries.shape[1], dtype=torch.float64, device=queries.device)
    bound = float64_bound(queries.shape[1])
    parts = (torch.split(each, size) for each in (lines, rows, scores))
    for line, row, score in zip(*parts, strict=True):
        terms = buffer[: len(line)].copy_(torch.index_select(queries, 0, line)).mul_(take(row))
        total = terms.sum(dim=1)
        score.copy_(total)
        close = ((total - bound).float() != (total + bound).float()).nonzero()[:, 0]
        if len(close):
            score[close] = sum_by_halves(terms[close]).float()
    return scores + 0.0  # -0 becomes 0: equal scores have equal bits


def tie_interval(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return float64 (N,), the ends between which numbers round to the float32 `scores`."""
    infinity = torch.full_like(scores, torch.inf)
    below, above = (torch.nextafter(scores, end).double() for end in (-infinity, infinity))
    return (scores.double() + below) / 2, (scores.double() + above) / 2
