"""An HTTP client for many small files: kept-alive connections, deadlines, size limits, retries.

It is built on the standard library because the address must be checked at the moment of connecting,
which the pooling libraries do not offer.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import cvgl_bench
from cvgl_bench.data_tools.fetch.address import split_url
from cvgl_bench.data_tools.fetch.line import Line, open_line
from cvgl_bench.data_tools.fetch.pace import Pace
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.options import option

Body = TypeVar("Body")

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be different next time."""
GONE = frozenset({404, 410})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
CHUNK_BYTES = 1 << 16
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
LONGEST_REST_S = 600.0
"""A server that asks for more patience than this is not waited for; the next run tries again."""


@dataclass(frozen=True)
class Manners:
    """How a server is treated, and how much patience it gets."""

    connections: int = option(8, "requests under way at once", least=1, most=256)
    rate_per_s: float = option(20.0, "most requests a second, 0 for no limit", least=0)
    tries: int = option(6, "requests for one thing before it counts as failed", least=1, most=20)
    stall_s: float = option(20.0, "seconds without a byte before a request is given up", least=0.05)
    deadline_s: float = option(120.0, "seconds that one request may take in all", least=0.05)
    body_mb: float = option(32.0, "largest answer in megabytes", least=0.001)


class NotServed(DataError):
    """The server does not give what was asked, and will not the next time."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Missing(DataError):
    """There is no such image, which says nothing about the others."""


class Interrupted(DataError):
    """The run is ending; what was under way is left for the next one."""


class _Unsuccessful(Exception):
    """A try that failed and may be repeated, after `rest_s` if the server said so."""

    def __init__(self, reason: str, rest_s: float | None = None) -> None:
        super().__init__(reason)
        self.rest_s = rest_s


class _Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Client:
    """Fetches over HTTP for any number of threads; each keeps its own connections until `close`.

    allow_private: whether addresses that are not on the public Internet may be asked.
    """

    def __init__(self, manners: Manners, *, allow_private: bool = False) -> None:
        self.manners = manners
        self.stop = threading.Event()
        self._pace = Pace(manners.rate_per_s)
        self._allow_private = allow_private
        self._secrets: set[str] = set()
        self._local = threading.local()
        self._everybodys_lines: list[dict[tuple, Line]] = []
        self._tls = ssl.create_default_context()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; no thread may be using the client any more."""
        for lines in self._everybodys_lines:
            for line in lines.values():
                line.connection.close()
            lines.clear()

    def get(self, url: str, *, accept: Callable[[bytes], Body]) -> Body:
        """Return `accept(body)` of the answer to a GET request.

        `accept` raises DataError for a body that is not what was hoped for, such as an error page in
        place of an image; that counts as a failed try. Raises Missing for what does not exist,
        NotServed for another status that will not change, DataError after the last try, UsageError for
        an address that must not be asked.
        """
        return self._persist("GET", url, None, accept)

    def post_json(self, url: str, payload: Mapping[str, Any], *, accept: Callable[[bytes], Body]) -> Body:
        """Return `accept(body)` of the answer to a POST request with a JSON body; raises like `get`."""
        return self._persist("POST", url, json.dumps(payload).encode(), accept)

    def keep_secret(self, *texts: str) -> None:
        """Let no message show these texts, such as keys."""
        self._secrets |= set(filter(None, texts))

    def shown(self, url: str) -> str:
        """Return a URL as messages show it: without its query, where keys live, and without secrets."""
        try:
            parts = urlsplit(url)
            url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        except ValueError:
            url = "the URL"
        for secret in tuple(self._secrets):
            url = url.replace(secret, "***")
        return url

    def _persist(self, method: str, url: str, body: bytes | None, accept: Callable[[bytes], Body]) -> Body:
        reason = ""
        for attempt in range(self.manners.tries):
            if attempt:
                self._sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)))
            self._sleep(self._pace.reserve())
            try:
                return accept(self._follow(method, url, body))
            except (NotServed, Missing):
                raise
            except _Unsuccessful as error:
                reason = str(error)
                if error.rest_s:
                    self._pace.rest(error.rest_s)
            except DataError as error:
                reason = str(error)
        raise DataError(f"{self.shown(url)}: {reason}, after {self.manners.tries} tries")

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds) if seconds > 0 else self.stop.is_set():
            raise Interrupted("the run was interrupted")

    def _follow(self, method: str, url: str, body: bytes | None) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            parts = split_url(url, shown=self.shown(url))
            answer = self._exchange(method, parts, body)
            if answer.status not in REDIRECTS or "Location" not in answer.headers:
                return self._judge(answer, url)
            target = urljoin(url, answer.headers["Location"])
            if parts.scheme == "https" and urlsplit(target).scheme != "https":
                raise NotServed(
                    answer.status, f"{self.shown(url)} leads away from https, which is not followed"
                )
            url = target
        raise NotServed(answer.status, f"{self.shown(url)}: more than {MOST_REDIRECTS} redirects")

    def _judge(self, answer: _Answer, url: str) -> bytes:
        status = answer.status
        if status == 200:
            return answer.body
        if status in RETRIED:
            rest_s = _retry_after_s(answer.headers.get("Retry-After"))
            if rest_s is not None and rest_s > LONGEST_REST_S:
                raise NotServed(
                    status, f"{self.shown(url)}: HTTP status {status}, come back in {rest_s:.0f} seconds"
                )
            raise _Unsuccessful(f"HTTP status {status}", rest_s)
        if status in GONE:
            raise Missing(f"{self.shown(url)}: HTTP status {status}")
        raise NotServed(status, f"{self.shown(url)}: HTTP status {status}")

    def _exchange(self, method: str, parts: SplitResult, body: bytes | None) -> _Answer:
        """Ask once; a kept connection that the server has closed in the meantime is opened anew."""
        lines = self._lines()
        key = (parts.scheme, parts.hostname, parts.port)
        for reused in (True, False) if key in lines else (False,):
            if key not in lines:
                lines[key] = open_line(
                    parts, self.manners.stall_s, self._tls, allow_private=self._allow_private
                )
            try:
                return self._ask(method, parts, body, lines[key])
            except (OSError, http.client.HTTPException) as error:
                self._drop(key)
                if not (reused and isinstance(error, ConnectionError)):
                    raise _Unsuccessful(_plain(error)) from None
        raise AssertionError("a new connection either answers or fails")

    def _ask(self, method: str, parts: SplitResult, body: bytes | None, line: Line) -> _Answer:
        end_s = time.monotonic() + self.manners.deadline_s
        target = line.prefix + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "User-Agent": f"cvgl-bench/{cvgl_bench.__version__}",
            "Accept-Encoding": "identity",
            **line.headers,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        line.connection.request(method, target, body, headers)
        with line.connection.getresponse() as response:
            data = self._read(response, line.connection, end_s)
        return _Answer(response.status, response.headers, data)

    def _read(
        self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection, end_s: float
    ) -> bytes:
        most = int(self.manners.body_mb * 1e6)
        expected, socket = response.length, connection.sock
        if expected is not None and expected > most:
            raise http.client.HTTPException(f"an answer of {expected} bytes, more than {most} are not read")
        chunks, size = [], 0
        while chunk := response.read1(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            left_s = end_s - time.monotonic()
            if size > most:
                raise http.client.HTTPException(f"an answer of more than {most} bytes")
            if left_s <= 0:
                raise TimeoutError(f"not finished after {self.manners.deadline_s:g} seconds")
            if socket is not None:
                socket.settimeout(min(self.manners.stall_s, left_s))
        if expected is not None and size != expected:
            raise http.client.HTTPException(f"cut off after {size} of {expected} bytes")
        if connection.sock is not None:
            connection.sock.settimeout(self.manners.stall_s)
        return b"".join(chunks)

    def _lines(self) -> dict[tuple, Line]:
        if not hasattr(self._local, "lines"):
            self._local.lines = {}
            self._everybodys_lines.append(self._local.lines)
        return self._local.lines

    def _drop(self, key: tuple) -> None:
        line = self._lines().pop(key, None)
        if line is not None:
            line.connection.close()


def _retry_after_s(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _plain(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return "no answer in time" if "timed out" in text else text
