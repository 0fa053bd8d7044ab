"""What each city looks like: its streets, buildings, colours, trees and light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rgb = tuple[float, float, float]
BlockKind = Literal[
    "perimeter", "rows", "houses", "towers", "halls", "park", "plaza", "parking", "pitch", "water"
]
Crossing = Literal["zebra", "ladder", "lines"]
CentreLine = Literal["double_yellow", "dashed_white", "dashed_yellow", "solid_white"]
Species = Literal["broadleaf", "conifer", "palm"]


@dataclass(frozen=True)
class CityStyle:
    """The look of one city; lengths in metres, colours as 8-bit sRGB reflectances, angles in degrees."""

    centre: tuple[float, float]
    """Latitude and longitude of the real city's centre."""
    block_m: tuple[float, float]
    """Spacing of the streets along the two axes of the grid."""
    angle_deg: float
    """Clockwise turn of the grid from the points of the compass."""
    irregular: float
    """How far a junction strays from its place in the grid, as a share of the block."""
    bend_m: float
    """Amplitude of the long waves that bend whole streets."""
    avenue_every: tuple[int, int]
    """Every how many streets, along each axis, one is an avenue."""
    street_m: float
    avenue_m: float
    sidewalk_m: float
    dropped: float
    """Share of side-street pieces that are built over, which leaves T-junctions."""
    river_every: int
    """One strip of blocks in so many is a river; 0 for none."""
    kinds: dict[BlockKind, float]
    """What blocks are made of, with weights."""
    floors: tuple[int, int]
    tower_floors: tuple[int, int]
    lot_m: tuple[float, float]
    """Range of widths of a lot along its street."""
    pitched: float
    """Share of the small buildings with a pitched roof."""
    walls: tuple[Rgb, ...]
    roofs: tuple[Rgb, ...]
    flat_roofs: tuple[Rgb, ...]
    asphalt: Rgb
    pavement: Rgb
    grass: Rgb
    centre_line: CentreLine
    crossing: Crossing
    trees: float
    """Chance that a place for a tree holds one."""
    species: tuple[Species, ...]
    leaves: tuple[Rgb, ...]
    parked: float
    """Share of kerb places taken by a parked car."""
    sun_azimuth_deg: float
    """Clockwise from north."""
    sun_elevation_deg: float
    sky: Rgb
    haze: Rgb
    shops: float
    """Share of street fronts with shops on the ground floor."""
    water: Rgb = (62, 92, 104)


