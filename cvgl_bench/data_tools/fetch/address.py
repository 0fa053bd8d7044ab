"""Which addresses may be asked: public HTTP servers, and others only where the user opens them."""

from __future__ import annotations

import ipaddress

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from cvgl_bench.foundation.errors import UsageError

SCHEMES = ("http", "https")


def split_url(url: str, *, shown: str) -> Url:
    """Return the parts of an HTTP URL; UsageError for any other kind. `shown` is its form without secrets."""
    try:
        parts = parse_url(url)
        (parts.host or "").encode("idna")
    except (LocationParseError, UnicodeError):
        raise UsageError(f"'{shown}' is not a URL.") from None
    if parts.scheme not in SCHEMES or not parts.host or parts.port == 0:
        raise UsageError(
            f"'{shown}' is not an http:// or https:// address with a host; only those are fetched."
        )
    if parts.auth:
        raise UsageError(
            f"'{parts.host}': a URL must not hold a password; put the key into the environment variable "
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


def is_number(host: str) -> bool:
    """Return whether a host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
