"""What a person may set about AuxGeo beyond Sample4Geo; the defaults are the published settings."""

from __future__ import annotations

from dataclasses import dataclass

from cvgl_sample4geo.options import Sample4GeoOptions

from cvgl_auxgeo.labels import PositionLabels
from cvgl_auxgeo.position import PositionTarget
from cvgl_bench.foundation.options import option
from cvgl_bench.views.birdseye import FOV_DEG, Centre, Levels

PUBLISHED_BACKBONE = "convnext_base.fb_in22k_ft_in1k"
"""What the published code starts from whatever its backbone option says: convnext_base_22k_1k_224."""


@dataclass(frozen=True)
class AuxGeoOptions(Sample4GeoOptions):
    """Settings of AuxGeo; with `bim` and `pcm` off it is Sample4Geo."""

    backbone: str = option(PUBLISHED_BACKBONE, "Any timm model name; one network embeds all views.")
    bim: bool = option(True, "Train with a bird's-eye view of the panorama as third input.")
    bev_fov_deg: float = option(FOV_DEG, "Field of view of the bird's-eye view.", least=1, most=179)
    bev_centre: Centre = option("centred", "Centre of the bird's-eye view; 'published' is up to a pixel off.")
    bev_levels: Levels = option("rounded", "Grey levels of it; 'truncated' as in the published code.")
    bev_horizon_shift_px: float = option(
        0.0, "Rows by which panoramas that are cut above and below lie under the middle of their frame."
    )
    bev_query_weight: float = option(0.1, "Of InfoNCE(panorama, bird's-eye view).", least=0)
    bev_reference_weight: float = option(0.1, "Of InfoNCE(bird's-eye view, tile).", least=0)
    pcm: bool = option(True, "Train and answer the query's position in the tile.")
    position_weight: float = option(0.05, "Of the position loss.", least=0)
    position_temperature: float = option(0.05, "Of the softmax over a tile's cells.", least=0.001, most=10)
    position_target: PositionTarget = option(
        "centred", "Where a cell lies: at its middle, or at its corner as in the published code."
    )
    position_labels: PositionLabels = option(
        "exact",
        "Where a query lies; 'published' rounds to whole pixels and turns about a point off the centre.",
    )
    position_shift_px: float = option(
        0.0, "Pixels by which labels lie right of and below the query; the published code has -1 for VIGOR."
    )
