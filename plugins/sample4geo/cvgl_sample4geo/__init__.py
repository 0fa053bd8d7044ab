"""Sample4Geo (Deuser et al., ICCV 2023) as a plugin of cvgl-bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvgl_bench import hookimpl

if TYPE_CHECKING:
    from cvgl_bench.method import Method


@hookimpl
def cvgl_methods() -> list[type[Method]]:
    """Offer `sample4geo`."""
    from cvgl_sample4geo.method import Sample4Geo

    return [Sample4Geo]
