"""Contrastive losses over a batch of matching pairs, and the sum of a method's loss terms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor


def symmetric_info_nce(a: Tensor, b: Tensor, log_scale: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean of the two cross-entropies of finding b[i] from a[i] and a[i] from b[i].

    With unit vectors u, v and s = exp(log_scale), the logits are L[i, j] = s * <u[i], v[j]>; the loss
    is (CE(L, i) + CE(L^T, i)) / 2, the target of row i being class i, smoothed over the batch's B
    classes: 1 - label_smoothing + label_smoothing / B on i, label_smoothing / B elsewhere. Computed
    in float32 whatever autocast says: half precision cannot hold a scale of 100 and small differences.

    a, b: (B, D) embeddings of any length; log_scale: scalar. Source: Radford et al., ICML 2021, fig. 3;
    with label smoothing Deuser et al., ICCV 2023, section 3.2.
    """
    with torch.autocast(device_type=a.device.type, enabled=False):
        a, b = F.normalize(a.float(), dim=-1), F.normalize(b.float(), dim=-1)
        logits = log_scale.float().exp() * a @ b.T
        target = torch.arange(len(logits), device=logits.device)
        forth = F.cross_entropy(logits, target, label_smoothing=label_smoothing)
        back = F.cross_entropy(logits.T, target, label_smoothing=label_smoothing)
    return (forth + back) / 2


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """Return the sum of a method's loss terms, scalars of which there is one at least."""
    return reduce(torch.add, terms.values())
