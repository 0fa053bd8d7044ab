"""Writes a world: regions in parallel, lists in order, and the whole folder at once or not at all."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.locks import workplace
from cvgl_bench.foundation.processes import follow_parent
from cvgl_bench.minicity.contents import Contents, contents
from cvgl_bench.minicity.labels import SPLIT_FILES, split_folder
from cvgl_bench.minicity.region import RegionLines, write_region
from cvgl_bench.minicity.world import WorldPlan, plan_digest, regions

MARKER = "minicity.json"
"""Written last, so a folder that holds it is whole."""
REMEDY = "Remove it, in the cache by `cvgl-bench cache clear --kind worlds`, and run again."
AHEAD_PER_WORKER = 2
"""Regions handed out before their turn: bounds what waits in memory, however large the world."""

Progress = Callable[[int, int], None]


def is_complete(root: Path) -> bool:
    """Return whether `root` holds a world that was written to its end."""
    return (root / MARKER).is_file()


def generate(
    plan: WorldPlan, root: Path, *, workers: int | None = None, progress: Progress | None = None
) -> None:
    """Write the world of `plan` to `root`, unless it is there already.

    The files are written to a folder next to `root`, which takes its place at the end. Of two processes
    that do this at once the later waits and finds the work done, and what a killed one left is removed.
    `progress` is called with the images written so far and in all.

    Raises `DataError` where `root` holds something else or a world that was damaged since, or the disk
    does not take the files.
    """
    root = Path(root)
    if holds(plan, root):
        return
    try:
        unfinished = root.with_name(f".{root.name}-partial")
        with workplace(unfinished, wait=True):
            if holds(plan, root):
                return
            partial = unfinished / root.name
            _write(plan, partial, workers or _processors(), progress or _silent)
            _publish(plan, partial, root)
    except OSError as error:
        raise DataError(
            f"world '{plan.name}' for {root}: {error.strerror or error}. "
            f"Free some disk space or choose another cache folder, then run again."
        ) from error
    except BrokenProcessPool as error:
        raise DataError(
            f"world '{plan.name}' for {root}: a worker process was killed, perhaps for lack of memory. "
            f"Run again with fewer workers."
        ) from error


def holds(plan: WorldPlan, root: Path) -> bool:
    """Return whether `root` holds the world of `plan`; DataError for another one, or a damaged one."""
    if not is_complete(root):
        return False
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
        found, written = marker["digest"], marker.get("contents")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DataError(
            f"{root}: its {MARKER} is damaged, so that nobody knows what it holds. {REMEDY}"
        ) from None
    if found != plan_digest(plan):
        raise DataError(
            f"{root}: holds a world of other sizes or version ({found}). Remove it or name another folder."
        )
    there = contents(root)
    # Worlds of earlier versions do not say what they hold.
    if written is not None and written != there._asdict():
        raise DataError(
            f"{root}: the world was changed since it was written ({_change(there, written)}). {REMEDY}"
        )
    return True


def _change(there: Contents, written: dict[str, object]) -> str:
    name = next(name for name, value in there._asdict().items() if value != written.get(name))
    if name == "lists":
        return "its label lists differ"
    return f"{getattr(there, name):,} {name} instead of {written.get(name)}"


def _publish(plan: WorldPlan, partial: Path, root: Path) -> None:
    try:
        os.rename(partial, root)
    except OSError:
        if not root.exists():
            raise
        if not holds(plan, root):
            raise DataError(
                f"{root}: is not empty and not a generated world. Remove it or name another folder."
            ) from None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _silent(done: int, total: int) -> None:
    """Report nothing."""


def _write(plan: WorldPlan, root: Path, workers: int, progress: Progress) -> None:
    for city in plan.cities:
        for folder in (
            root / city / "panorama",
            root / city / "satellite",
            split_folder(root, plan.layout, city),
        ):
            folder.mkdir(parents=True)
    total = sum(plan.counts.values())
    done = panoramas = 0
    for lines in _drawn(plan, root, workers):
        _append(plan, root, lines)
        done += len(lines.tiles) + len(lines.labels)
        panoramas += len(lines.labels)
        progress(done, total)
    counts = {"tiles": plan.counts["tiles"], "panoramas": panoramas}
    held = contents(root)._asdict()
    marker = {"name": plan.name, "digest": plan_digest(plan), **counts, "contents": held}
    (root / MARKER).write_text(json.dumps(marker, indent=2) + "\n")


def _drawn(plan: WorldPlan, root: Path, workers: int) -> Iterator[RegionLines]:
    """Yield the regions' lines in order, whatever the number of workers."""
    if workers == 1:
        yield from (write_region(plan, region, root) for region in regions(plan))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=follow_parent) as pool:
        waiting: deque[Future[RegionLines]] = deque()
        try:
            for region in regions(plan):
                waiting.append(pool.submit(write_region, plan, region, root))
                if len(waiting) > AHEAD_PER_WORKER * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Broken off, it waits for the regions that are being drawn, and not for all that were handed out.
            for future in waiting:
                future.cancel()


def _append(plan: WorldPlan, root: Path, lines: RegionLines) -> None:
    names = SPLIT_FILES[plan.layout]
    folder = split_folder(root, plan.layout, lines.city)
    first = lines.first_panorama % 2
    lists = (
        (names.tiles, lines.tiles),
        (names.train, lines.labels[first::2]),
        (names.test, lines.labels[1 - first :: 2]),
        (names.everything, lines.labels),
    )
    for name, content in lists:
        with (folder / name).open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in content)
