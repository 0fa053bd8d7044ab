"""One tile of scores, scanned: what is sure is counted, what is not is listed.

A score is compared with four thresholds of its query, all taken so that the rounding of the product
cannot lead to a wrong answer (see `limits_around`):

    below | undecided | ties the truth | undecided | above
          t[0]        t[1]             t[2]        t[3]

With most products the rounding is wider than a tie, and t[1] = t[2] = t[3].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

GROUP = 64
"""Neighbouring scores whose maximum is looked at before any of them is."""

CROWDED = 4
"""A query with more than one group in this many worth a look is counted rather than listed."""

LANE_WORDS = 128
"""Words of eight 0/1 bytes that are summed at once; a byte holds up to 255."""

SIGN_SHIFT, MAGNITUDE_BITS = 15, 0x7FFF
HALF_TYPES = (torch.bfloat16, torch.float16)


@dataclass(frozen=True, eq=False)
class Scan:
    """What a tile holds. lines, columns: int64 (N,), the listed scores; a score may be listed twice.

    values: (N,), the listed scores, in order. undecided: bool (N,), it is not sure how the score
    compares with the truth's. contender: bool (N,), it may be among the best; these come first and
    sorted by line. above, ties: int64 (A,), further scores of each line that are surely above the
    truth's, or surely equal to it.
    """

    lines: Tensor
    columns: Tensor
    values: Tensor
    undecided: Tensor
    contender: Tensor
    above: Tensor
    ties: Tensor


@dataclass(frozen=True, eq=False)
class Intervals:
    """low, high: float64 (N,), bounds of the true score; scores: float32 (N,), NaN where they do not tell."""

    low: Tensor
    high: Tensor
    scores: Tensor


def limits_around(target: Tensor, shift: Tensor, bound: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (4, A), the thresholds t of the table above for scores that round to float32 `target`.

    The true score is within `bound` of the computed one plus `shift` (both float64). A float32 equals
    `target` where the number it was rounded from lies between the midpoints to its neighbours.
    """
    low, high = (middle - shift for middle in _midpoints(target))
    below, tie_from = comparable(low - bound, dtype), _next(comparable(low + bound, dtype))
    tie_to, above = comparable(high - bound, dtype), _next(comparable(high + bound, dtype))
    no_ties = tie_from >= tie_to
    return torch.stack(
        [below, torch.where(no_ties, above, tie_from), torch.where(no_ties, above, tie_to), above]
    )


