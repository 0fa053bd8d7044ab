"""Street View panoramas by id through Google's Map Tiles API, with the user's own key.

Endpoints as publicly documented (developers.google.com/maps/documentation/tile): a session token from
`createSession`, then `streetview/metadata` and `streetview/tiles/{z}/{x}/{y}` for each panorama.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from cvgl_bench.data.layouts.layout import Wanted
from cvgl_bench.data_tools.fetch.client import Client, Missing, NotServed
from cvgl_bench.data_tools.fetch.north import north_aligned
from cvgl_bench.data_tools.fetch.provider import Provider
from cvgl_bench.data_tools.fetch.xyz import decode
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.views.images import ImageArray

KEY_VARIABLE = "GOOGLE_MAPS_API_KEY"
SERVER = "https://tile.googleapis.com"
PANORAMA_ID = re.compile(r"[A-Za-z0-9_-]{20,}")
SPARE_S = 60
"""A session that ends sooner than this is renewed."""
MOST_PX = 32768
TYPICAL_TILES = 8
"""Tiles of a 2048 x 1024 panorama: 4 x 2 of 512 pixels."""
REFUSED = (400, 401, 403)


@dataclass(frozen=True)
class Panorama:
    """What the metadata say: full size, tile size, and where the centre column looks."""

    width_px: int
    height_px: int
    tile_px: tuple[int, int]
    heading_deg: float

    @property
    def deepest(self) -> int:
        """The zoom at which the panorama has its full size."""
        return max(0, math.ceil(math.log2(self.width_px / self.tile_px[1])))

    def size_px(self, zoom: int) -> tuple[int, int]:
        """Return height and width at a zoom; each level below the deepest halves them."""
        share = 2 ** (self.deepest - zoom)
        return math.ceil(self.height_px / share), math.ceil(self.width_px / share)

    def zoom_for(self, width_px: int) -> int:
        """Return the lowest zoom with at least `width_px` columns, or the deepest."""
        return next((z for z in range(self.deepest) if self.size_px(z)[1] >= width_px), self.deepest)


class GoogleMapTiles(Provider):
    """Stitches panoramas from tiles, turns them north, and resizes them to the file's size.

    Settings: id_field, the place of the panorama's id in the file name, counted from 0; without it the
    field that looks like an id.
    """

    name = "google"
    view = "query"
    server = SERVER
    """No setting: a card must not choose who gets the key."""
    terms = (
        "Google Street View through the Map Tiles API, under your own agreement with Google "
        "(https://cloud.google.com/maps-platform/terms). Google's published policy forbids storing, bulk "
        "downloading and machine interpretation of Street View imagery unless that agreement allows it "
        "(section 3.2.3, https://developers.google.com/maps/documentation/tile/policies), and every request "
        "is billed to your key. Accept only if you have that permission."
    )

    def __init__(self, client: Client, settings: Mapping[str, Any]) -> None:
        super().__init__(client, settings)
        self._key = os.environ.get(KEY_VARIABLE, "")
        client.keep_secret(self._key)
        self._lock = threading.Lock()
        self._session, self._ends_s = "", 0.0

    def require_access(self) -> None:
        """Raise UsageError without a key; whether Google takes it, the first session shows."""
        if not self._key:
            raise UsageError(
                f"Panoramas need your own Google key in the environment variable {KEY_VARIABLE}; "
                "--only tiles fetches the tiles alone."
            )

    def image(self, wanted: Wanted) -> ImageArray:
        """Return the panorama whose id is in the file's name, its centre column looking north."""
        panorama_id = id_in_name(wanted.name, self.settings.get("id_field"))
        panorama = self._panorama(panorama_id)
        zoom = panorama.zoom_for(wanted.size_px[1])
        stitched = self._stitch(panorama_id, panorama, zoom)
        return north_aligned(stitched, panorama.heading_deg, wanted.size_px)

    def requests(self, wanted: Wanted) -> int:
        """Return the metadata's request and the usual number of tiles."""
        return 1 + TYPICAL_TILES

    def _panorama(self, panorama_id: str) -> Panorama:
        try:
            return self.client.get(self._url("streetview/metadata", panorama_id), accept=parse_metadata)
        except Missing:
            raise Missing(f"panorama {panorama_id} is no longer served") from None

    def _stitch(self, panorama_id: str, panorama: Panorama, zoom: int) -> ImageArray:
        height, width = panorama.size_px(zoom)
        tile_height, tile_width = panorama.tile_px
        rows, columns = math.ceil(height / tile_height), math.ceil(width / tile_width)
        canvas = np.empty((rows * tile_height, columns * tile_width, 3), np.uint8)
        for row in range(rows):
            for column in range(columns):
                tile = self.client.get(
                    self._url(f"streetview/tiles/{zoom}/{column}/{row}", panorama_id), accept=decode
                )
                if tile.shape[:2] != panorama.tile_px:
                    tile = np.asarray(
                        Image.fromarray(tile).resize((tile_width, tile_height), Image.Resampling.BICUBIC)
                    )
                top, left = row * tile_height, column * tile_width
                canvas[top : top + tile_height, left : left + tile_width] = tile
        return canvas[:height, :width]

    def _url(self, endpoint: str, panorama_id: str) -> str:
        query = {"session": self._token(), "key": self._key, "panoId": panorama_id}
        return f"{self.server}/v1/{endpoint}?{urlencode(query)}"

    def _token(self) -> str:
        with self._lock:
            if time.time() > self._ends_s - SPARE_S:
                self._session, self._ends_s = self._new_session()
            return self._session

    def _new_session(self) -> tuple[str, float]:
        payload = {"mapType": "streetview", "language": "en-US", "region": "US"}
        try:
            session, ends_s = self.client.post_json(
                f"{self.server}/v1/createSession?{urlencode({'key': self._key})}",
                payload,
                accept=_parse_session,
            )
        except NotServed as error:
            if error.status not in REFUSED:
                raise
            raise UsageError(
                f"Google refuses the key in {KEY_VARIABLE} (HTTP status {error.status}); enable the "
                "Map Tiles API for it, and billing."
            ) from None
        self.client.keep_secret(session)
        return session, ends_s


