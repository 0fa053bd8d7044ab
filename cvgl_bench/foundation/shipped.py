"""Folders of files that come with cvgl-bench and are not code."""

from __future__ import annotations

from pathlib import Path

import cvgl_bench


def shipped_folder(name: str, *, in_checkout: str) -> Path:
    """Return a folder inside the installed package, or in a checkout the one that it is packed from."""
    package = Path(cvgl_bench.__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / in_checkout
