"""Map the folder of data-set cards into the package; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

CARDS = "cvgl_bench.datasets"

setup(
    packages=[*find_packages(include=["cvgl_bench*"]), CARDS],
    package_dir={CARDS: "datasets"},
    package_data={
        "cvgl_bench": ["py.typed"],
        CARDS: ["*.yaml"],
        "cvgl_bench.scaffold": ["*.in"],
        "cvgl_bench.report.page": ["templates/*"],
    },
)
