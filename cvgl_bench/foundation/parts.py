"""Many rows in parts, or a few of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield `count` rows in slices of at most `size`."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of `count` rows, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)
