"""Map data-set cards and published figures into the package; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

CARDS, PUBLISHED = "cvgl_bench.datasets", "cvgl_bench.published"

setup(
    packages=[*find_packages(include=["cvgl_bench*"]), CARDS, PUBLISHED],
    package_dir={CARDS: "datasets", PUBLISHED: "leaderboards/published"},
    package_data={
        "cvgl_bench": ["py.typed"],
        CARDS: ["*.yaml"],
        PUBLISHED: ["*.yaml"],
        "cvgl_bench.scaffold": ["*.in"],
        "cvgl_bench.report.page": ["templates/*"],
    },
)
