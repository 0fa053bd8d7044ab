"""The templates of a page, which escape whatever runs, data sets and files are called."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cvgl_bench.report.page.distances import print_distance

TEMPLATE = "page.html"


def render(**context: Any) -> str:
    """Return the page. Of what the template gets only figures, which are SVG by name, are not escaped."""
    environment = Environment(
        loader=PackageLoader("cvgl_bench.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["distance"] = print_distance
    return environment.get_template(TEMPLATE).render(**context)