def reach(target: Tensor, past: Tensor, shift: Tensor, bound: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (A,), the least computed score that may round to `target`, or beyond it where `past`."""
    low, high = _midpoints(target)
    return comparable(torch.where(past, high, low) - shift - bound, dtype)


def _midpoints(target: Tensor) -> tuple[Tensor, Tensor]:
    infinity = torch.full_like(target, torch.inf)
    low, high = (torch.nextafter(target, end).double() for end in (-infinity, infinity))
    return (target.double() + low) / 2, (target.double() + high) / 2


def comparable(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Round to `dtype`; 16-bit floats become integers of the same order, which compare faster.

    The bits of a negative float grow as it falls: all but the sign are turned over.
    """
    values = values.to(dtype)
    return _ordered(values.view(torch.int16).clone()) if dtype in HALF_TYPES else values


def lowest(dtype: torch.dtype, score: float = -torch.inf) -> float | int:
    """Return a score as a number of the form that `in_order` gives, by default one below all others."""
    return comparable(torch.tensor(score, dtype=torch.float64), dtype).item()


def in_order(scores: Tensor) -> Tensor:
    """Return scores in the form that `limits_around` compares with, overwriting them."""
    return _ordered(scores.view(torch.int16)) if scores.dtype in HALF_TYPES else scores


def _ordered(bits: Tensor) -> Tensor:
    return bits.bitwise_xor_((bits >> SIGN_SHIFT).bitwise_and_(MAGNITUDE_BITS))


def _next(values: Tensor) -> Tensor:
    if values.dtype == torch.int16:
        return values + 1
    return torch.nextafter(values, torch.full_like(values, torch.inf))


def scan(scores: Tensor, limits: Tensor, best: Tensor, copies: Tensor | None, most: float) -> Scan | None:
    """Scan scores (A, B), in order, against the limits (4, A) of the truth and `best` (A,) of the top.

    copies: int64 (B,), how many references each column stands for; None where each is one.
    most: share of the scores that may be looked at one by one; None is returned where it takes more.
    """
    lowest = torch.minimum(limits[0], best)
    groups = scores.view(len(scores), -1, GROUP if scores.shape[1] % GROUP == 0 else 1)
    maxima = groups.amax(dim=2)
    hot = maxima >= lowest[:, None]
    crowded = count(hot) > max(hot.shape[1] // CROWDED, CROWDED)
    if 2 * int(crowded.sum()) > len(crowded):
        crowded = torch.ones_like(crowded)  # cheaper than to copy the crowded lines
    dense = crowded.nonzero()[:, 0]
    if len(dense):
        lowest = torch.where(crowded, best, lowest)
        hot[dense] = maxima[dense] >= best[dense, None]
    if int(hot.sum()) > most * hot.numel():
        return None
    lines, columns, values = _listed(groups, hot, lowest)
    listed = ~crowded[lines]
    first, tie_from, tie_to, above = limits[:, lines]
    surely_above = listed & (values >= above)
    surely_tied = listed & (values >= tie_from) & (values < tie_to)
    found = Scan(
        lines,
        columns,
        values,
        undecided=listed & (values >= first) & ~surely_above & ~surely_tied,
        contender=values >= best[lines],
        above=_tally(lines, columns, surely_above, len(scores), copies),
        ties=_tally(lines, columns, surely_tied, len(scores), copies),
    )
    return _with_dense(found, scores, limits, dense, copies) if len(dense) else found


def open_share(scores: Tensor, limits: Tensor) -> float:
    """Return the share of scores (A, B), in order, that limits (4, A) leave undecided."""
    first, tie_from, tie_to, above = (at_least(scores, limit) for limit in limits)
    return int((first ^ above ^ tie_from ^ tie_to).sum()) / scores.numel()


def _tally(lines: Tensor, columns: Tensor, chosen: Tensor, size: int, copies: Tensor | None) -> Tensor:
    weights = None if copies is None else copies[columns[chosen]].double()
    return torch.bincount(lines[chosen], weights, minlength=size).long()


def _listed(groups: Tensor, hot: Tensor, lowest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return lines, columns and values of the scores in hot groups that reach `lowest` of their line."""
    width = groups.shape[2]
    numbers = _flat(hot)
    values = groups.view(-1, width).index_select(0, numbers)
    places = _flat(at_least(values, lowest[numbers // hot.shape[1]]))
    numbers = numbers[places // width]
    columns = numbers % hot.shape[1] * width + places % width
    return numbers // hot.shape[1], columns, values.view(-1)[places]


def _with_dense(sparse: Scan, scores: Tensor, limits: Tensor, dense: Tensor, copies: Tensor | None) -> Scan:
    """Add to a scan the crowded lines `dense`, whose scores are compared one and all."""
    if len(dense) < len(scores):
        scores, limits = scores[dense], limits[:, dense]
    from_first, from_above = at_least(scores, limits[0]), at_least(scores, limits[3])
    undecided = from_first ^ from_above
    above, ties = sparse.above, sparse.ties
    above[dense] = count(from_above, copies)
    if bool((limits[1] < limits[2]).any()):
        from_tie, past_tie = at_least(scores, limits[1]), at_least(scores, limits[2])
        undecided ^= from_tie ^ past_tie
        ties[dense] = count(from_tie, copies) - count(past_tie, copies)
    places = _flat(undecided)
    yes = torch.ones_like(places, dtype=torch.bool)
    return Scan(
        torch.cat([sparse.lines, dense[places // scores.shape[1]]]),
        torch.cat([sparse.columns, places % scores.shape[1]]),
        torch.cat([sparse.values, scores.view(-1)[places]]),
        torch.cat([sparse.undecided, yes]),
        torch.cat([sparse.contender, ~yes]),
        above,
        ties,
    )


def widened(values: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return scores in order as float64, and how far the product may lie from the score it was stored as."""
    if dtype not in HALF_TYPES:
        return values.double(), values.new_zeros(len(values), dtype=torch.float64)
    values = values.double() if values.is_floating_point() else _ordered(values.clone()).view(dtype).double()
    limits = torch.finfo(dtype)
    return values, limits.eps * values.abs() + limits.tiny


def intervals(found: Scan, shift: Tensor, bound: Tensor, dtype: torch.dtype) -> Intervals:
    """Return where the true scores of what is listed lie, and the scores themselves where that says it."""
    values, margin = widened(found.values, dtype)
    values, margin = values + shift[found.lines], margin + bound[found.lines]
    low, high = values - margin, values + margin
    rounded = low.float() + 0.0  # -0 becomes 0: equal scores have equal bits
    return Intervals(low, high, torch.where(rounded == high.float(), rounded, torch.nan))


def at_least(scores: Tensor, thresholds: Tensor) -> Tensor:
    """Return bool (A, B), where a score reaches its line's threshold; numpy compares faster on a CPU."""
    if scores.device.type != "cpu":
        return scores >= thresholds[:, None]
    return torch.from_numpy(np.greater_equal(scores.numpy(), thresholds.numpy()[:, None]))


def count(mask: Tensor, copies: Tensor | None = None) -> Tensor:
    """Return int64 (A,), the true entries of each line, a column taken as often as it has copies."""
    if copies is None:
        return _count_ones(mask)
    several = (copies > 1).nonzero()[:, 0]
    further = mask[:, several].double() @ (copies[several] - 1).double()
    return _count_ones(mask) + further.long()


def _count_ones(mask: Tensor) -> Tensor:
    """Count each line; on a CPU eight entries at a time, in the bytes of a word."""
    lines, columns = mask.shape
    if mask.device.type != "cpu":
        return mask.sum(dim=1)
    if columns % (8 * LANE_WORDS):
        return torch.from_numpy(np.count_nonzero(mask.numpy(), axis=1))
    lanes = mask.view(torch.int64).view(lines, -1, LANE_WORDS).sum(dim=2)
    return lanes.view(torch.uint8).view(lines, -1).sum(dim=1)


def _flat(mask: Tensor) -> Tensor:
    """Return int64 positions of the true entries in the flattened mask; on a CPU eight entries at a time."""
    if mask.device.type != "cpu":
        return mask.view(-1).nonzero()[:, 0]
    entries = mask.numpy().reshape(-1)
    if entries.size % 8:
        return torch.from_numpy(np.flatnonzero(entries))
    words = np.flatnonzero(entries.view(np.int64))
    places = np.flatnonzero(entries.reshape(-1, 8)[words])
    return torch.from_numpy(words[places // 8] * 8 + places % 8)
