"""An HTTP client for many small files: polite, patient within limits, and silent about keys."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urljoin

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, Retry, Timeout
from urllib3.exceptions import DecodeError, HTTPError, InvalidHeader, LocationParseError
from urllib3.util import Url, parse_url

import cvgl_bench
from cvgl_bench.data_tools.fetch.address import split_url
from cvgl_bench.data_tools.fetch.connection_pool import ConnectionPools, deadline
from cvgl_bench.data_tools.fetch.rate_limiter import RateLimiter
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.options import option

Body = TypeVar("Body")

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be different next time."""
NOTHING_THERE = frozenset({204, 404, 410})
MOST_REDIRECTS = 5
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
LONGEST_REST_S = 600.0
"""A server that asks for more patience than this is not waited for; the next run tries again."""
LONGEST_REASON = 200
"""Characters of a reason that a server may fill."""
NOT_DECODED = frozenset({"br", "zstd", "compress"}) - set(BaseHTTPResponse.CONTENT_DECODERS)
"""Encodings that need another package, or that nobody uses; any other name says nothing (`utf-8`, `none`)."""


@dataclass(frozen=True)
class ClientOptions:
    """How a server is treated, and how much patience it gets."""

    connections: int = option(8, "requests under way at once", least=1, most=256)
    rate_per_s: float = option(20.0, "most requests a second, 0 for no limit", least=0)
    tries: int = option(6, "requests for one thing before it counts as failed", least=1, most=20)
    stall_s: float = option(20.0, "seconds without a byte before a request is given up", least=0.05)
    deadline_s: float = option(
        120.0, "seconds that one request may take in all, its redirects included", least=0.05
    )
    body_mb: float = option(32.0, "largest answer in megabytes, packed or unpacked", least=0.001)


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
    headers: HTTPHeaderDict
    body: bytes


