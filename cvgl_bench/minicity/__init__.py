"""The embedded default: small worlds of generated cities, in the on-disk layouts of the real data sets."""

from cvgl_bench.minicity.world import MINI_DRESS, MINI_VIGOR, PLANS, WorldPlan, plan_digest
from cvgl_bench.minicity.write import generate, holds, is_complete

__all__ = [
    "MINI_DRESS",
    "MINI_VIGOR",
    "PLANS",
    "WorldPlan",
    "generate",
    "holds",
    "is_complete",
    "plan_digest",
]
