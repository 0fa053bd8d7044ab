"""AuxGeo: Sample4Geo with a bird's-eye view and the query's position as auxiliary training signals.

Paper: Xia et al., ISPRS Journal 2025, arXiv 2412.11529. Ranking uses the shared backbone on panorama
and tile alone, so it costs what Sample4Geo's does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

import torch
from cvgl_sample4geo.method import Sample4Geo
from torch import Tensor, nn

from cvgl_auxgeo.labels import position_label
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_auxgeo.position import locate, position_errors, position_loss
from cvgl_auxgeo.published import from_published, is_published
from cvgl_bench.foundation.errors import DataError, OptionError
from cvgl_bench.method import Context, Pair, View
from cvgl_bench.networks.shared_backbone import SharedBackbone
from cvgl_bench.networks.weights import Backbone, create_backbone, pretrained_configuration
from cvgl_bench.views import birdseye
from cvgl_bench.views.images import Geometry, ImageArray, Size

if TYPE_CHECKING:
    import numpy as np


class ThreeViews(SharedBackbone):
    """Sample4Geo's network with a similarity scale for either pair of views that training adds.

    `logit_scale2` is for panorama and bird's-eye view, `logit_scale3` for bird's-eye view and tile;
    the names are those of the published weights.
    """

    def __init__(self, model: Backbone, temperature: float) -> None:
        super().__init__(model, temperature)
        self.logit_scale2 = nn.Parameter(self.logit_scale.detach().clone())
        self.logit_scale3 = nn.Parameter(self.logit_scale.detach().clone())


class AuxGeo(Sample4Geo):
    """Sample4Geo trained with a third view and with the place of the query in its tile."""

    name = "auxgeo"
    title = "AuxGeo (ISPRS 2025)"
    Options = AuxGeoOptions
    recipes = files("cvgl_auxgeo") / "recipes"
    options: AuxGeoOptions

    @property
    def can_locate(self) -> bool:
        """True where the position constraint trains the tile's parts."""
        return self.options.pcm

    def build(self) -> SharedBackbone:
        """Return Sample4Geo's network, with a temperature for each pair of views.

        Raises OptionError where `pcm` needs a map of parts that the backbone does not keep.
        """
        if self.options.pcm:
            _check_parts(self.options.backbone)
        network = super().build()
        return ThreeViews(network.model, self.options.temperature) if self.options.bim else network

    def least_size(self, view: View) -> Size:
        """Return the size at which the network sees a view; a bird's-eye view takes twice a tile's width."""
        height, width = self.size(view)
        if view == "query" and self.options.bim:
            tile_height, tile_width = self.options.tile_size
            return max(height, tile_height), max(width, 2 * tile_width)
        return height, width

    def prepare_views(
        self, pair: Pair, geometry: Geometry, generator: np.random.Generator
    ) -> dict[str, Tensor]:
        """Add `birdseye` and `position`, (x, y) as fractions of the turned tile, to Sample4Geo's views."""
        views = super().prepare_views(pair, geometry, generator)
        if self.options.bim:
            view = self.augmented(self.birdseye(pair.query), "reference", generator)
            views["birdseye"] = self.normalised(geometry.on_overhead(view))
        if self.options.pcm:
            if not all(map(math.isfinite, pair.position_px)):
                raise DataError(
                    "the data set does not say where in its tile a query lies, which the position constraint "
                    "learns. Set method.pcm=false."
                )
            label = position_label(
                pair.position_px,
                pair.reference.shape[:2],
                geometry,
                tile=self.options.tile_size,
                labels=self.options.position_labels,
                shift_px=self.options.position_shift_px,
            )
            views["position"] = torch.tensor(label)
        return views

    def birdseye(self, panorama: ImageArray) -> ImageArray:
        """Return the bird's-eye view of a stored panorama, as large as a tile."""
        options = self.options
        return birdseye.project(
            panorama,
            options.tile_size,
            fov_deg=options.bev_fov_deg,
            centre=options.bev_centre,
            horizon_shift_px=options.bev_horizon_shift_px,
            levels=options.bev_levels,
        )

    def represent(  # type: ignore[override]  # Its network is what `build` returned.
        self, network: SharedBackbone, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the features of every view and, with `pcm`, each pair's `position_error`."""
        options = self.options
        if not (options.bim or options.pcm):
            return super().represent(network, batch)
        names = ["query", "reference", "birdseye"] if options.bim else ["query", "reference"]
        parts = self.features(network.model.forward_features, [batch[name] for name in names])
        outputs = dict(zip(names, map(network.model.forward_head, parts), strict=True))
        if options.pcm:
            outputs["position_error"] = position_errors(
                torch.stack([outputs[name] for name in names if name != "reference"], dim=1),
                parts[names.index("reference")],
                batch["position"],
                temperature=options.position_temperature,
                target=options.position_target,
            )
        return outputs

    def criterion(  # type: ignore[override]  # Its network is what `build` returned.
        self, network: SharedBackbone, outputs: dict[str, Tensor], context: Context
    ) -> dict[str, Tensor]:
        """Return the weighted terms: three contrastive losses and the position loss, those that are on."""
        options = self.options
        terms = super().criterion(network, outputs, context)
        if options.bim:
            assert isinstance(network, ThreeViews)
            above = outputs["birdseye"]
            query_term = self.info_nce(outputs["query"], above, network.logit_scale2)
            reference_term = self.info_nce(above, outputs["reference"], network.logit_scale3)
            terms["info_nce_bev_query"] = options.bev_query_weight * query_term
            terms["info_nce_bev_reference"] = options.bev_reference_weight * reference_term
        if options.pcm:
            terms["position"] = options.position_weight * position_loss(outputs["position_error"])
        return terms

    def locate(self, network: SharedBackbone, queries: Tensor, references: Tensor) -> Tensor:
        """Return (B, 2) positions (x, y) of queries in references as fractions of width and height."""
        parts = network.model.forward_features(references)
        return locate(
            network(queries),
            parts,
            temperature=self.options.position_temperature,
            target=self.options.position_target,
        )

    def load_checkpoint(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Translate the published code's state dict; any other stays as it is."""
        if not is_published(state):
            return state
        with torch.device("meta"):
            backbone = create_backbone(self.options.backbone, "none")
        return from_published(state, backbone)


def _check_parts(name: str) -> None:
    """Raise OptionError unless the last features are a map (B, C, h, w) with the global feature's C."""
    with torch.device("meta"), torch.no_grad():
        backbone = create_backbone(name, "none").eval()
        parts = backbone.forward_features(torch.zeros(1, *pretrained_configuration(name).input_size))
        channels = backbone.forward_head(parts).shape[1]
    if not isinstance(parts, Tensor) or parts.ndim != 4 or parts.shape[1] != channels:
        raise OptionError(
            f"method.backbone is '{name}', whose last features are no map of parts with the channels of "
            "its global feature, which the position constraint compares. Choose a ConvNeXt, ResNet, "
            "EfficientNet, RegNet or DenseNet, or set pcm=false."
        )
