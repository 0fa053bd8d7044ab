"""The HTTP client against servers that misbehave."""

from __future__ import annotations

import threading
import time

import pytest

from cvgl_bench.data_tools.fetch import address, connection_pool
from cvgl_bench.data_tools.fetch.client import Missing, NotServed
from cvgl_bench.foundation.errors import DataError, UsageError

OK = (200, {}, b"fine")


def body(data: bytes) -> bytes:
    return data


def in_turn(*answers):
    """Answer the first request with the first, and so on; the last one stays."""
    left = list(answers)
    return lambda *request: left.pop(0) if len(left) > 1 else left[0]


def test_a_body_arrives_and_the_connection_is_kept(serve, client):
    server = serve(lambda *request: OK)
    assert [client.get(server.url + "/a?b=c", accept=body) for _ in range(3)] == [b"fine"] * 3
    assert server.asked == {"/a?b=c": 3}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_change_is_asked_again(serve, client, hurried, status):
    server = serve(in_turn((status, {}, b""), OK))
    assert client.get(server.url, accept=body) == b"fine"


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_what_will_not_change_is_asked_once(serve, client, status):
    server = serve(lambda *request: (status, {}, b"no"))
    with pytest.raises(Missing if status > 403 else NotServed, match=str(status)):
        client.get(server.url + "/x", accept=body)
    assert server.asked["/x"] == 1


def test_tries_end(serve, client, hurried):
    server = serve(lambda *request: (500, {}, b""))
    with pytest.raises(DataError, match="HTTP status 500, after 3 tries"):
        client.get(server.url + "/x", accept=body)
    assert server.asked["/x"] == 3


def test_retry_after_rests_everybody(serve, client, hurried):
    server = serve(in_turn((429, {"Retry-After": "1"}, b""), OK))
    start = time.monotonic()
    client.get(server.url, accept=body)
    assert time.monotonic() - start >= 0.95


def test_a_server_that_wants_hours_is_not_waited_for(serve, client):
    server = serve(lambda *request: (503, {"Retry-After": "7200"}, b""))
    with pytest.raises(NotServed, match="7200 seconds"):
        client.get(server.url, accept=body)


def test_a_cut_off_body_is_asked_again(serve, client, hurried):
    server = serve(in_turn((200, {"Content-Length": "100"}, b"half"), OK))
    assert client.get(server.url, accept=body) == b"fine"


def test_a_stalling_server_is_given_up(serve, client, hurried):
    server = serve(lambda *request: time.sleep(0.8) or OK)
    with pytest.raises(DataError, match="no answer in time, after 3 tries"):
        client.get(server.url, accept=body)


def test_a_server_that_drips_runs_into_the_deadline(make_client):
    with Drip() as drip, pytest.raises(DataError, match="not finished after 0.3 seconds|no answer in time"):
        make_client(tries=1, deadline_s=0.3).get(drip.url, accept=body)


class Drip:
    """A server that sends one byte every 20 ms."""

    def __enter__(self):
        import socket

        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return self

    def _run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            while not self._stop.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    def __exit__(self, *error) -> None:
        self._stop.set()
        self._listener.close()


def test_large_answers_are_refused(serve, make_client):
    server = serve(lambda *request: (200, {}, b"x" * 5000))
    small = make_client(tries=1, body_mb=0.001)
    with pytest.raises(DataError, match="5000 bytes, more than 1000"):
        small.get(server.url, accept=body)


def test_a_body_that_is_not_accepted_counts_as_a_failed_try(serve, client, hurried):
    server = serve(in_turn((200, {}, b"<html>busy</html>"), OK))

    def accept(data: bytes) -> bytes:
        if data.startswith(b"<"):
            raise DataError("a page")
        return data

    assert client.get(server.url, accept=accept) == b"fine"


def test_a_closed_kept_connection_costs_no_try(serve, make_client):
    patient = make_client(tries=1)
    server = serve(in_turn((200, {"Connection": "close"}, b"fine"), OK))
    assert patient.get(server.url, accept=body) == b"fine"
    assert patient.get(server.url, accept=body) == b"fine"


def test_redirects_are_followed_within_bounds(serve, client):
    target = serve(lambda *request: OK)
    server = serve(lambda *request: (302, {"Location": target.url + "/there"}, b""))
    assert client.get(server.url, accept=body) == b"fine"
    loop = serve(lambda *request: (302, {"Location": "/again"}, b""))
    with pytest.raises(NotServed, match="more than 5 redirects"):
        client.get(loop.url, accept=body)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.8", "169.254.169.254", "[::ffff:10.0.0.8]"]
)
def test_private_addresses_are_refused(make_client, host):
    with pytest.raises(UsageError, match="not on the public Internet"):
        make_client(allow_private=False).get(f"http://{host}:9/", accept=body)


def test_a_redirect_to_a_private_address_is_refused(serve, make_client, monkeypatch):
    server = serve(lambda *request: (302, {"Location": "http://10.0.0.8/"}, b""))
    refuse = address.require_public
    monkeypatch.setattr(
        connection_pool, "require_public", lambda host, ip: ip == "127.0.0.1" or refuse(host, ip)
    )
    with pytest.raises(UsageError, match="'10.0.0.8' is the address"):
        make_client(allow_private=False).get(server.url, accept=body)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host/x",
        "http:///x",
        "http://user:pw@host/",
        "http://host:99999/",
        "gopher://x",
    ],
)
def test_only_http_urls_are_asked(client, url):
    with pytest.raises(UsageError) as caught:
        client.get(url, accept=body)
    assert "pw" not in str(caught.value)


def test_no_message_shows_keys(serve, client, hurried):
    server = serve(lambda *request: (403, {}, b""))
    client.keep_secret("s3cret")
    with pytest.raises(NotServed) as caught:
        client.get(f"{server.url}/s3cret/x?key=other-s3cret&token=abc", accept=body)
    assert "s3cret" not in str(caught.value) and "abc" not in str(caught.value)
    assert "/***/x" in str(caught.value)


def test_stopping_ends_the_waiting(serve, client):
    server = serve(lambda *request: (503, {"Retry-After": "300"}, b""))
    threading.Timer(0.1, client.stop.set).start()
    with pytest.raises(DataError, match="interrupted"):
        client.get(server.url, accept=body)
    assert sum(server.asked.values()) == 1, "the 300 seconds were not waited for"


def test_a_proxy_is_used_and_sees_no_private_numbers(serve, make_client, monkeypatch):
    proxy = serve(lambda *request: OK)
    monkeypatch.setenv("http_proxy", proxy.url.replace("http://", "http://me:word@"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    client = make_client(tries=1, allow_private=False)
    assert client.get("http://tiles.example/1/2/3", accept=body) == b"fine"
    assert proxy.asked == {"http://tiles.example/1/2/3": 1}
    with pytest.raises(UsageError, match="not on the public Internet"):
        client.get("http://169.254.169.254/latest", accept=body)
