"""The bird's-eye view of the panorama as the query: an example of a plugin of cvgl-bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvgl_bench import hookimpl

if TYPE_CHECKING:
    from cvgl_bench.method import Method


@hookimpl
def cvgl_methods() -> list[type[Method]]:
    """Offer `birdseye`."""
    from cvgl_birdseye.method import BirdsEye

    return [BirdsEye]
