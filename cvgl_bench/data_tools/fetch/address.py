"""Which addresses may be asked: public HTTP servers, and others only where the user opens them."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from cvgl_bench.foundation.errors import UsageError

PORTS = {"http": 80, "https": 443}


def split_url(url: str, *, shown: str) -> SplitResult:
    """Return the parts of an HTTP URL; UsageError for any other kind. `shown` is its form without secrets."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"'{shown}' is not a URL: {error}.") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise UsageError(
            f"'{shown}' is not an http:// or https:// address with a host; only those are fetched."
        )
    if parts.username or parts.password:
        raise UsageError(
            f"'{parts.hostname}': a URL must not hold a password; put the key into the environment variable "
            "CVGL_KEY_NAME and write {key:NAME}."
        )
    return parts


def require_public(host: str, address: str) -> None:
    """Raise UsageError unless an IP address, to which `host` resolved, is on the public Internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if not ip.is_global or ip.is_multicast:
        raise UsageError(
            f"'{host}' is the address {address}, which is not on the public Internet; pass "
            "--allow-private if the server is yours."
        )


def connect(host: str, port: int, timeout_s: float, *, allow_private: bool) -> socket.socket:
    """Return a TCP connection to the very address that was checked, so that a name cannot change between.

    Raises UsageError for an address that is not public, OSError where nobody answers.
    """
    problem: OSError = OSError(f"'{host}' has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not allow_private:
            require_public(host, str(address[0]))
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_s)
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            connection.close()
            problem = error
    raise problem