def id_in_name(name: str, field: int | None) -> str:
    """Return the panorama id in a file name of comma-separated fields.

    Without a `field` it is the first that looks like an id: 20 or more letters, digits, - and _.
    """
    fields = name.split(",")
    if field is not None:
        chosen = fields[field] if field < len(fields) else ""
        if PANORAMA_ID.fullmatch(chosen):
            return chosen
        raise DataError(f"'{name}': field {field} is no panorama id")
    for text in fields:
        if PANORAMA_ID.fullmatch(text):
            return text
    raise DataError(f"'{name}' holds no panorama id; set fetch.panoramas.id_field on the card")


def parse_metadata(body: bytes) -> Panorama:
    """Read the metadata of a panorama; DataError where something is missing or makes no sense."""
    try:
        data = json.loads(body)
        panorama = Panorama(
            width_px=int(data["imageWidth"]),
            height_px=int(data["imageHeight"]),
            tile_px=(int(data["tileHeight"]), int(data["tileWidth"])),
            heading_deg=float(data["heading"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"panorama metadata that cannot be read ({type(error).__name__}: {error})") from None
    sizes = (panorama.width_px, panorama.height_px, *panorama.tile_px)
    if not all(0 < size <= MOST_PX for size in sizes) or not math.isfinite(panorama.heading_deg):
        raise DataError(f"panorama metadata that make no sense: {panorama}")
    return panorama


def _parse_session(body: bytes) -> tuple[str, float]:
    try:
        data = json.loads(body)
        return str(data["session"]), float(data["expiry"])
    except (ValueError, KeyError, TypeError):
        raise DataError("a session that cannot be read") from None
