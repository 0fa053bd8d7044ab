"""Fetching any number of files with a few threads: resumable, never half-written, failures listed."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from PIL import Image

from cvgl_bench.data.layouts.layout import Wanted
from cvgl_bench.data_tools.fetch.client import Interrupted, Missing
from cvgl_bench.data_tools.fetch.manifest import Manifest, entry
from cvgl_bench.data_tools.fetch.provider import Provider
from cvgl_bench.data_tools.fetch.threads import in_threads
from cvgl_bench.foundation.errors import CvglError, DataError, UsageError
from cvgl_bench.foundation.locks import workplace
from cvgl_bench.foundation.progress import Progress
from cvgl_bench.views.images import ImageArray

FAILURES = "fetch_failures.jsonl"
PARTIAL = ".fetch_partial"
"""Folder of files that are being written; on the file system of the data set, so that they can be renamed."""
JPEG_QUALITY = 95
PNG_LEVEL = 1
"""Three times as fast as the usual 6, for 6 % more bytes on aerial imagery."""
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
MOST_FAILURES_IN_A_ROW = 200
"""After so many the run stops: the server is down, or refuses us, and is left in peace."""
SHOWN_FAILURES = 1000


@dataclass(frozen=True)
class Failure:
    """A file that could not be had, and why."""

    path: str
    reason: str


@dataclass
class Report:
    """What a run did; `failures` holds the first of them, the file `fetch_failures.jsonl` every one.

    Of the `failed` files, `missing` ones do not exist where they were asked for.
    """

    fetched: int = 0
    present: int = 0
    failed: int = 0
    missing: int = 0
    fetched_bytes: int = 0
    failures: list[Failure] = field(default_factory=list)


class _Done(NamedTuple):
    path: str
    state: Literal["fetched", "present", "failed", "missing", "interrupted"]
    size_bytes: int = 0
    reason: str = ""


def download(
    jobs: Iterable[tuple[Provider, Wanted]],
    root: Path,
    *,
    connections: int,
    stop: threading.Event,
    progress: Progress,
) -> Report:
    """Fetch the files that are not there yet and return what was done.

    A file is written whole under another name and then renamed, so what exists is complete; a run that
    was killed is continued by running again, and so are failures retried. Memory does not grow with the
    number of files. `stop` is set when the run ends early. Raises DataError after many failures in a
    row, what a provider raises as UsageError, and UsageError where another process fetches into the folder.
    """
    try:
        with workplace(root / PARTIAL):
            return _download(jobs, root, connections=connections, stop=stop, progress=progress)
    except BlockingIOError:
        raise UsageError(
            f"Another process fetches into {root}; run the same command again when it has ended."
        ) from None
    except OSError as error:
        raise DataError(f"{root} cannot be written: {error.strerror or error}.") from None


def _download(
    jobs: Iterable[tuple[Provider, Wanted]],
    root: Path,
    *,
    connections: int,
    stop: threading.Event,
    progress: Progress,
) -> Report:
    saver = _Saver(root)
    report = Report()
    try:
        with (
            _failures_file(root) as note,
            closing(in_threads(saver.work, jobs, threads=connections, stop=stop)) as results,
        ):
            in_a_row = 0
            for done in results:
                progress.advance()
                in_a_row = (
                    in_a_row + 1 if done.state == "failed" else 0 if done.state == "fetched" else in_a_row
                )
                _count(report, done, note)
                if in_a_row >= MOST_FAILURES_IN_A_ROW:
                    raise DataError(
                        f"{in_a_row} files in a row could not be had, the last because of: {done.reason}. "
                        "Stopped; run the same command again later."
                    )
    finally:
        saver.manifest.close()
    return report


def _count(report: Report, done: _Done, note: Callable[[Failure], object]) -> None:
    if done.state == "fetched":
        report.fetched += 1
        report.fetched_bytes += done.size_bytes
    elif done.state == "present":
        report.present += 1
    elif done.state in ("failed", "missing"):
        failure = Failure(done.path, done.reason)
        report.failed += 1
        report.missing += done.state == "missing"
        note(failure)
        if report.failed <= SHOWN_FAILURES:
            report.failures.append(failure)


class _Saver:
    """Fetches and saves single files; used from many threads."""

    def __init__(self, root: Path) -> None:
        self.manifest = Manifest(root)
        self._root = root
        self._number = count()

    def work(self, job: tuple[Provider, Wanted]) -> _Done:
        provider, wanted = job
        target = target_path(self._root, wanted.path)
        if target.exists():
            return _Done(wanted.path, "present")
        try:
            data = encode(provider.image(wanted), target.suffix)
        except Interrupted:
            return _Done(wanted.path, "interrupted")
        except UsageError:
            raise
        except CvglError as error:
            return _Done(
                wanted.path, "missing" if isinstance(error, Missing) else "failed", reason=str(error)
            )
        self._save(target, wanted.path, data, provider.name)
        return _Done(wanted.path, "fetched", len(data))

    def _save(self, target: Path, path: str, data: bytes, provider: str) -> None:
        partial = self._root / PARTIAL / str(next(self._number))
        try:
            partial.write_bytes(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            # In this order, so that a file never lacks its line in the manifest.
            self.manifest.append(entry(path, data, provider))
            os.replace(partial, target)
        except OSError as error:
            # Not a failure of this file: a full disk concerns them all, so it ends the run.
            raise DataError(
                f"{target} cannot be written: {error.strerror}; free space, then run again."
            ) from None


def target_path(root: Path, path: str) -> Path:
    """Return where a file goes; UsageError for a path that would leave the data set's folder."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        raise UsageError(f"'{path}' is no place inside a data set's folder; correct the list that names it.")
    return root.joinpath(*parts)


def encode(image: ImageArray, suffix: str) -> bytes:
    """Return an image file of the format that a suffix stands for; PNG without loss."""
    kind = FORMATS.get(suffix.lower())
    if kind is None:
        raise UsageError(f"Images of the kind '{suffix}' cannot be written; known are {', '.join(FORMATS)}.")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, quality=JPEG_QUALITY, compress_level=PNG_LEVEL)
    return buffer.getvalue()


@contextmanager
def _failures_file(root: Path) -> Iterator[Callable[[Failure], object]]:
    """Give a function that notes failures; the file of an earlier run is replaced at the end."""
    partial = root / PARTIAL / FAILURES
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        try:
            yield lambda failure: file.write(json.dumps(asdict(failure), ensure_ascii=False) + "\n")
        finally:
            file.flush()
            if partial.stat().st_size:
                os.replace(partial, root / FAILURES)
            else:
                (root / FAILURES).unlink(missing_ok=True)
