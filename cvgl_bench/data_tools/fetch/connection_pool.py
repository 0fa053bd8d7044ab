"""urllib3's connection pools under our rules: checked addresses, and one deadline for a whole request."""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, make_headers
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url, parse_url

from cvgl_bench.data_tools.fetch.address import is_number, require_public


class _Deadline(threading.local):
    """Until when the request that a thread is making must be done."""

    end_s = math.inf
    seconds = math.inf

    def left_s(self) -> float:
        left_s = self.end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"not finished after {self.seconds:g} seconds")
        return left_s


_deadline = _Deadline()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End what this thread asks for with a TimeoutError after so many seconds, however it drips.

    urllib3's own timeouts are those of single reads: a byte now and then, be it of a header, of an
    interim answer or of a chunk's length, keeps them from ever ending a request.
    """
    _deadline.end_s, _deadline.seconds = time.monotonic() + seconds, seconds
    try:
        yield
    finally:
        _deadline.end_s = math.inf


class _TimedReads(socket.socket):
    """A socket whose reads know the deadline; `http.client` reads everything by `recv_into`."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        left_s, stall_s = _deadline.left_s(), self.gettimeout()
        if stall_s is None or left_s < stall_s:
            self.settimeout(left_s)
        try:
            return super().recv_into(*args, **kwargs)
        except TimeoutError:
            _deadline.left_s()
            raise


class _TimedTlsReads(_TimedReads, ssl.SSLSocket):
    """The same over TLS."""


class _CheckedConnection(HTTPConnection):
    """A connection that is made only to an address that may be asked."""

    allow_private = False

    def _new_conn(self) -> socket.socket:
        """Connect to the very address that was checked, so that a name cannot change in between.

        Which private addresses lie behind a proxy is the proxy's business.
        """
        problem = OSError(f"'{self.host}' has no address")
        found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            if not self.allow_private and self.proxy is None:
                require_public(self.host, str(address[0]))
            connection = _TimedReads(family, kind, protocol)
            try:
                connection.settimeout(min(self.timeout or math.inf, _deadline.left_s()))
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            except OSError as error:
                connection.close()
                problem = error
        raise problem


def _pool_classes(*, allow_private: bool) -> dict[str, type[HTTPConnectionPool]]:
    """Return connection pools by scheme, for `PoolManager.pool_classes_by_scheme`."""
    rule = {"allow_private": allow_private}
    plain = type("Connection", (_CheckedConnection,), rule)
    tls = type("TlsConnection", (_CheckedConnection, HTTPSConnection), rule)
    return {
        "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }


def _tls_context() -> ssl.SSLContext:
    """Return the system's certificates and rules, for sockets whose reads end in time."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TimedTlsReads
    return context


class ConnectionPools:
    """The pools of all servers that are asked, directly or through the proxy of the environment.

    connections: kept for each server. allow_private: whether addresses that are not on the public
    Internet may be asked. Used from any number of threads.
    """

    def __init__(self, connections: int, *, allow_private: bool) -> None:
        self._connections, self._allow_private = connections, allow_private
        self._lock = threading.Lock()
        self._managers: dict[tuple[str | None, str], PoolManager] = {}

    def manager(self, parts: Url) -> PoolManager:
        """Return what holds the pools for a URL.

        A proxy resolves names itself: only an address that is written as a number can be checked then.
        """
        host = parts.host or ""
        proxy = "" if proxy_bypass(host) else getproxies().get(parts.scheme or "", "")
        if proxy and not self._allow_private and is_number(host):
            require_public(host, host.strip("[]"))
        with self._lock:
            key = parts.scheme, proxy
            if key not in self._managers:
                self._managers[key] = self._new_manager(*key)
            return self._managers[key]

    def close(self) -> None:
        """Close every connection; no thread may be using them any more."""
        for manager in self._managers.values():
            manager.clear()

    def _new_manager(self, scheme: str | None, proxy: str) -> PoolManager:
        make: Callable[..., PoolManager] = PoolManager
        # Reading the system's certificates takes longer than most requests: only where they are asked for.
        tls = _tls_context() if "https" in (scheme, parse_url(proxy).scheme) else None
        if proxy:
            via = parse_url(proxy if "://" in proxy else f"http://{proxy}")
            login = make_headers(proxy_basic_auth=unquote(via.auth or "") or None)
            make = partial(ProxyManager, via._replace(auth=None).url, proxy_headers=login)
        manager = make(maxsize=self._connections, ssl_context=tls)
        manager.pool_classes_by_scheme = _pool_classes(allow_private=self._allow_private)
        return manager
