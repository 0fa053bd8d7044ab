"""The picture that explains the task: a query, the tile that holds it, and its bird's-eye view."""

from __future__ import annotations

from pathlib import Path

from cvgl_bench.data.splits import Split
from cvgl_bench.foundation.figure_files import check_format, save_figure
from cvgl_bench.views.birdseye import project
from cvgl_bench.views.images import read_image

BIRDSEYE_PX = (384, 384)
DOTS_PER_INCH = 100
MARK = "#ff2d55"


def draw_query(split: Split, row: int, path: Path) -> None:
    """Write a PDF, PNG or SVG of one query: panorama, tile with its position, bird's-eye view."""
    from matplotlib.figure import Figure

    check_format(path)
    panorama = read_image(split.root / split.queries["path"].iloc[row])
    tile = read_image(split.root / split.references["path"].iloc[split.truth[row]])
    x, y = split.position_px[row] / split.tile_size_px[row, ::-1] * tile.shape[1::-1]
    figure = Figure(figsize=(8, 8.2), layout="constrained")
    axes = figure.subplot_mosaic([["query", "query"], ["reference", "birdseye"]])
    axes["query"].imshow(panorama, aspect="auto", extent=(-180, 180, -90, 90), interpolation="lanczos")
    axes["query"].set_title("query: street-view panorama", loc="left")
    axes["query"].set_xticks([-180, -90, 0, 90, 180], ["south", "west", "north", "east", "south"])
    axes["query"].set_yticks([])
    axes["query"].set_aspect(1)
    axes["reference"].imshow(tile, interpolation="lanczos")
    axes["reference"].plot(x, y, "o", mfc="none", mec=MARK, mew=2.5, ms=14)
    axes["reference"].plot(x, y, ".", color=MARK, ms=4)
    where = f"decentrality {split.decentrality[row]:.2f}" if split.has_coordinates else "no coordinates"
    axes["reference"].set_title(f"reference tile, {where}", loc="left")
    axes["birdseye"].imshow(project(panorama, BIRDSEYE_PX))
    axes["birdseye"].plot(*(side / 2 for side in BIRDSEYE_PX), ".", color=MARK, ms=6)
    axes["birdseye"].set_title("bird's-eye view of the panorama", loc="left")
    for name in ("reference", "birdseye"):
        axes[name].set_xticks([])
        axes[name].set_yticks([])
    save_figure(figure, path, dots_per_inch=DOTS_PER_INCH)
