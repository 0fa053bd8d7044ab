"""A disc slid over tiles: the normalised correlation at every place, also where it lies half outside.

Zero-mean normalised cross-correlation with a mask on both sides (Padfield, Masked object registration in
the Fourier domain, IEEE TIP 2012): means and variances are those of the part of the disc that is inside
the tile. All sums over places are products of spectra; those that a pair shares with others are made once.
"""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from cvgl_bench.foundation.parts import slices

LEAST_VARIANCE = 1e-3
"""Of a place, in squared grey levels a pixel and summed over channels; where there is less, nothing
correlates."""

PAIRS_AT_ONCE, PAIRS_AT_ONCE_ON_CPU = 1024, 16
"""Discs times tiles correlated at a time: what fills a GPU, what stays in a processor's cache."""


class Slide:
    """Tiles float32 (N, C, H, W) of one scale that discs of `side` pixels, an odd number, are slid over.

    least_inside: share of the disc that must lie inside the tile; 1 tries only places that hold it whole.
    """

    def __init__(self, tiles: Tensor, side: int, *, least_inside: float = 1.0) -> None:
        self._shape = (int(tiles.shape[2]), int(tiles.shape[3]))
        self._side = side
        # No place reads further than half a disc over the border, which wraps round into the padding.
        self._padded = tuple(next_fast_len(length + side // 2, real=True) for length in self._shape)
        axis = torch.arange(side, device=tiles.device) - (side - 1) / 2
        self.inside = (torch.hypot(axis[:, None], axis) <= side / 2).float()
        # Sums of squares of what lies far from zero would cancel.
        tiles = tiles - tiles.mean((2, 3), keepdim=True)
        self._spectra = self._spectrum(tiles)
        self._here = self._spectrum(torch.ones(self._shape, device=tiles.device))
        disc = self._kernel(self.inside)
        count = self._places(self._here * disc).round().clamp(min=1.0)
        sums = self._places(self._spectra * disc)
        squares = self._places(self._spectrum((tiles**2).sum(1)) * disc)
        self._means, self._count = sums / count, count
        variance = (squares / count - (self._means**2).sum(1)).clamp(min=LEAST_VARIANCE)
        share = count / self.inside.sum()
        # By chance a correlation of n pixels is of the order of 1 / sqrt(n): few must not win by chance.
        self._weight = (share / variance).sqrt()
        self._penalty = torch.where(share < least_inside, -2.0, 0.0)

    def best(self, discs: Tensor) -> Tensor:
        """Return (M, N), how well each disc float32 (M, C, side, side) correlates with each tile at best.

        From -1 to 1. Where a part of the disc lies outside, weighed by the root of the share inside.
        """
        most = PAIRS_AT_ONCE_ON_CPU if self._spectra.device.type == "cpu" else PAIRS_AT_ONCE
        size = max(1, most // len(self._spectra))
        return torch.cat([self._best(discs[part]) for part in slices(len(discs), size)])

    def _best(self, discs: Tensor) -> Tensor:
        mean = (discs * self.inside).sum((2, 3), keepdim=True) / self.inside.sum()
        discs = (discs - mean) * self.inside
        kernels = self._kernel(discs)
        sums = self._places(self._here * kernels)
        squares = self._places(self._here * self._kernel((discs**2).sum(1)))
        variance = (squares - (sums**2).sum(1) / self._count) / self._count
        product = self._spectra[None, :, 0] * kernels[:, None, 0]
        for channel in range(1, kernels.shape[1]):
            product.addcmul_(self._spectra[None, :, channel], kernels[:, None, channel])
        covariance = self._places(product)
        for channel in range(kernels.shape[1]):
            covariance.addcmul_(self._means[None, :, channel], sums[:, None, channel], value=-1)
        covariance *= self._weight
        covariance *= (variance.clamp(min=LEAST_VARIANCE).rsqrt() / self._count)[:, None]
        covariance += self._penalty
        return covariance.amax((2, 3))

    def _spectrum(self, images: Tensor) -> Tensor:
        return torch.fft.rfft2(images, self._padded)

    def _kernel(self, discs: Tensor) -> Tensor:
        """Return the spectrum that correlates with discs (..., side, side) centred on each place."""
        half = self._side // 2
        whole = discs.new_zeros((*discs.shape[:-2], *self._padded))
        whole[..., : self._side, : self._side] = discs
        return torch.fft.rfft2(whole.roll((-half, -half), (-2, -1))).conj()

    def _places(self, spectrum: Tensor) -> Tensor:
        """Return what a product of spectra is at every place of the tiles, (..., H, W)."""
        height, width = self._shape
        return torch.fft.irfft2(spectrum, self._padded)[..., :height, :width]