class Client:
    """Fetches over HTTP for any number of threads, by one set of connection pools, until `close`.

    allow_private: whether addresses that are not on the public Internet may be asked.
    """

    def __init__(self, options: ClientOptions, *, allow_private: bool = False) -> None:
        self.options = options
        self.stop = threading.Event()
        self._limiter = RateLimiter(options.rate_per_s)
        self._pools = ConnectionPools(options.connections, allow_private=allow_private)
        self._secrets: set[str] = set()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; no thread may be using the client any more."""
        self._pools.close()

    def get(self, url: str, *, accept: Callable[[bytes], Body]) -> Body:
        """Return `accept(body)` of the answer to a GET request.

        `accept` raises DataError for a body that is not what was hoped for, such as an error page in
        place of an image; that counts as a failed try, unless it is Missing. Raises Missing for what does
        not exist, NotServed for another status that will not change, DataError after the last try,
        UsageError for an address that must not be asked.
        """
        return self._persist("GET", url, None, accept)

    def post_json(self, url: str, payload: Mapping[str, Any], *, accept: Callable[[bytes], Body]) -> Body:
        """Return `accept(body)` of the answer to a POST request with a JSON body; raises like `get`."""
        return self._persist("POST", url, json.dumps(payload).encode(), accept)

    def keep_secret(self, *texts: str) -> None:
        """Let no message show these texts, such as keys."""
        for text in filter(None, texts):
            self._secrets |= {text, quote(text), quote(text, safe="")}

    def shown(self, url: str) -> str:
        """Return a URL as messages show it: without its query, where keys live, and without secrets."""
        try:
            parts = parse_url(self._without_secrets(url))
        except LocationParseError:
            return "the URL"
        return f"{parts.scheme}://{parts.netloc}{parts.path or ''}"

    def _without_secrets(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _persist(self, method: str, url: str, body: bytes | None, accept: Callable[[bytes], Body]) -> Body:
        """Try until it works; urllib3's own retries sleep where neither `stop` nor a rest reaches them."""
        reason = ""
        for attempt in range(self.options.tries):
            if attempt:
                self._sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)))
            self._sleep(self._limiter.reserve())
            try:
                with deadline(self.options.deadline_s):
                    answer = self._follow(method, url, body)
                return accept(answer)
            except (NotServed, Missing):
                raise
            except _Unsuccessful as error:
                reason = str(error)
                self._limiter.rest(error.rest_s or 0)
            except DataError as error:
                reason = str(error)
        reason = self._without_secrets(reason)
        raise DataError(f"{self.shown(url)}: {reason}, after {self.options.tries} tries")

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds) if seconds > 0 else self.stop.is_set():
            raise Interrupted("the run was interrupted")

    def _follow(self, method: str, url: str, body: bytes | None) -> bytes:
        parts = split_url(url, shown=self.shown(url))
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._exchange(method, parts, body)
            if answer.status not in BaseHTTPResponse.REDIRECT_STATUSES or "Location" not in answer.headers:
                return self._judge(answer, parts.url)
            parts = self._redirected(answer, parts)
        raise NotServed(answer.status, f"{self.shown(url)}: more than {MOST_REDIRECTS} redirects")

    def _redirected(self, answer: _Answer, parts: Url) -> Url:
        """Return where an answer leads; urllib3 would follow it unseen."""
        start = self.shown(parts.url)
        try:
            target = urljoin(parts.url, answer.headers["Location"])
            led = split_url(target, shown=self.shown(target))
        except (UsageError, ValueError) as error:
            raise NotServed(answer.status, f"{start} leads astray: {error}") from None
        if parts.scheme == "https" and led.scheme != "https":
            raise NotServed(answer.status, f"{start} leads away from https, which is not followed")
        return led

    def _judge(self, answer: _Answer, url: str) -> bytes:
        status = answer.status
        if status == 200:
            return answer.body
        if status in NOTHING_THERE:
            raise Missing(f"{self.shown(url)}: HTTP status {status}")
        if status in RETRIED:
            rest_s = _retry_after_s(answer.headers.get("Retry-After"))
            if rest_s is None or rest_s <= LONGEST_REST_S:
                raise _Unsuccessful(f"HTTP status {status}", rest_s)
            raise NotServed(
                status, f"{self.shown(url)}: HTTP status {status}, come back in {rest_s:.0f} seconds"
            )
        raise NotServed(status, f"{self.shown(url)}: HTTP status {status}")

    def _exchange(self, method: str, parts: Url, body: bytes | None) -> _Answer:
        headers = {"User-Agent": f"cvgl-bench/{cvgl_bench.__version__}", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = self._pools.manager(parts).urlopen(
                method,
                parts.url,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=Timeout(self.options.stall_s),
            )
            return _Answer(response.status, response.headers, self._read(response))
        except (HTTPError, OSError, http.client.HTTPException) as error:
            raise _Unsuccessful(_plain(error)) from None

    def _read(self, response: BaseHTTPResponse) -> bytes:
        """Return the decoded body; neither its packed nor its unpacked form may be too large."""
        most = int(self.options.body_mb * 1e6)
        try:
            if (response.length_remaining or 0) > most:
                raise _Unsuccessful(
                    f"an answer of {response.length_remaining} bytes, more than {most} are not read"
                )
            encodings = response.headers.get("Content-Encoding", "").lower().replace(" ", "").split(",")
            unknown = NOT_DECODED.intersection(encodings)
            if unknown:
                raise _Unsuccessful(f"an answer in the encoding '{min(unknown)}', which was not asked for")
            body = response.read(most + 1)
            if len(body) > most:
                raise _Unsuccessful(f"an answer of more than {most} bytes")
            return body
        finally:
            # A connection that was read to its end is in its pool already, and stays open.
            response.close()
            response.release_conn()


def _retry_after_s(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date."""
    try:
        return Retry().parse_retry_after(value) if value else None
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _plain(error: BaseException) -> str:
    """Return what is behind urllib3's wrappers, whose texts name objects, pools and settings."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(error, DecodeError):
        error = inner
        last = error.args[-1] if error.args else None
        inner = error.__cause__ or (last if isinstance(last, BaseException) else None)
    if isinstance(error, http.client.IncompleteRead):
        return "cut off before its end"
    text = str(error) or type(error).__name__
    if "timed out" in text:
        return "no answer in time"
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_REASON])
