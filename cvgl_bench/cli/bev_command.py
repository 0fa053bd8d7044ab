"""`cvgl-bench bev`: look at a panorama from above."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cvgl_bench.views.birdseye import Centre
    from cvgl_bench.views.images import ImageArray

SIZE_HELP = "Height and width of the view in pixels."

EXIF_GPS, EXIF_HEADING_DEG = 0x8825, 0x0011
"""EXIF tags: the GPS directory, and in it GPSImgDirection, degrees clockwise from north."""


@click.command("bev")
@click.argument("panorama", type=click.Path(path_type=Path))
@click.argument("view", type=click.Path(path_type=Path))
@click.option("--size", type=(int, int), default=(384, 384), show_default=True, help=SIZE_HELP)
@click.option("--fov", type=float, default=170.0, show_default=True, help="Field of view in degrees.")
@click.option(
    "--heading",
    type=float,
    help="Compass direction in degrees of the panorama's centre column. Default: from the file's EXIF, "
    "else 0, north.",
)
@click.option(
    "--centre",
    type=click.Choice(["centred", "published"]),
    default="centred",
    show_default=True,
    help="Where the camera's axis meets the view; 'published' is up to a pixel off under flips and turns.",
)
@click.option(
    "--horizon-shift",
    type=float,
    default=0.0,
    show_default=True,
    help="Rows by which a panorama that is cut above and below lies under the middle of its frame.",
)
@click.option("--overwrite", is_flag=True, help="Replace VIEW if it exists.")
def command(
    panorama: Path,
    view: Path,
    size: tuple[int, int],
    fov: float,
    heading: float | None,
    centre: Centre,
    horizon_shift: float,
    overwrite: bool,
) -> None:
    """Project PANORAMA to a bird's-eye view with north up and write it to VIEW.

    \b
    Example:
        cvgl-bench bev street.jpg above.png --size 512 512 --heading 349
    """
    from cvgl_bench.foundation.errors import UsageError
    from cvgl_bench.views import birdseye, images

    if view.exists() and not overwrite:
        raise UsageError(f"{view} exists; choose another name or add --overwrite.")
    street = images.read_image(panorama)
    exif_deg = _exif_heading_deg(panorama) if heading is None else None
    heading_deg = next((deg for deg in (heading, exif_deg) if deg is not None), 0.0)
    above = birdseye.project(
        street,
        size,
        fov_deg=fov,
        heading_deg=heading_deg,
        centre=centre,
        horizon_shift_px=horizon_shift,
    )
    _write(above, view)
    source = "as given" if heading is not None else "by EXIF" if exif_deg is not None else "by default"
    click.echo(f"{view}: {size[1]} x {size[0]} px, heading {heading_deg:g} degrees {source}.")


def _exif_heading_deg(path: Path) -> float | None:
    """Return the direction that a camera wrote into its image, if it did."""
    from cvgl_bench.views.image_files import open_image

    with open_image(path) as image:
        heading = image.getexif().get_ifd(EXIF_GPS).get(EXIF_HEADING_DEG)
    return None if heading is None else float(heading)


def _write(view: ImageArray, path: Path) -> None:
    """Write an image in the format of its suffix, whole or not at all."""
    from PIL import Image

    from cvgl_bench.foundation.errors import UsageError
    from cvgl_bench.foundation.whole_files import written_whole

    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise UsageError(f"{path} has no suffix of an image format that can be written, such as .png.")
    with written_whole(path) as temporary:
        Image.fromarray(view).save(temporary, kind)
