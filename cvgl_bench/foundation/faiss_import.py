"""faiss, which is installed for a processor or for GPUs, or not at all."""

from __future__ import annotations

from typing import Any

from cvgl_bench.foundation.errors import UsageError


def import_faiss() -> Any:
    """Return the module faiss, or raise UsageError saying how to install it."""
    try:
        import faiss
    except ImportError:
        raise UsageError(
            "Finding nearest references needs faiss, which is not installed. Install cvgl-bench[cpu], or "
            "cvgl-bench[gpu] on a machine with an NVIDIA GPU."
        ) from None
    return faiss


def gpus(faiss: Any) -> int:
    """Return how many GPUs this build of faiss uses."""
    return faiss.get_num_gpus() if hasattr(faiss, "StandardGpuResources") else 0
