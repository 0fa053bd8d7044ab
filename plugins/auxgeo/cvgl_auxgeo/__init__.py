"""AuxGeo (Xia et al., ISPRS 2025) as a plugin of cvgl-bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvgl_bench import hookimpl

if TYPE_CHECKING:
    from cvgl_bench.method import Method


@hookimpl
def cvgl_methods() -> list[type[Method]]:
    """Offer `auxgeo`."""
    from cvgl_auxgeo.method import AuxGeo

    return [AuxGeo]
