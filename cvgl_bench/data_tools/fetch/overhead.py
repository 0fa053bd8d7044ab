"""Overhead tiles cut to size from any XYZ tile service."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from cvgl_bench.data.layouts.layout import Wanted
from cvgl_bench.data_tools.fetch.client import Client
from cvgl_bench.data_tools.fetch.mosaic import crop, tiles_under
from cvgl_bench.data_tools.fetch.provider import Provider
from cvgl_bench.data_tools.fetch.tile_sources import Template, remote_tiles
from cvgl_bench.data_tools.fetch.xyz import Tile, TileStore
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.views.images import ImageArray

HIGHEST_ZOOM = 24
SHARED_TILES = 4000
"""About as many tiles as `TileStore` holds."""


class XyzProvider(Provider):
    """Cuts references out of the tiles of a service, at a Web-Mercator zoom.

    Settings: url, a template with {z}, {x} and {y}; zoom, that of the pixels; tile_px, where the service's
    tiles do not have 256 pixels a side; and placeholders, of pictures that mean 'no imagery here'.
    """

    name = "xyz"
    view = "reference"
    terms = "The imagery belongs to whoever runs the tile service; whether it may be stored is up to them."

    def __init__(self, client: Client, settings: Mapping[str, Any]) -> None:
        super().__init__(client, settings)
        template = Template(str(self.setting("url")))
        client.keep_secret(*template.secrets)
        zoom = self.setting("zoom")
        if zoom not in range(HIGHEST_ZOOM + 1):
            raise UsageError(f"Zoom {zoom} is not a whole number from 0 to {HIGHEST_ZOOM}; give --zoom.")
        self.zoom = int(zoom)
        self._foreseen: OrderedDict[Tile, None] = OrderedDict()
        tile_px = settings.get("tile_px", geo.MERCATOR_TILE_PX)
        self._store = TileStore(
            remote_tiles(template, client), tile_px=tile_px, placeholders=settings.get("placeholders", ())
        )

    def image(self, wanted: Wanted) -> ImageArray:
        """Return the pixels around the reference's centre."""
        return crop(self._store, self._centre_px(wanted), size=wanted.size_px, zoom=self.zoom)

    def requests(self, wanted: Wanted) -> int:
        """Return how many tiles the file needs that no recent one needed."""
        centre_px, tile_px = self._centre_px(wanted), self._store.tile_px
        new = 0
        for tile, _, _ in tiles_under(centre_px, wanted.size_px, self.zoom, tile_px=tile_px):
            new += tile not in self._foreseen
            self._foreseen[tile] = None
            self._foreseen.move_to_end(tile)
        while len(self._foreseen) > SHARED_TILES:
            self._foreseen.popitem(last=False)
        return new

    def remarks(self) -> list[str]:
        """Return what is odd about the tiles that came."""
        return self._store.remarks()

    def _centre_px(self, wanted: Wanted) -> tuple[float, float]:
        x, y = geo.mercator_px(wanted.lat, wanted.lon, self.zoom)
        return float(x), float(y)
