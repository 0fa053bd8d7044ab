"""Where a result came from: versions, commit, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch

import cvgl_bench

DIRTY = "-dirty"
"""Ends a commit whose code was changed since."""

RECORDED_DISTRIBUTIONS = ("torch", "torchvision", "timm", "numpy", "pandas", "pillow", "simplejpeg")


def versions() -> dict[str, str]:
    """Return the versions of the harness, Python and the libraries that shape numbers."""
    found = {"cvgl-bench": cvgl_bench.__version__, "python": platform.python_version()}
    for name in RECORDED_DISTRIBUTIONS:
        found[name] = _version(name)
    return found


_version = cache(importlib.metadata.version)


def commit() -> str | None:
    """Return the commit of the checkout that the harness runs from, ending with `DIRTY` if changed."""
    folder = Path(cvgl_bench.__file__).parent
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--", "*.py", "*.yaml", "*.toml")
    return f"{head}{DIRTY}" if changed else head


def environment(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """Return the machine as far as it shapes speed and numbers; nothing that names its owner.

    processes: how many did the work together, each on such a device.
    """
    found = {
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device.type,
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if processes > 1:
        found["processes"] = processes
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
    return found


def _git(folder: Path, *arguments: str) -> str | None:
    """Run git in `folder`; None where it is not the checkout that holds the harness."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder.parent), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    tracked = (folder.parent / ".git").exists()
    return done.stdout.strip() if done.returncode == 0 and tracked else None
