"""Sample4Geo: hard negative sampling for cross-view geo-localisation (Deuser et al., ICCV 2023).

Paper: arXiv 2303.11851. One backbone embeds panoramas and tiles; a symmetric InfoNCE loss with a
learnable temperature draws the two views of a place together. The sampling of its batches, by
distance and then by similarity, belongs to the training loop.
"""

from __future__ import annotations

from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cvgl_bench.method import Context, Pair, TrainableMethod, View
from cvgl_bench.networks.losses import symmetric_info_nce
from cvgl_bench.networks.shared_backbone import SharedBackbone, shared_backbone
from cvgl_bench.networks.weights import pixel_statistics
from cvgl_bench.views.augmentation import Photometric
from cvgl_bench.views.images import Geometry, ImageArray, Size, normalise, resize
from cvgl_sample4geo.options import Sample4GeoOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

GRID_RATIO: dict[View, float] = {"query": 0.5, "reference": 0.4}
"""Side of the blackened squares of a dropout grid, as a share of its cells (published code)."""


class Sample4Geo(TrainableMethod):
    """A backbone for both views, trained to find each panorama's tile among its neighbours."""

    name = "sample4geo"
    title = "Sample4Geo (ICCV 2023)"
    Options = Sample4GeoOptions
    recipes = files("cvgl_sample4geo") / "recipes"
    options: Sample4GeoOptions

    def build(self) -> SharedBackbone:
        """Return the backbone with its temperature."""
        options = self.options
        return shared_backbone(
            options.backbone,
            options.weights,
            output_stride=options.output_stride,
            temperature=options.temperature,
        )

    def prepare(self, image: ImageArray, view: View) -> Tensor:
        """Resize to the view's size and normalise as the backbone expects."""
        return self.normalised(resize(image, self.size(view), antialias=self.options.antialias))

    def least_size(self, view: View) -> Size:
        """Return the size at which the network sees a view."""
        return self.size(view)

    def embed(self, network: nn.Module, images: Tensor, view: View) -> Tensor:
        """Return pooled features (B, D); both views go through the same weights."""
        return network(images)

    def prepare_pair(self, pair: Pair, generator: np.random.Generator) -> dict[str, Tensor]:
        """Return `query` and `reference`, flipped and turned together, augmented one by one."""
        return self.prepare_views(pair, self.draw_geometry(generator), generator)

    def represent(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the features of both views."""
        query, reference = self.features(network, [batch["query"], batch["reference"]])
        return {"query": query, "reference": reference}

    def criterion(  # type: ignore[override]  # Its network is what `build` returned.
        self, network: SharedBackbone, outputs: dict[str, Tensor], context: Context
    ) -> dict[str, Tensor]:
        """Return the contrastive loss of the batch as `info_nce`."""
        return {"info_nce": self.info_nce(outputs["query"], outputs["reference"], network.logit_scale)}

    def features(self, network: Callable[[Tensor], Tensor], views: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the features of each view, computed in one pass where all views have one size.

        Layers that normalise over the batch then see the same mixture of views in training as their
        running statistics hold for evaluation; in separate passes each view is normalised by itself,
        which evaluation never does. Other layers do not notice.
        """
        if len({view.shape for view in views}) == 1:
            return network(torch.cat(tuple(views))).chunk(len(views))
        return tuple(network(view) for view in views)

    def info_nce(self, a: Tensor, b: Tensor, log_scale: Tensor) -> Tensor:
        """Return the symmetric InfoNCE of matching features with the label smoothing that is set."""
        return symmetric_info_nce(a, b, log_scale, label_smoothing=self.options.label_smoothing)

    def draw_geometry(self, generator: np.random.Generator) -> Geometry:
        """Draw the flip and turn that every view of a place shares; before any other draw."""
        options = self.options
        return Geometry.draw(
            generator, flip_probability=options.flip_probability, turn_probability=options.turn_probability
        )

    def prepare_views(
        self, pair: Pair, geometry: Geometry, generator: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return the network's input of a pair; a subclass with further views draws for them after it."""
        query = self.augmented(pair.query, "query", generator)
        reference = self.augmented(pair.reference, "reference", generator)
        return {
            "query": self.normalised(geometry.on_panorama(query)),
            "reference": self.normalised(geometry.on_overhead(reference)),
        }

    def augmented(self, image: ImageArray, view: View, generator: np.random.Generator) -> ImageArray:
        """Return an image at the view's size with its photometric augmentation."""
        options = self.options
        photometric = Photometric(
            jpeg_probability=options.jpeg_probability,
            colour_probability=options.colour_probability,
            colour_strength=options.colour_strength,
            blur_probability=options.blur_probability,
            sharpen_darkens=options.sharpen_darkens,
            dropout_probability=options.dropout_probability,
            grid_ratio=GRID_RATIO[view],
            antialias=options.antialias,
        )
        return photometric(image, self.size(view), generator)

    def size(self, view: View) -> Size:
        """Return the height and width at which the network sees a view."""
        return self.options.panorama_size if view == "query" else self.options.tile_size

    def normalised(self, image: ImageArray) -> Tensor:
        """Return the network's input (3, H, W) of an image of the right size."""
        return normalise(image, *self._pixel_statistics)

    @cached_property
    def _pixel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return pixel_statistics(self.options.backbone)
