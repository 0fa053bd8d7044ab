"""Opening a connection to a server: directly to a checked address, or through the user's proxy."""

from __future__ import annotations

import base64
import http.client
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from cvgl_bench.data_tools.fetch.address import PORTS, connect, require_public


@dataclass(frozen=True)
class Line:
    """A connection, what its request targets begin with, and headers that every request needs."""

    connection: http.client.HTTPConnection
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def open_line(parts: SplitResult, stall_s: float, tls: ssl.SSLContext, *, allow_private: bool) -> Line:
    """Return a connection, not yet made, to the server of a URL.

    A proxy from the environment is used as everywhere else. It resolves names itself, so that only an
    address that is written as a number can be checked then.
    """
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(host):
        if not allow_private and _is_number(host):
            require_public(host, host)
        return _through_proxy(proxy, parts, port, stall_s, tls)
    if parts.scheme == "https":
        return Line(_CheckedTls(host, port, stall_s, allow_private, tls))
    return Line(_Checked(host, port, stall_s, allow_private))


class _Checked(http.client.HTTPConnection):
    """A connection that is made only to an address that may be asked."""

    def __init__(self, host: str, port: int, stall_s: float, allow_private: bool) -> None:
        super().__init__(host, port, timeout=stall_s)
        self._allow_private = allow_private

    def connect(self) -> None:
        self.sock = connect(self.host, self.port, self.timeout, allow_private=self._allow_private)


class _CheckedTls(http.client.HTTPSConnection):
    """The same over TLS."""

    def __init__(
        self, host: str, port: int, stall_s: float, allow_private: bool, tls: ssl.SSLContext
    ) -> None:
        super().__init__(host, port, timeout=stall_s, context=tls)
        self._allow_private, self._tls = allow_private, tls

    def connect(self) -> None:
        plain = connect(self.host, self.port, self.timeout, allow_private=self._allow_private)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise


def _through_proxy(proxy: str, parts: SplitResult, port: int, stall_s: float, tls: ssl.SSLContext) -> Line:
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    via_host, via_port = via.hostname or "", via.port or PORTS.get(via.scheme, PORTS["http"])
    login = {}
    if via.username:
        secret = f"{unquote(via.username)}:{unquote(via.password or '')}"
        login["Proxy-Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(via_host, via_port, timeout=stall_s, context=tls)
        connection.set_tunnel(parts.hostname or "", port, login)
        return Line(connection)
    connection = http.client.HTTPConnection(via_host, via_port, timeout=stall_s)
    return Line(connection, f"http://{parts.netloc}", login)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
