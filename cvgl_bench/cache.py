"""The folder for what can be made again: generated worlds and stored embeddings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$CVGL_CACHE`, else `$XDG_CACHE_HOME/cvgl-bench`, else `~/.cache/cvgl-bench`."""
    if environ.get("CVGL_CACHE"):
        return Path(environ["CVGL_CACHE"])
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cvgl-bench"