# fmt: off
STYLES: dict[str, CityStyle] = {
    "Chicago": CityStyle(
        centre=(41.8781, -87.6298), block_m=(82, 112), angle_deg=0.6, irregular=0.015, bend_m=2,
        avenue_every=(3, 4), street_m=11.5, avenue_m=19, sidewalk_m=3.6, dropped=0.06, river_every=13,
        kinds={"rows": 4, "towers": 2.2, "perimeter": 1.5, "halls": 0.8, "parking": 0.8, "park": 0.6},
        floors=(2, 5), tower_floors=(9, 20), lot_m=(8, 15), pitched=0.25,
        walls=((146, 84, 66), (166, 104, 80), (190, 170, 145), (120, 72, 60), (176, 176, 172)),
        roofs=((92, 82, 78), (110, 88, 76)),
        flat_roofs=((150, 148, 142), (96, 94, 92), (184, 182, 176), (124, 112, 102)),
        asphalt=(92, 92, 94), pavement=(178, 174, 164), grass=(98, 124, 66),
        centre_line="double_yellow", crossing="ladder", trees=0.45, species=("broadleaf",),
        leaves=((70, 104, 48), (88, 116, 54)), parked=0.55, sun_azimuth_deg=215, sun_elevation_deg=48,
        sky=(96, 146, 206), haze=(206, 218, 228), shops=0.35,
    ),
    "Johannesburg": CityStyle(
        centre=(-26.2041, 28.0473), block_m=(74, 92), angle_deg=-9, irregular=0.05, bend_m=5,
        avenue_every=(4, 3), street_m=10.5, avenue_m=17, sidewalk_m=4.2, dropped=0.1, river_every=0,
        kinds={
            "houses": 3.5, "halls": 1.6, "towers": 1.2, "rows": 1, "parking": 0.7, "pitch": 0.5, "park": 0.6,
        },
        floors=(1, 3), tower_floors=(6, 15), lot_m=(15, 23), pitched=0.8,
        walls=((206, 178, 140), (188, 150, 112), (222, 206, 176), (170, 118, 88)),
        roofs=((150, 92, 68), (126, 116, 110), (172, 164, 152), (104, 122, 104), (134, 76, 62)),
        flat_roofs=((176, 166, 150), (138, 128, 118), (200, 194, 184)),
        asphalt=(112, 104, 96), pavement=(176, 142, 110), grass=(152, 142, 84),
        centre_line="dashed_white", crossing="lines", trees=0.6, species=("broadleaf",),
        leaves=((86, 104, 56), (138, 104, 158), (104, 116, 66)), parked=0.25,
        sun_azimuth_deg=330, sun_elevation_deg=54, sky=(84, 140, 214), haze=(222, 212, 196), shops=0.2,
        water=(88, 98, 82),
    ),
    "London": CityStyle(
        centre=(51.5074, -0.1278), block_m=(64, 84), angle_deg=17, irregular=0.15, bend_m=16,
        avenue_every=(4, 4), street_m=8.8, avenue_m=14.5, sidewalk_m=2.6, dropped=0.2, river_every=14,
        kinds={"rows": 4.5, "perimeter": 3, "towers": 0.6, "park": 0.9, "plaza": 0.4, "halls": 0.3},
        floors=(3, 5), tower_floors=(7, 12), lot_m=(6, 11), pitched=0.7,
        walls=((152, 104, 78), (186, 158, 118), (206, 198, 182), (132, 88, 70), (168, 132, 98)),
        roofs=((86, 84, 90), (104, 96, 96), (122, 88, 74)),
        flat_roofs=((112, 112, 112), (140, 136, 130), (92, 92, 96)),
        asphalt=(84, 84, 88), pavement=(160, 158, 152), grass=(84, 118, 58),
        centre_line="dashed_white", crossing="zebra", trees=0.5, species=("broadleaf",),
        leaves=((62, 92, 42), (82, 106, 50)), parked=0.6, sun_azimuth_deg=195, sun_elevation_deg=44,
        sky=(140, 168, 200), haze=(214, 218, 222), shops=0.4, water=(92, 96, 82),
    ),
    "Rio": CityStyle(
        centre=(-22.9068, -43.1729), block_m=(70, 80), angle_deg=31, irregular=0.1, bend_m=12,
        avenue_every=(3, 5), street_m=10, avenue_m=18, sidewalk_m=4, dropped=0.14, river_every=0,
        kinds={
            "perimeter": 4, "towers": 1.5, "houses": 1, "plaza": 0.7, "park": 0.7, "pitch": 0.5, "rows": 1.5,
        },
        floors=(3, 8), tower_floors=(10, 17), lot_m=(10, 18), pitched=0.4,
        walls=((230, 216, 190), (214, 164, 130), (236, 230, 220), (190, 200, 190), (226, 190, 120)),
        roofs=((178, 98, 66), (190, 116, 80), (160, 84, 60)),
        flat_roofs=((184, 172, 156), (160, 142, 124), (204, 196, 186)),
        asphalt=(100, 98, 98), pavement=(200, 194, 184), grass=(92, 132, 58),
        centre_line="dashed_yellow", crossing="zebra", trees=0.6, species=("palm", "broadleaf"),
        leaves=((54, 104, 44), (70, 120, 48)), parked=0.45, sun_azimuth_deg=20, sun_elevation_deg=58,
        sky=(70, 140, 216), haze=(208, 222, 230), shops=0.45, water=(48, 108, 128),
    ),
    "Sydney": CityStyle(
        centre=(-33.8688, 151.2093), block_m=(78, 96), angle_deg=-21, irregular=0.09, bend_m=13,
        avenue_every=(4, 4), street_m=9.6, avenue_m=15, sidewalk_m=3.4, dropped=0.14, river_every=12,
        kinds={"houses": 4.5, "rows": 1.4, "towers": 0.9, "park": 0.8, "pitch": 0.5, "perimeter": 0.6},
        floors=(1, 2), tower_floors=(6, 14), lot_m=(12, 18), pitched=0.92,
        walls=((222, 206, 180), (184, 128, 96), (234, 230, 222), (202, 188, 164)),
        roofs=((186, 92, 60), (170, 78, 54), (120, 116, 116), (198, 112, 76)),
        flat_roofs=((190, 188, 184), (150, 150, 150), (214, 212, 206)),
        asphalt=(88, 90, 94), pavement=(186, 180, 168), grass=(116, 138, 72),
        centre_line="solid_white", crossing="zebra", trees=0.65, species=("broadleaf",),
        leaves=((78, 104, 62), (96, 112, 70), (64, 92, 50)), parked=0.4,
        sun_azimuth_deg=345, sun_elevation_deg=52, sky=(74, 144, 222), haze=(206, 222, 236), shops=0.2,
        water=(44, 104, 132),
    ),
    "Taipei": CityStyle(
        centre=(25.0330, 121.5654), block_m=(56, 74), angle_deg=6, irregular=0.05, bend_m=4,
        avenue_every=(4, 4), street_m=8.2, avenue_m=21, sidewalk_m=2.8, dropped=0.12, river_every=0,
        kinds={"perimeter": 4.5, "rows": 2, "towers": 1.4, "park": 0.5, "plaza": 0.3, "pitch": 0.4},
        floors=(4, 7), tower_floors=(10, 16), lot_m=(8, 14), pitched=0.3,
        walls=((196, 186, 172), (170, 164, 158), (210, 200, 190), (150, 132, 118), (182, 162, 144)),
        roofs=((96, 130, 110), (166, 84, 72), (94, 116, 150), (150, 148, 146)),
        flat_roofs=((156, 150, 142), (132, 140, 128), (120, 116, 112), (176, 172, 164)),
        asphalt=(78, 78, 80), pavement=(150, 140, 132), grass=(78, 118, 58),
        centre_line="double_yellow", crossing="zebra", trees=0.5, species=("broadleaf", "palm"),
        leaves=((48, 88, 40), (60, 98, 46)), parked=0.35, sun_azimuth_deg=160, sun_elevation_deg=60,
        sky=(128, 164, 204), haze=(212, 216, 218), shops=0.65,
    ),
    "Tokyo": CityStyle(
        centre=(35.6812, 139.7671), block_m=(48, 60), angle_deg=-14, irregular=0.12, bend_m=9,
        avenue_every=(5, 6), street_m=6.6, avenue_m=18, sidewalk_m=1.6, dropped=0.2, river_every=0,
        kinds={"rows": 4, "houses": 1.6, "perimeter": 1.6, "towers": 1.1, "parking": 0.5, "park": 0.4},
        floors=(2, 5), tower_floors=(8, 14), lot_m=(7, 11), pitched=0.4,
        walls=((206, 202, 196), (182, 176, 170), (226, 222, 214), (160, 148, 136), (196, 184, 164)),
        roofs=((92, 100, 114), (110, 104, 100), (84, 92, 96), (140, 96, 80)),
        flat_roofs=((190, 190, 188), (164, 164, 164), (206, 204, 200), (142, 150, 146)),
        asphalt=(104, 104, 106), pavement=(164, 160, 156), grass=(96, 120, 72),
        centre_line="solid_white", crossing="zebra", trees=0.3, species=("broadleaf", "conifer"),
        leaves=((66, 96, 50), (84, 108, 56)), parked=0.15, sun_azimuth_deg=205, sun_elevation_deg=50,
        sky=(112, 160, 212), haze=(212, 220, 226), shops=0.4,
    ),
    "Vancouver": CityStyle(
        centre=(49.2827, -123.1207), block_m=(74, 104), angle_deg=44, irregular=0.02, bend_m=3,
        avenue_every=(4, 3), street_m=10.6, avenue_m=17.5, sidewalk_m=4.4, dropped=0.08, river_every=0,
        kinds={"houses": 3.6, "towers": 2, "rows": 1.2, "park": 0.9, "parking": 0.4, "perimeter": 0.6},
        floors=(2, 3), tower_floors=(9, 16), lot_m=(10, 14), pitched=0.85,
        walls=((198, 206, 204), (150, 162, 166), (214, 206, 188), (120, 128, 120), (176, 150, 126)),
        roofs=((96, 96, 98), (84, 76, 72), (116, 110, 104), (76, 84, 82)),
        flat_roofs=((170, 172, 174), (138, 140, 142), (114, 118, 116)),
        asphalt=(86, 90, 94), pavement=(172, 174, 170), grass=(82, 124, 62),
        centre_line="dashed_yellow", crossing="ladder", trees=0.8, species=("conifer", "broadleaf"),
        leaves=((46, 78, 50), (66, 96, 52), (56, 86, 46)), parked=0.5, sun_azimuth_deg=185,
        sun_elevation_deg=46, sky=(104, 156, 208), haze=(204, 216, 226), shops=0.25,
    ),
    "NewYork": CityStyle(
        centre=(40.7308, -73.9973), block_m=(72, 150), angle_deg=29, irregular=0.015, bend_m=2,
        avenue_every=(6, 2), street_m=11, avenue_m=21, sidewalk_m=4, dropped=0.04, river_every=0,
        kinds={"perimeter": 4.5, "towers": 2.6, "rows": 2, "plaza": 0.4, "park": 0.5, "parking": 0.3},
        floors=(4, 7), tower_floors=(10, 20), lot_m=(7, 14), pitched=0.0,
        walls=((140, 82, 66), (164, 120, 96), (182, 166, 144), (112, 74, 62), (150, 146, 142)),
        roofs=((96, 90, 88),),
        flat_roofs=((84, 82, 82), (176, 176, 174), (116, 110, 106), (202, 202, 200)),
        asphalt=(80, 80, 84), pavement=(164, 162, 158), grass=(90, 118, 64),
        centre_line="double_yellow", crossing="ladder", trees=0.4, species=("broadleaf",),
        leaves=((74, 102, 50), (90, 112, 58)), parked=0.7, sun_azimuth_deg=200, sun_elevation_deg=46,
        sky=(100, 150, 208), haze=(208, 216, 224), shops=0.6,
    ),
    "SanFrancisco": CityStyle(
        centre=(37.7749, -122.4194), block_m=(84, 104), angle_deg=-9, irregular=0.02, bend_m=4,
        avenue_every=(4, 4), street_m=13, avenue_m=20, sidewalk_m=3.4, dropped=0.05, river_every=0,
        kinds={"rows": 5.5, "perimeter": 1.4, "towers": 0.9, "park": 0.7, "parking": 0.5, "pitch": 0.3},
        floors=(2, 4), tower_floors=(7, 14), lot_m=(7, 10), pitched=0.15,
        walls=((226, 212, 190), (190, 200, 208), (218, 190, 170), (206, 214, 196), (232, 226, 214)),
        roofs=((120, 110, 104), (140, 108, 92)),
        flat_roofs=((190, 188, 184), (168, 164, 158), (146, 140, 134), (212, 210, 206)),
        asphalt=(106, 106, 106), pavement=(186, 180, 170), grass=(112, 126, 72),
        centre_line="double_yellow", crossing="lines", trees=0.35, species=("broadleaf", "palm"),
        leaves=((66, 94, 54), (82, 104, 62)), parked=0.75, sun_azimuth_deg=225, sun_elevation_deg=50,
        sky=(90, 148, 214), haze=(214, 222, 230), shops=0.3,
    ),
    "Seattle": CityStyle(
        centre=(47.6062, -122.3321), block_m=(72, 98), angle_deg=2, irregular=0.03, bend_m=5,
        avenue_every=(4, 3), street_m=9.8, avenue_m=16, sidewalk_m=4.6, dropped=0.1, river_every=0,
        kinds={"houses": 3.2, "rows": 1.6, "towers": 1.2, "halls": 0.8, "park": 0.8, "parking": 0.5},
        floors=(2, 3), tower_floors=(7, 15), lot_m=(11, 16), pitched=0.75,
        walls=((172, 178, 172), (142, 120, 100), (204, 196, 178), (112, 124, 132), (168, 104, 82)),
        roofs=((84, 82, 84), (104, 94, 88), (70, 78, 76)),
        flat_roofs=((156, 156, 156), (122, 124, 124), (184, 184, 180)),
        asphalt=(98, 98, 98), pavement=(168, 168, 160), grass=(88, 120, 58),
        centre_line="dashed_yellow", crossing="ladder", trees=0.75, species=("conifer", "broadleaf"),
        leaves=((52, 82, 48), (74, 100, 54)), parked=0.5, sun_azimuth_deg=190, sun_elevation_deg=45,
        sky=(118, 158, 200), haze=(210, 216, 220), shops=0.25,
    ),
}
# fmt: on
