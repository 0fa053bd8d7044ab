"""The HTTP client against answers that no well-behaved server gives, byte by byte."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib
from contextlib import contextmanager

import brotli
import pytest

from cvgl_bench.data_tools.fetch import connection_pool
from cvgl_bench.data_tools.fetch.client import Missing, NotServed
from cvgl_bench.foundation.errors import DataError, UsageError

TEXT = b"fine " * 100
DRIP_S = 0.01


def body(data: bytes) -> bytes:
    return data


@contextmanager
def speak(answer, context: ssl.SSLContext | None = None):
    """Serve connections by `answer(send)`, which sends bytes; each is closed then. Gives the port."""
    listener, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve(connection) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) if context else connection as stream:
                stream.recv(65536)
                answer(lambda data: stop.is_set() or stream.sendall(data))
        except OSError:
            """Clients that give up are part of the tests."""

    def loop() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def ask(client, answer) -> bytes:
    with speak(answer) as port:
        return client.get(f"http://127.0.0.1:{port}/x", accept=body)


def drip(start: bytes, piece: bytes):
    """Send a start, then a piece again and again."""

    def answer(send) -> None:
        send(start)
        for _ in range(1000):
            send(piece)
            time.sleep(DRIP_S)

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DRIPS = {
    "status line": drip(b"HTTP/1.1 200 O", b"K"),
    "header": drip(b"HTTP/1.1 200 OK\r\nX: ", b"a"),
    "interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "body without a length": drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "length of a chunk": drip(CHUNKED + b"1;", b"x"),
    "chunks": drip(CHUNKED, b"1\r\nx\r\n"),
    "trailer": drip(CHUNKED + b"1\r\nx\r\n0\r\nX: ", b"a"),
}


@pytest.mark.parametrize("what", DRIPS)
def test_the_deadline_holds_for_every_part_of_an_answer(make_client, what):
    start = time.monotonic()
    with pytest.raises(DataError, match="not finished after 0.3 seconds, after 1 tries"):
        ask(make_client(tries=1, deadline_s=0.3), DRIPS[what])
    assert time.monotonic() - start < 2


def test_the_deadline_spans_redirects(serve, make_client):
    server = serve(lambda *request: time.sleep(0.15) or (302, {"Location": "/again"}, b""))
    with pytest.raises(DataError, match="not finished after 0.4 seconds"):
        make_client(tries=1, deadline_s=0.4).get(server.url, accept=body)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "GZIP": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "gzip, gzip": gzip.compress(gzip.compress(TEXT)),
    "identity": TEXT,
    "utf-8": TEXT,
}


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("chunked", [False, True])
def test_packed_answers_are_unpacked_though_not_asked_for(client, encoding, chunked):
    assert ask(client, packed(PACKED[encoding], encoding, chunked=chunked)) == TEXT


def packed(data: bytes, encoding: str, *, chunked: bool = False):
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n".encode()
    if chunked:
        middle = len(data) // 2
        parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in (data[:middle], data[middle:], b"")]
        return lambda send: send(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts))
    return lambda send: send(head + b"Content-Length: %d\r\n\r\n" % len(data) + data)


def test_deflate_without_its_header_is_unpacked(client):
    assert ask(client, packed(raw_deflate(TEXT), "deflate")) == TEXT


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (TEXT, "zstd", "an answer in the encoding 'zstd', which was not asked for"),
        (TEXT, "gzip", "content-encoding: gzip, but failed to decode it"),
        (b"\xff" * 200, "br", "content-encoding: br, but failed to decode it"),
        (gzip.compress(b"\0" * 3_000_000), "gzip", "an answer of more than 1000000 bytes"),
        (brotli.compress(b"\0" * 3_000_000), "br", "an answer of more than 1000000 bytes"),
        (gzip.compress(gzip.compress(b"\0" * 3_000_000)), "gzip, gzip", "more than 1000000 bytes"),
        (b"\0" * 1_100_000, "identity", "an answer of 1100000 bytes, more than 1000000 are not read"),
    ],
    ids=["zstd", "not gzip", "not br", "gzip bomb", "br bomb", "gzip bomb in gzip", "large"],
)
def test_what_cannot_be_unpacked_or_grows_too_large_is_named(make_client, data, encoding, text):
    with pytest.raises(DataError, match=text):
        ask(make_client(tries=1, body_mb=1), packed(data, encoding))


def test_an_endless_answer_ends_at_the_limit(make_client):
    def answer(send) -> None:
        send(CHUNKED)
        for _ in range(200):
            send(b"10000\r\n" + b"\0" * 65536 + b"\r\n")

    with pytest.raises(DataError, match="an answer of more than 1000000 bytes"):
        ask(make_client(tries=1, body_mb=1, stall_s=5, deadline_s=20), answer)


def test_no_content_means_that_there_is_none(client):
    with pytest.raises(Missing, match="HTTP status 204"):
        ask(client, lambda send: send(b"HTTP/1.1 204 No Content\r\n\r\n"))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 550\r\n\r\n" + TEXT, "cut off before its end"),
        (CHUNKED + b"1f4\r\n" + TEXT[:100], "cut off before its end"),
        (CHUNKED + b"zz\r\n", "cut off before its end"),
        (b"", "closed connection without response"),
        (b"\x1b[2J\x16\x03" * 100, r"/x: \?\[2J\?\?"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n", "more than 100 headers"),
    ],
    ids=["length", "chunk", "chunk length", "nothing", "no HTTP", "long header", "many headers"],
)
def test_broken_answers_are_failed_tries_with_a_short_reason(make_client, answer, text):
    with pytest.raises(DataError, match=text) as caught:
        ask(make_client(tries=1), lambda send: send(answer))
    assert len(str(caught.value)) < 300 and str(caught.value).isprintable()


def test_more_than_was_announced_does_not_reach_the_next_request(client):
    answers = iter([TEXT + b"HTTP/1.1 200 OK\r\n\r\nsmuggled", TEXT])

    def answer(send) -> None:
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + next(answers))
        time.sleep(0.2)

    with speak(answer) as port:
        for _ in range(2):
            assert client.get(f"http://127.0.0.1:{port}/", accept=body) == TEXT
            time.sleep(0.05)


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "http://" + "a" * 70 + ".example/", "http://a..b/", "http://[::1/", "http://h:99999/",
     "http://user:hunter2@127.0.0.1/"],
)  # fmt: skip
def test_a_redirect_to_nowhere_fails_that_file_alone(client, target):
    head = f"HTTP/1.1 302 F\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    with pytest.raises(NotServed, match="leads astray") as caught:
        ask(client, lambda send: send(head))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("target", ["/caf\xe9/x", "/a b"])
def test_a_redirect_with_odd_letters_is_followed(client, target):
    seen = []

    def answer(send) -> None:
        seen.append(None)
        if len(seen) == 1:
            send(f"HTTP/1.1 302 F\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))
        else:
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")

    assert ask(client, answer) == b"fine"


@pytest.mark.parametrize(
    "value", ["\xb2", "Mon, 01 Jan 0001 00:00:00 -0000", "soon", pytest.param("9" * 5000, id="9s")]
)
def test_a_retry_after_that_makes_no_sense_is_waived(make_client, value):
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    with pytest.raises(DataError, match="HTTP status 503"):
        ask(make_client(tries=1), lambda send: send(head))


def test_a_name_is_looked_up_once_for_a_connection(serve, client, monkeypatch):
    """Else another answer of the name server could lead where the check did not look."""
    server = serve(lambda *request: (200, {}, b"fine"))
    looked_up, real = [], socket.getaddrinfo

    def look_up(host, *more, **options):
        looked_up.append(host)
        return real("127.0.0.1" if len(looked_up) == 1 else "10.0.0.8", *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    port = server.server_address[1]
    assert client.get(f"http://tiles.example:{port}/", accept=body) == b"fine"
    assert looked_up == ["tiles.example"]


def test_every_address_of_a_name_is_checked(make_client, monkeypatch):
    """A name with a public address where nobody answers and a private one behind it is refused."""
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    addresses = [(*entry, ("127.0.0.1", 9)), (*entry, ("10.0.0.8", 9))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *request, **options: addresses)
    refuse = connection_pool.require_public
    monkeypatch.setattr(
        connection_pool, "require_public", lambda host, ip: ip == "127.0.0.1" or refuse(host, ip)
    )
    with pytest.raises(UsageError, match="10.0.0.8, which is not on the public Internet"):
        make_client(allow_private=False).get("http://tiles.example:9/", accept=body)


def test_a_key_that_a_server_sends_back_is_not_shown(serve, make_client):
    client = make_client(tries=1)
    client.keep_secret("s3 cret")
    server = serve(lambda *request: (200, {}, b"your key is s3 cret"))

    def accept(data: bytes) -> bytes:
        raise DataError(f"beginning with {data!r}")

    with pytest.raises(DataError) as caught:
        client.get(f"{server.url}/s3%20cret/", accept=accept)
    assert "cret" not in str(caught.value) and "your key is ***" in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return the file of a new key and certificate for 127.0.0.1."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=here",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file, "-out", file.with_name("cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + file.with_name("cert.pem").read_bytes())
    return file


@pytest.fixture
def tls(certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_the_deadline_holds_over_tls(make_client, tls, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = make_client(tries=1, deadline_s=0.5)
    with speak(lambda send: send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"), tls) as port:
        assert client.get(f"https://127.0.0.1:{port}/", accept=body) == b"fine"
    with speak(DRIPS["header"], tls) as port, pytest.raises(DataError, match="not finished after 0.5 sec"):
        client.get(f"https://127.0.0.1:{port}/", accept=body)


def test_a_certificate_that_nobody_vouches_for_is_refused(make_client, tls):
    with speak(lambda send: send(b"HTTP/1.1 200 OK\r\n\r\n"), tls) as port:
        with pytest.raises(DataError, match="certificate verify failed"):
            make_client(tries=1).get(f"https://127.0.0.1:{port}/", accept=body)
